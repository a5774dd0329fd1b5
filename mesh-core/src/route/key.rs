//! What of a request a name stands for, be it in a rule or in a hash policy.

use std::fmt;

use http::HeaderName;

use super::RequestView;

/// A header by its name, or a part of the request line by its pseudo name (VM-5, LB-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestKey {
    Header(HeaderName),
    Method,
    Scheme,
    Authority,
    Path,
}

impl RequestKey {
    /// What `name` stands for; `None` if it is neither a header name nor a known pseudo name.
    pub(crate) fn new(name: &str) -> Option<Self> {
        Some(match name {
            ":method" => Self::Method,
            ":scheme" => Self::Scheme,
            ":authority" => Self::Authority,
            ":path" => Self::Path,
            _ => Self::Header(HeaderName::try_from(name).ok()?),
        })
    }

    /// The part of the request line, or the name of the header, whose lines are the caller's to join.
    pub(crate) const fn of<'v>(&'v self, view: &RequestView<'v>) -> Result<&'v str, &'v HeaderName> {
        match self {
            Self::Header(name) => Err(name),
            Self::Method => Ok(view.method),
            Self::Scheme => Ok(view.scheme),
            Self::Authority => Ok(view.authority),
            Self::Path => Ok(view.target),
        }
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => f.write_str(name.as_str()),
            Self::Method => f.write_str(":method"),
            Self::Scheme => f.write_str(":scheme"),
            Self::Authority => f.write_str(":authority"),
            Self::Path => f.write_str(":path"),
        }
    }
}
