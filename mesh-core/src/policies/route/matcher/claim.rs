//! Conditions on what a verified token says (VM-8).

use std::fmt;

use serde_json::Value;

use super::Want;
use crate::identity::Claims;
use crate::route::PatternError;

/// How the name of a header condition begins that is about a claim.
const PREFIX: &str = "@request.auth.claims";

/// A claim by its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim(Box<[Box<str>]>);

impl Claim {
    /// The claim that a header condition of this name is about; `None` if it is about a header.
    ///
    /// `@request.auth.claims.a.b` and `@request.auth.claims[a][b]` are the same claim; the second form has
    /// room for dots in names.
    pub(super) fn named(name: &str) -> Result<Option<Self>, PatternError> {
        let Some(path) = name.strip_prefix(PREFIX) else { return Ok(None) };
        let parts: Option<Vec<Box<str>>> = match path.strip_prefix('.') {
            Some(dotted) => Some(dotted.split('.').map(Into::into).collect()),
            None => path
                .strip_prefix('[')
                .and_then(|path| path.strip_suffix(']'))
                .map(|path| path.split("][").map(Into::into).collect()),
        };
        match parts.filter(|parts| parts.iter().all(|part| !part.is_empty() && !part.contains(['[', ']']))) {
            Some(parts) => Ok(Some(Self(parts.into()))),
            None => {
                let hint = "use `@request.auth.claims.a.b` or `@request.auth.claims[a][b]`";
                Err(PatternError::new(format!("{name:?} names no claim: {hint}")))
            }
        }
    }

    /// Whether the claim, or a member of it if it is a list, is as wanted; never without a token.
    pub(super) fn fits(&self, claims: Option<&Claims>, want: &Want) -> bool {
        let path = || self.0.iter().map(|part| &**part);
        match claims.and_then(|claims| claims.get(path())) {
            Some(Value::String(text)) => want.fits(text.as_bytes()),
            Some(Value::Array(items)) => {
                items.iter().filter_map(Value::as_str).any(|item| want.fits(item.as_bytes()))
            }
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|part| write!(f, "[{part}]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Matcher, RequestView, StringMatch};

    #[test]
    fn vm_8_claims_are_strings_or_list_members() {
        let claims = serde_json::json!({
            "a": {"b": "x", "list": ["y", "z", 7]}, "n": 1, "flag": true, "https://a.b/c": "u", "none": []
        });
        let Value::Object(claims) = claims else { unreachable!("an object was written") };
        let claims = Claims::new(claims);
        let request = http::Request::new(());
        let with = RequestView::of(&request).claims(&claims);
        let without = RequestView::of(&request);
        for (name, want, fits) in [
            (".a.b", Some("x"), true),
            ("[a][b]", Some("x"), true),
            ("[a][list]", Some("z"), true),
            (".a.list", Some("x"), false),
            (".a.list", Some("7"), false),
            ("[https://a.b/c]", Some("u"), true),
            (".n", Some("1"), false),
            (".flag", Some("true"), false),
            (".c", Some(""), false),
            (".a", None, false),
            (".a.list", None, true),
            (".none", None, false),
            (".a.b", None, true),
            (".a.B", None, false),
        ] {
            let name = format!("{PREFIX}{name}");
            let want = want.map(StringMatch::exact);
            let matcher = Matcher::any().header(&name, want.clone()).unwrap();
            assert!(matcher.reads_claims());
            assert_eq!(matcher.matches(&with), fits, "{matcher}");
            assert!(!matcher.matches(&without), "{matcher} without a token");
            let inverse = Matcher::any().without_header(&name, want).unwrap();
            assert_eq!(inverse.matches(&with), !fits, "{inverse}");
            assert!(inverse.matches(&without) && inverse.reads_claims(), "VM-6");
        }
    }

    #[test]
    fn vm_8_names_of_claims_are_checked() {
        for path in ["", ".", "[]", ".a..b", "[a", "a", "[a]b", "[a].b"] {
            assert!(Claim::named(&format!("{PREFIX}{path}")).is_err(), "{path}");
        }
        assert_eq!(Claim::named("x-claims").unwrap(), None);
        assert_eq!(
            Claim::named("@request.auth.claims.a.b").unwrap().unwrap().to_string(),
            format!("{PREFIX}[a][b]")
        );
        assert!(!Matcher::any().header("x", None).unwrap().reads_claims());
    }
}
