//! The facts of a request that rules and policies may ask about, and the names that they have there.

use std::fmt;

use http::header::HOST;
use http::{HeaderMap, HeaderName, Method, Request, Uri, request};

use crate::identity::Claims;

/// The parts of a request that a matcher reads. Cheap to make and to copy.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// The method, case-sensitive (VM-4).
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host and port as the caller sent them: `:authority`, or HTTP/1.1's `Host`; empty if neither.
    pub authority: &'a str,
    /// The path without query and fragment, already normalised (VM-3).
    pub path: &'a str,
    /// The query: the text after `?`, if there is one.
    pub query: Option<&'a str>,
    /// Path and query as one text, as `:path` holds them.
    pub target: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// Claims of the verified JWT, if there is one (VM-8).
    pub claims: Option<&'a Claims>,
}

impl<'a> RequestView<'a> {
    /// Looks at a request or at its parts.
    ///
    /// An origin-form request (`GET /path` of HTTP/1.1) has no scheme of its own: `http` is assumed;
    /// set another one with [`RequestView::scheme`].
    #[must_use]
    pub fn of(request: impl Into<Self>) -> Self {
        request.into()
    }

    /// The same view with this scheme, for a caller that knows how the request came in.
    #[must_use]
    pub const fn scheme(mut self, scheme: &'a str) -> Self {
        self.scheme = scheme;
        self
    }

    /// The same view with the claims of the verified JWT.
    #[must_use]
    pub const fn claims(mut self, claims: &'a Claims) -> Self {
        self.claims = Some(claims);
        self
    }

    /// The first value of a query parameter, not decoded (VM-7, LB-5); empty if it has none.
    #[must_use]
    pub fn query_param(&self, name: &str) -> Option<&'a str> {
        self.query?.split('&').find_map(|pair| {
            let rest = pair.strip_prefix(name)?;
            if rest.is_empty() { Some(rest) } else { rest.strip_prefix('=') }
        })
    }

    fn new(method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap) -> Self {
        let authority = match uri.authority() {
            Some(authority) => authority.as_str(),
            None => headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
        };
        let target = uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
        Self {
            method: method.as_str(),
            scheme: uri.scheme_str().unwrap_or("http"),
            authority,
            path: uri.path(),
            query: uri.query(),
            target,
            headers,
            claims: None,
        }
    }
}

impl<'a> From<&'a request::Parts> for RequestView<'a> {
    fn from(parts: &'a request::Parts) -> Self {
        Self::new(&parts.method, &parts.uri, &parts.headers)
    }
}

impl<'a, B> From<&'a Request<B>> for RequestView<'a> {
    fn from(request: &'a Request<B>) -> Self {
        Self::new(request.method(), request.uri(), request.headers())
    }
}

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
    /// The key that `name` stands for; `None` if it is neither a header name nor a known pseudo name.
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
