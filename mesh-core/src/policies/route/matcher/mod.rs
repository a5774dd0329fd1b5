//! One match block: conditions that must all hold (VM-1).
//!
//! The uri condition stands apart because nearly every block has one and it fails most often; it is
//! one `memcmp` for exact and prefix. The other conditions follow in the order in which they were
//! added.

use self::claim::Claim;
use crate::pattern::{Pattern, PatternError, StringMatch};
use crate::request::{RequestKey, RequestView};

mod claim;
mod cover;
mod describe;
#[cfg(test)]
mod tests;

/// A compiled match block; [`Matcher::any`] matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    uri: Option<Uri>,
    conditions: Vec<Condition>,
}

/// A condition on the path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Uri {
    Exact(Box<str>),
    ExactIgnoreCase(Box<str>),
    Prefix(Box<str>),
    PrefixIgnoreCase(Box<str>),
    /// Gateway API's prefix by segment (GA-3), without its trailing slash.
    Segments(Box<str>),
    Regex(Pattern),
}

/// A condition on anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Scheme(StringMatch),
    Method(StringMatch),
    Authority(StringMatch),
    Header(RequestKey, Want),
    WithoutHeader(RequestKey, Want),
    Query(Box<str>, Want),
    Claim(Claim, Want),
    WithoutClaim(Claim, Want),
}

/// A value is wanted, or just presence.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Want {
    Present,
    Value(StringMatch),
}

/// The first condition of a block that did not hold; [`Matcher::explain`] puts it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The path.
    Uri,
    /// The condition at this index.
    Condition(usize),
}

impl Matcher {
    /// The block that matches everything.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Whether the request fits.
    #[must_use]
    pub fn matches(&self, view: &RequestView<'_>) -> bool {
        self.check(view).is_ok()
    }

    /// Whether the request fits, and if not, the first condition that failed.
    ///
    /// # Errors
    /// The condition that failed.
    pub fn check(&self, view: &RequestView<'_>) -> Result<(), Mismatch> {
        if let Some(uri) = &self.uri
            && !uri.matches(view.path)
        {
            return Err(Mismatch::Uri);
        }
        for (index, condition) in self.conditions.iter().enumerate() {
            if !condition.matches(view) {
                return Err(Mismatch::Condition(index));
            }
        }
        Ok(())
    }

    /// Adds the path condition; `ignore_case` is about exact and prefix only (VM-3).
    #[must_use]
    pub fn uri(mut self, want: StringMatch, ignore_case: bool) -> Self {
        self.uri = Some(match (want, ignore_case) {
            (StringMatch::Exact(text), false) => Uri::Exact(text),
            (StringMatch::Exact(text), true) => Uri::ExactIgnoreCase(text),
            (StringMatch::Prefix(text), false) => Uri::Prefix(text),
            (StringMatch::Prefix(text), true) => Uri::PrefixIgnoreCase(text),
            (StringMatch::Regex(pattern), _) => Uri::Regex(pattern),
        });
        self
    }

    /// Adds Gateway API's path prefix, which ends where a segment ends (GA-3).
    #[must_use]
    pub fn path_segments(mut self, prefix: &str) -> Self {
        self.uri = Some(Uri::Segments(prefix.trim_end_matches('/').into()));
        self
    }

    /// Adds a condition on the scheme (VM-4).
    #[must_use]
    pub fn scheme(self, want: StringMatch) -> Self {
        self.condition(Condition::Scheme(want))
    }

    /// Adds a condition on the method (VM-4).
    #[must_use]
    pub fn method(self, want: StringMatch) -> Self {
        self.condition(Condition::Method(want))
    }

    /// Adds a condition on the authority, port included if the caller sent one (VM-4).
    #[must_use]
    pub fn authority(self, want: StringMatch) -> Self {
        self.condition(Condition::Authority(want))
    }

    /// Adds a condition on a header, a pseudo header or a claim; `None` asks for presence (VM-5, VM-8).
    ///
    /// # Errors
    /// If `name` is no header name, no known pseudo name and no claim.
    pub fn header(self, name: &str, want: Option<StringMatch>) -> Result<Self, PatternError> {
        Ok(self.condition(match Claim::named(name)? {
            Some(claim) => Condition::Claim(claim, want.into()),
            None => Condition::Header(key(name)?, want.into()),
        }))
    }

    /// Adds a condition that the inner one is false; `None` asks for absence (VM-6).
    ///
    /// # Errors
    /// If `name` is no header name, no known pseudo name and no claim.
    pub fn without_header(self, name: &str, want: Option<StringMatch>) -> Result<Self, PatternError> {
        Ok(self.condition(match Claim::named(name)? {
            Some(claim) => Condition::WithoutClaim(claim, want.into()),
            None => Condition::WithoutHeader(key(name)?, want.into()),
        }))
    }

    /// Adds a condition on the first value of a query parameter; `None` asks for presence (VM-7).
    #[must_use]
    pub fn query_param(self, name: &str, want: Option<StringMatch>) -> Self {
        self.condition(Condition::Query(name.into(), want.into()))
    }

    /// How many conditions beside the path there are.
    #[must_use]
    pub fn conditions(&self) -> usize {
        self.conditions.len()
    }

    /// Whether it asks about a verified token (VM-8).
    #[must_use]
    pub fn reads_claims(&self) -> bool {
        let about =
            |condition: &Condition| matches!(condition, Condition::Claim(..) | Condition::WithoutClaim(..));
        self.conditions.iter().any(about)
    }

    fn condition(mut self, condition: Condition) -> Self {
        // Few blocks have more than one.
        self.conditions.reserve_exact(1);
        self.conditions.push(condition);
        self
    }
}

impl From<Option<StringMatch>> for Want {
    fn from(want: Option<StringMatch>) -> Self {
        want.map_or(Self::Present, Self::Value)
    }
}

impl Uri {
    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(want) => path == &**want,
            Self::Prefix(want) => path.as_bytes().starts_with(want.as_bytes()),
            Self::ExactIgnoreCase(want) => path.eq_ignore_ascii_case(want),
            Self::PrefixIgnoreCase(want) => path
                .as_bytes()
                .get(..want.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(want.as_bytes())),
            Self::Segments(want) => path
                .as_bytes()
                .strip_prefix(want.as_bytes())
                .is_some_and(|rest| rest.is_empty() || rest[0] == b'/'),
            Self::Regex(pattern) => pattern.matches(path),
        }
    }
}

impl Want {
    fn fits(&self, value: &[u8]) -> bool {
        match self {
            Self::Present => true,
            Self::Value(want) => want.matches(value),
        }
    }
}

impl Condition {
    fn matches(&self, view: &RequestView<'_>) -> bool {
        match self {
            Self::Scheme(want) => want.matches(view.scheme),
            Self::Method(want) => want.matches(view.method),
            Self::Authority(want) => want.matches(view.authority),
            Self::Header(key, want) => test(key, view, |value| value.is_some_and(|value| want.fits(value))),
            Self::WithoutHeader(key, Want::Present) => test(key, view, |value| value.is_none()),
            Self::WithoutHeader(key, Want::Value(want)) => {
                test(key, view, |value| !want.matches(value.unwrap_or_default()))
            }
            Self::Query(name, want) => {
                view.query_param(name).is_some_and(|value| want.fits(value.as_bytes()))
            }
            Self::Claim(claim, want) => claim.fits(view.claims, want),
            Self::WithoutClaim(claim, want) => !claim.fits(view.claims, want),
        }
    }
}

fn key(name: &str) -> Result<RequestKey, PatternError> {
    RequestKey::new(name).ok_or_else(|| PatternError::new(format!("{name:?} is not a header name")))
}

/// Calls `test` with the value of a key, several joined by `,` (VM-5).
fn test(key: &RequestKey, view: &RequestView<'_>, test: impl Fn(Option<&[u8]>) -> bool) -> bool {
    let name = match key.of(view) {
        Ok(part) => return test(Some(part.as_bytes())),
        Err(name) => name,
    };
    let mut values = view.headers.get_all(name).iter();
    let first = values.next();
    let Some(second) = values.next() else {
        return test(first.map(http::HeaderValue::as_bytes));
    };
    let mut joined = first.map(|value| value.as_bytes().to_vec()).unwrap_or_default();
    for value in std::iter::once(second).chain(values) {
        joined.push(b',');
        joined.extend_from_slice(value.as_bytes());
    }
    test(Some(&joined))
}
