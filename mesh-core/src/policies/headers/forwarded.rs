//! Where a request came from, as proxies pass it on (HD-5).
//!
//! ```text
//! x-forwarded-for: 203.0.113.9, 10.1.1.1        peer 10.2.2.2, 1 trusted proxy
//!                               ^client: first from the right       -> "203.0.113.9, 10.1.1.1, 10.2.2.2"
//! ```
//! The right end was written by those nearest to us; how many of them are trusted says how far left
//! the list may be believed.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header.
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The scheme that the client used.
pub const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const EXTERNAL_ADDRESS: HeaderName = HeaderName::from_static("x-envoy-external-address");
const INTERNAL: HeaderName = HeaderName::from_static("x-envoy-internal");

/// The caller of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address; with the port only where it is the connection's own peer.
    pub address: SocketAddr,
    /// Whether it is one hop away at a private address.
    pub internal: bool,
}

/// Writes for the next hop where the request came from, and returns the caller.
///
/// The client is the peer, or with `trusted_proxies` N > 0 the Nth address from the right of what came
/// in. The peer is appended to `x-forwarded-for` in every case.
pub fn append(headers: &mut HeaderMap, peer: SocketAddr, trusted_proxies: usize) -> Client {
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let mut text = String::new();
    for value in headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()) {
        text.push_str(value);
        text.push_str(", ");
    }
    let first = text.is_empty();
    let forwarded = trusted_proxies.checked_sub(1).and_then(|skip| {
        let mut addresses = text.rsplit(',').map(str::trim).filter(|address| !address.is_empty());
        addresses.nth(skip)?.parse::<IpAddr>().ok()
    });
    let single = first || (forwarded.is_some() && text.matches(',').count() == 1);
    // Writing to a String cannot fail.
    let _ = write!(text, "{}", peer.ip());
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(FORWARDED_FOR, value);
    }
    let address = forwarded.map_or(peer, |ip| SocketAddr::new(ip.to_canonical(), 0));
    Client { address, internal: single && is_private(address.ip()) }
}

/// Marks the request as from outside, with the client's address, or as from inside (HD-5).
pub fn mark(headers: &mut HeaderMap, client: Client) {
    if client.internal {
        headers.remove(EXTERNAL_ADDRESS);
        headers.insert(INTERNAL, HeaderValue::from_static("true"));
    } else {
        headers.remove(INTERNAL);
        if let Ok(value) = HeaderValue::try_from(client.address.ip().to_string()) {
            headers.insert(EXTERNAL_ADDRESS, value);
        }
    }
}

/// Writes the scheme that the caller used.
pub fn set_proto(headers: &mut HeaderMap, tls: bool) {
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(if tls { "https" } else { "http" }));
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append_to(incoming: &[&'static str], peer: &str, trusted: usize) -> (String, Client) {
        let mut headers = HeaderMap::new();
        for value in incoming {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
        }
        let client = append(&mut headers, peer.parse().unwrap(), trusted);
        assert_eq!(headers.get_all(FORWARDED_FOR).iter().count(), 1);
        (headers[FORWARDED_FOR].to_str().unwrap().to_owned(), client)
    }

    #[test]
    fn hd_5_without_trusted_proxies_the_peer_is_the_client() {
        let (list, client) = append_to(&["1.1.1.1", "2.2.2.2, 3.3.3.3"], "203.0.113.9:5", 0);
        assert_eq!(list, "1.1.1.1, 2.2.2.2, 3.3.3.3, 203.0.113.9");
        assert_eq!(client, Client { address: "203.0.113.9:5".parse().unwrap(), internal: false });
        let (list, client) = append_to(&[], "[::ffff:10.0.0.1]:5", 0);
        assert_eq!(list, "10.0.0.1");
        assert!(client.internal);
        let (_, client) = append_to(&["1.1.1.1"], "10.0.0.1:5", 0);
        assert!(!client.internal, "a proxy inside speaks for somebody outside");
    }

    #[test]
    fn hd_5_trusted_proxies_speak_for_the_client() {
        let (list, client) = append_to(&["6.6.6.6, 203.0.113.9, 10.1.1.1"], "10.2.2.2:5", 2);
        assert_eq!(list, "6.6.6.6, 203.0.113.9, 10.1.1.1, 10.2.2.2");
        assert_eq!(client.address.to_string(), "203.0.113.9:0");
        let (_, client) = append_to(&["203.0.113.9"], "10.2.2.2:5", 2);
        assert_eq!(client.address.to_string(), "10.2.2.2:5", "the list is too short");
        let (_, client) = append_to(&["not an address"], "10.2.2.2:5", 1);
        assert_eq!(client.address.to_string(), "10.2.2.2:5");
    }

    #[test]
    fn hd_5_inside_and_outside_are_marked_and_exclude_each_other() {
        let mut headers = HeaderMap::new();
        headers.insert(INTERNAL, HeaderValue::from_static("true"));
        mark(&mut headers, Client { address: "203.0.113.9:5".parse().unwrap(), internal: false });
        assert_eq!(headers[EXTERNAL_ADDRESS], "203.0.113.9");
        assert!(!headers.contains_key(INTERNAL));
        mark(&mut headers, Client { address: "10.0.0.1:5".parse().unwrap(), internal: true });
        assert_eq!(headers[INTERNAL], "true");
        assert!(!headers.contains_key(EXTERNAL_ADDRESS));
    }
}
