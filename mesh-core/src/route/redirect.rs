//! Sending the caller elsewhere (VA-8, GA-7, GA-9).

use http::{HeaderValue, StatusCode};

use super::{RequestView, host_of, rewrite};

/// The port of a redirect's Location.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedirectPort {
    /// Nothing was said, or `FROM_PROTOCOL_DEFAULT`: the default of the scheme where the redirect names a
    /// host, else the one the caller used.
    #[default]
    Unset,
    /// This one. `FROM_REQUEST_PORT` of a listener is its port.
    Fixed(u16),
    /// The one in the request's authority, where no listener knows better.
    FromRequest,
}

/// The path of a redirect's Location.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RedirectPath {
    /// The request's.
    #[default]
    Unchanged,
    /// This one; a query in it takes the place of the request's.
    Full(Box<str>),
    /// The matched prefix, of this many bytes, is replaced.
    Prefix {
        /// Length of the matched prefix.
        matched: usize,
        /// What stands in its place.
        to: Box<str>,
    },
    /// As `Prefix`, joined with exactly one `/` (GA-8).
    Segments {
        /// Length of the matched prefix, without trailing slash.
        matched: usize,
        /// What stands in its place.
        to: Box<str>,
    },
}

/// A redirect, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
    /// `http` or `https`; `None` keeps the request's.
    pub scheme: Option<Box<str>>,
    /// Host, maybe with port; `None` keeps the request's.
    pub authority: Option<Box<str>>,
    /// The port.
    pub port: RedirectPort,
    /// The path.
    pub path: RedirectPath,
}

impl Default for Redirect {
    fn default() -> Self {
        Self {
            status: StatusCode::MOVED_PERMANENTLY,
            scheme: None,
            authority: None,
            port: RedirectPort::Unset,
            path: RedirectPath::Unchanged,
        }
    }
}

impl Redirect {
    /// Whether a redirect with this status works (VA-8).
    #[must_use]
    pub fn is_supported(status: StatusCode) -> bool {
        matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
    }

    /// Status and `Location` for this request; `None` if the parts make no valid header value.
    #[must_use]
    pub fn location(&self, view: &RequestView<'_>) -> Option<(StatusCode, HeaderValue)> {
        let scheme = self.scheme.as_deref().unwrap_or(view.scheme);
        let mut location = String::with_capacity(128);
        location.push_str(scheme);
        location.push_str("://");
        self.push_authority(&mut location, scheme, view);
        self.push_path(&mut location, view);
        HeaderValue::try_from(location).ok().map(|value| (self.status, value))
    }

    fn push_authority(&self, location: &mut String, scheme: &str, view: &RequestView<'_>) {
        let port = match self.port {
            RedirectPort::Unset => None,
            RedirectPort::Fixed(port) => Some(port),
            RedirectPort::FromRequest => port_of(view.authority),
        };
        let authority = match &self.authority {
            Some(authority) => authority,
            None if port.is_some() => host_of(view.authority),
            // Another scheme: the old one's default port would be wrong for the new one.
            None if scheme != view.scheme && default_port(view.scheme) == port_of(view.authority) => {
                host_of(view.authority)
            }
            None => view.authority,
        };
        let (host, port) = match port {
            Some(port) => (host_of(authority), Some(port)),
            None => (host_of(authority), port_of(authority)),
        };
        location.push_str(host);
        if let Some(port) = port.filter(|_| port != default_port(scheme)) {
            location.push(':');
            location.push_str(&port.to_string());
        }
    }

    fn push_path(&self, location: &mut String, view: &RequestView<'_>) {
        let mut query = view.query;
        match &self.path {
            RedirectPath::Unchanged => location.push_str(view.path),
            RedirectPath::Full(path) => {
                if path.contains('?') {
                    query = None;
                }
                location.push_str(path);
            }
            RedirectPath::Prefix { matched, to } => rewrite::prefix(location, view.path, *matched, to),
            RedirectPath::Segments { matched, to } => rewrite::segments(location, view.path, *matched, to),
        }
        if let Some(query) = query {
            location.push('?');
            location.push_str(query);
        }
    }
}

fn port_of(authority: &str) -> Option<u16> {
    authority[host_of(authority).len()..].strip_prefix(':')?.parse().ok()
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}
