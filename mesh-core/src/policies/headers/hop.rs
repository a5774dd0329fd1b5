//! Headers that are about one hop only (HD-7, RFC 9110 section 7.6.1).
//!
//! They end here, in both directions. A `Connection: close` passed on from an endpoint would close the
//! caller's connection; a `Transfer-Encoding` passed on would frame a body twice.

use http::header::{CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const GONE: [HeaderName; 6] =
    [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TRANSFER_ENCODING];

/// The protocol that a message asks, or agrees, to change to (VA-14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Upgrade {
    /// None; or `h2c`, an offer that a server may ignore.
    #[default]
    None,
    /// WebSocket, allowed on every route.
    WebSocket,
    /// Anything else, allowed nowhere.
    Other,
}

/// The meaning of `Connection: upgrade` and `Upgrade` together.
#[must_use]
pub fn upgrade(headers: &HeaderMap) -> Upgrade {
    let Some(protocol) = headers.get(UPGRADE) else { return Upgrade::None };
    if !tokens(headers).any(|token| token.eq_ignore_ascii_case("upgrade")) {
        return Upgrade::None;
    }
    match protocol.as_bytes() {
        name if name.eq_ignore_ascii_case(b"websocket") => Upgrade::WebSocket,
        name if name.eq_ignore_ascii_case(b"h2c") => Upgrade::None,
        _ => Upgrade::Other,
    }
}

/// Removes what ends here: `Connection` and what it names, and its kin; `upgrade` says whether the
/// message changes the protocol, which is the one thing that is passed on.
pub fn strip(headers: &mut HeaderMap, upgrade: Upgrade) {
    let named: Vec<HeaderName> = tokens(headers).filter_map(named).collect();
    for name in named.iter().chain(&GONE) {
        headers.remove(name);
    }
    match upgrade {
        Upgrade::None | Upgrade::Other => drop(headers.remove(UPGRADE)),
        Upgrade::WebSocket => {
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
    }
}

/// Keeps of `TE` only `trailers`, which gRPC needs.
pub fn strip_te(headers: &mut HeaderMap) {
    let trailers = headers
        .get_all(TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("trailers"));
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    } else {
        headers.remove(TE);
    }
}

/// The options of `Connection`.
fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// The header that an option of `Connection` names, if it is to go for that reason alone.
fn named(token: &str) -> Option<HeaderName> {
    // The usual options come first, so that no name is made of them.
    if ["close", "keep-alive", "upgrade", "te", ""].iter().any(|usual| token.eq_ignore_ascii_case(usual)) {
        return None;
    }
    if token.eq_ignore_ascii_case("http2-settings") {
        return Some(HTTP2_SETTINGS);
    }
    HeaderName::from_bytes(token.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::headers;
    use super::*;

    #[test]
    fn hd_7_connection_and_what_it_names_end_here() {
        let mut map = headers(&[
            ("connection", "keep-alive, X-Hop"),
            ("connection", "close"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-hop", "1"),
            ("x_under_score", "kept"),
            ("host", "a"),
        ]);
        strip(&mut map, Upgrade::None);
        assert_eq!(map, headers(&[("x_under_score", "kept"), ("host", "a")]));
    }

    #[test]
    fn hd_7_te_keeps_trailers_only() {
        let mut map = headers(&[("connection", "te"), ("te", "gzip;q=0.5, Trailers")]);
        strip(&mut map, Upgrade::None);
        strip_te(&mut map);
        assert_eq!(map, headers(&[("te", "trailers")]));
        let mut map = headers(&[("te", "gzip")]);
        strip_te(&mut map);
        assert!(map.is_empty());
    }

    #[test]
    fn va_14_websocket_stays_h2c_is_ignored_and_others_are_known() {
        let mut map = headers(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-key", "x"),
        ]);
        assert_eq!(upgrade(&map), Upgrade::WebSocket);
        strip(&mut map, Upgrade::WebSocket);
        assert_eq!(map["connection"], "upgrade");
        assert_eq!(map["upgrade"], "WebSocket");
        assert_eq!(map.len(), 3);
        let h2c = headers(&[("connection", "upgrade, http2-settings"), ("upgrade", "h2c")]);
        assert_eq!(upgrade(&h2c), Upgrade::None);
        assert_eq!(upgrade(&headers(&[("connection", "upgrade"), ("upgrade", "irc")])), Upgrade::Other);
        assert_eq!(upgrade(&headers(&[("upgrade", "websocket")])), Upgrade::None);
    }
}
