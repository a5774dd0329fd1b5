//! Sending the caller elsewhere (VA-8, GA-7, GA-9).

use http::{HeaderValue, StatusCode};

use super::{RequestView, host_of, rewrite};

/// The port of a redirect's Location.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
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
#[non_exhaustive]
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
        /// The replacement.
        to: Box<str>,
    },
    /// As `Prefix`, joined with exactly one `/` (GA-8).
    Segments {
        /// Length of the matched prefix, without trailing slash.
        matched: usize,
        /// The replacement.
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
    /// The status of this number; `None` if a redirect with it does not work (VA-8).
    #[must_use]
    pub const fn status_of(code: u32) -> Option<StatusCode> {
        Some(match code {
            301 => StatusCode::MOVED_PERMANENTLY,
            302 => StatusCode::FOUND,
            303 => StatusCode::SEE_OTHER,
            307 => StatusCode::TEMPORARY_REDIRECT,
            308 => StatusCode::PERMANENT_REDIRECT,
            _ => return None,
        })
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
            // Another scheme: the old one's default port would be wrong for the new one.
            None if scheme != view.scheme && default_port(view.scheme) == port_of(view.authority) => {
                host_of(view.authority)
            }
            None => view.authority,
        };
        // One that came with the request or with the rule's authority stays, default or not.
        location.push_str(if port.is_some() { host_of(authority) } else { authority });
        if let Some(port) = port.filter(|_| port != default_port(scheme)) {
            location.push(':');
            location.push_str(itoa::Buffer::new().format(port));
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

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn location(redirect: &Redirect, uri: &str) -> String {
        let request = Request::builder().uri(uri).body(()).unwrap();
        let (_, value) = redirect.location(&RequestView::of(&request)).unwrap();
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn va_8_what_is_not_given_is_kept() {
        let moved = Redirect { path: RedirectPath::Full("/new".into()), ..Redirect::default() };
        assert_eq!(location(&moved, "http://a.b:8080/old?q=1"), "http://a.b:8080/new?q=1");
        let query = Redirect { path: RedirectPath::Full("/new?x".into()), ..Redirect::default() };
        assert_eq!(location(&query, "http://a.b/old?q=1"), "http://a.b/new?x");
        let prefix = RedirectPath::Prefix { matched: 4, to: "/new".into() };
        let prefix = Redirect { path: prefix, ..Redirect::default() };
        assert_eq!(location(&prefix, "http://a.b/old/x?q=1"), "http://a.b/new/x?q=1");
        let status = Redirect::default();
        let request = Request::builder().uri("http://a/").body(()).unwrap();
        assert_eq!(status.location(&RequestView::of(&request)).unwrap().0, 301);
    }

    #[test]
    fn va_8_default_ports_are_not_written() {
        let https = Redirect { scheme: Some("https".into()), ..Redirect::default() };
        assert_eq!(location(&https, "http://a.b/x"), "https://a.b/x");
        assert_eq!(location(&https, "http://a.b:80/x"), "https://a.b/x");
        assert_eq!(location(&https, "http://a.b:8080/x"), "https://a.b:8080/x");
        assert_eq!(location(&https, "http://a.b:443/x"), "https://a.b:443/x", "it came with the request");
        assert_eq!(location(&Redirect::default(), "http://a.b:80/x"), "http://a.b:80/x");
        let port = |port| Redirect { port: RedirectPort::Fixed(port), ..https.clone() };
        assert_eq!(location(&port(8443), "http://a.b:8080/x"), "https://a.b:8443/x");
        assert_eq!(location(&port(443), "http://[::1]:8080/x"), "https://[::1]/x");
        assert_eq!(location(&port(80), "http://a.b/x"), "https://a.b:80/x");
    }

    #[test]
    fn va_8_authority_and_the_requests_port() {
        let other = Redirect { authority: Some("c.d".into()), ..Redirect::default() };
        assert_eq!(location(&other, "http://a.b:8080/x"), "http://c.d/x");
        let ported = Redirect { authority: Some("c.d:81".into()), ..Redirect::default() };
        assert_eq!(location(&ported, "http://a.b:8080/x"), "http://c.d:81/x");
        let default = Redirect { authority: Some("c.d:80".into()), ..Redirect::default() };
        assert_eq!(location(&default, "http://a.b/x"), "http://c.d:80/x");
        let same = Redirect { port: RedirectPort::FromRequest, ..other };
        assert_eq!(location(&same, "http://a.b:8080/x"), "http://c.d:8080/x");
        assert_eq!(location(&same, "http://a.b/x"), "http://c.d/x");
    }

    #[test]
    fn va_8_codes() {
        for (code, works) in [(301, true), (302, true), (303, true), (304, false), (307, true), (308, true)] {
            assert_eq!(Redirect::status_of(code).map(|status| status.as_u16().into()), works.then_some(code));
        }
    }
}
