//! Conditions in words, for errors and for the explanation why a rule did not match.

use std::fmt;

use super::{Condition, Matcher, Mismatch, Uri, Want};

impl Matcher {
    /// Puts a mismatch in words, such as `uri prefix "/api"`.
    #[must_use]
    pub fn explain(&self, mismatch: Mismatch) -> String {
        match mismatch {
            Mismatch::Uri => self.uri.as_ref().map(ToString::to_string).unwrap_or_default(),
            Mismatch::Condition(index) => {
                self.conditions.get(index).map(ToString::to_string).unwrap_or_default()
            }
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.uri.is_none() && self.conditions.is_empty() {
            return f.write_str("any request");
        }
        let mut separator = "";
        if let Some(uri) = &self.uri {
            uri.fmt(f)?;
            separator = " and ";
        }
        for condition in &self.conditions {
            write!(f, "{separator}{condition}")?;
            separator = " and ";
        }
        Ok(())
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => write!(f, "uri exact {text:?}"),
            Self::ExactIgnoreCase(text) => write!(f, "uri exact {text:?} (any case)"),
            Self::Prefix(text) => write!(f, "uri prefix {text:?}"),
            Self::PrefixIgnoreCase(text) => write!(f, "uri prefix {text:?} (any case)"),
            Self::Segments(text) => write!(f, "path below {:?}", if text.is_empty() { "/" } else { text }),
            Self::Regex(pattern) => write!(f, "uri regex {:?}", pattern.as_str()),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme(want) => write!(f, "scheme {want}"),
            Self::Method(want) => write!(f, "method {want}"),
            Self::Authority(want) => write!(f, "authority {want}"),
            Self::Header(key, want) => write!(f, "header {key} {want}"),
            Self::WithoutHeader(key, want) => write!(f, "header {key} not {want}"),
            Self::Claim(claim, want) => write!(f, "claim {claim} {want}"),
            Self::WithoutClaim(claim, want) => write!(f, "claim {claim} not {want}"),
            Self::Query(name, want) => write!(f, "query parameter {name:?} {want}"),
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("present"),
            Self::Value(want) => want.fmt(f),
        }
    }
}
