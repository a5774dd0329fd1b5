//! When one block leaves nothing for another (VS-3, VS-5).

use super::{Matcher, Uri};

impl Matcher {
    /// Whether every request fits: no condition at all, or a prefix that every path has.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.conditions.is_empty()
            && match &self.uri {
                None => true,
                Some(Uri::Prefix(prefix) | Uri::PrefixIgnoreCase(prefix)) => prefix.is_empty(),
                Some(_) => false,
            }
    }

    /// Whether this is a catch-all in the sense of VS-3: prefix `/` or regex `.*`, nothing else.
    #[must_use]
    pub fn is_catch_all(&self) -> bool {
        self.conditions.is_empty()
            && match &self.uri {
                None => true,
                Some(Uri::Prefix(prefix) | Uri::PrefixIgnoreCase(prefix)) => {
                    matches!(&**prefix, "" | "/")
                }
                Some(Uri::Segments(prefix)) => prefix.is_empty(),
                Some(Uri::Regex(pattern)) => pattern.as_str() == ".*",
                Some(Uri::Exact(_) | Uri::ExactIgnoreCase(_)) => false,
            }
    }

    /// Whether every request that fits `later` fits this one too, so that `later` behind this one can
    /// never serve. `false` may also mean that it was too hard to decide: two regular expressions are
    /// compared as text only.
    #[must_use]
    pub fn covers(&self, later: &Self) -> bool {
        let uri = match (&self.uri, &later.uri) {
            (None, _) => true,
            (Some(uri), None) => uri.always(),
            (Some(uri), Some(later)) => uri == later || uri.always() || uri.covers(later),
        };
        uri && self.conditions.iter().all(|condition| later.conditions.contains(condition))
    }
}

impl Uri {
    /// Whether every path fits.
    fn always(&self) -> bool {
        matches!(self, Self::Prefix(prefix) | Self::PrefixIgnoreCase(prefix) if prefix.is_empty())
    }

    fn covers(&self, later: &Self) -> bool {
        match (self, later) {
            // What a text says, a text that fits it implies; a pattern of many texts is asked whole.
            (Self::Prefix(_) | Self::PrefixIgnoreCase(_) | Self::Segments(_), Self::Exact(text))
            | (Self::ExactIgnoreCase(_) | Self::Regex(_), Self::Exact(text)) => self.matches(text),
            (Self::Prefix(prefix), Self::Prefix(longer) | Self::Segments(longer)) => {
                longer.starts_with(&**prefix)
            }
            (Self::PrefixIgnoreCase(_), Self::Prefix(longer) | Self::Segments(longer)) => {
                self.matches(longer)
            }
            (
                Self::PrefixIgnoreCase(_) | Self::ExactIgnoreCase(_),
                Self::PrefixIgnoreCase(text) | Self::ExactIgnoreCase(text),
            ) => {
                let exact_over_prefix =
                    matches!((self, later), (Self::ExactIgnoreCase(_), Self::PrefixIgnoreCase(_)));
                !exact_over_prefix && self.matches(text)
            }
            (Self::Segments(_), Self::Segments(longer)) => self.matches(longer),
            _ => false,
        }
    }
}
