//! What becomes of headers when a request crosses us (HD).
//!
//! Some headers speak of the connection and not of the request ([`hop`]); some would let a stranger
//! steer us ([`control`]); some tell where the request came from ([`forwarded`]). Which of them apply
//! depends on where we stand; what each does is here, as functions of the headers alone.
//!
//! Most requests hold none of them, and looking each name up would cost more than the work; so one
//! [`Survey`] looks at every name once and says which of the functions have anything to do.

pub mod control;
pub mod forwarded;
pub mod hop;

use http::header::{CONNECTION, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Uri};

use crate::reply::LocalReply;

/// Which kinds of header a message holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// `Connection` and what else is about one hop only, apart from `TE`.
    pub hop_by_hop: bool,
    /// `TE`.
    pub te: bool,
    /// `x-envoy-…`.
    pub envoy: bool,
    /// `x-forwarded-client-cert`.
    pub client_certificate: bool,
    /// `x-forwarded-proto`.
    pub forwarded_proto: bool,
    /// `x-request-id`.
    pub request_id: bool,
}

impl Survey {
    /// Looks at every name once.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut survey = Self::default();
        for name in headers.keys() {
            if name == CONNECTION || name == TRANSFER_ENCODING || name == UPGRADE {
                survey.hop_by_hop = true;
            } else if name == TE {
                survey.te = true;
            } else {
                let name = name.as_str();
                match name.as_bytes().first() {
                    Some(b'x') => match name {
                        "x-request-id" => survey.request_id = true,
                        "x-forwarded-proto" => survey.forwarded_proto = true,
                        "x-forwarded-client-cert" => survey.client_certificate = true,
                        _ => survey.envoy |= name.starts_with("x-envoy-"),
                    },
                    Some(b'k') => survey.hop_by_hop |= name == "keep-alive",
                    Some(b'p') => survey.hop_by_hop |= name.starts_with("proxy-"),
                    _ => {}
                }
            }
        }
        survey
    }
}

/// Makes a request name its host once, in one way (H-7).
///
/// The target's own authority (HTTP/2, absolute form) stands above `Host`, which is made to agree:
/// else rules would be chosen by one name and the application served by another.
///
/// # Errors
/// 400 if there is no host, or more than one.
pub fn unify_host(uri: &Uri, headers: &mut HeaderMap) -> Result<(), LocalReply> {
    let Some(authority) = uri.authority() else {
        let mut hosts = headers.get_all(HOST).iter();
        return match (hosts.next(), hosts.next()) {
            (Some(host), None) if !host.is_empty() => Ok(()),
            (Some(_), Some(_)) => Err(LocalReply::bad_request("duplicate_host_header")),
            _ => Err(LocalReply::bad_request("missing_host_header")),
        };
    };
    if authority.as_str().is_empty() {
        return Err(LocalReply::bad_request("missing_host_header"));
    }
    let mut hosts = headers.get_all(HOST).iter();
    let agrees = match (hosts.next(), hosts.next()) {
        (None, _) => true,
        (Some(host), None) => host.as_bytes() == authority.as_str().as_bytes(),
        (Some(_), Some(_)) => false,
    };
    if !agrees {
        let host = HeaderValue::try_from(authority.as_str())
            .map_err(|_| LocalReply::bad_request("invalid_authority"))?;
        headers.insert(HOST, host);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn hd_7_a_survey_finds_each_kind() {
        assert_eq!(
            Survey::of(&headers(&[("host", "a"), ("accept", "*/*"), ("x-a", "1")])),
            Survey::default()
        );
        for name in ["connection", "keep-alive", "proxy-authorization", "transfer-encoding", "upgrade"] {
            assert!(Survey::of(&headers(&[(name, "x")])).hop_by_hop, "{name}");
        }
        let all = Survey::of(&headers(&[
            ("te", "trailers"),
            ("x-envoy-max-retries", "1"),
            ("x-forwarded-client-cert", "x"),
            ("x-forwarded-proto", "http"),
            ("x-request-id", "1"),
        ]));
        assert!(all.te && all.envoy && all.client_certificate && all.forwarded_proto && all.request_id);
        assert!(!all.hop_by_hop);
    }

    #[test]
    fn h_7_a_request_without_host_is_refused() {
        let path = Uri::from_static("/a");
        assert!(unify_host(&path, &mut headers(&[("host", "a.com")])).is_ok());
        for bad in [&[][..], &[("host", "")], &[("host", "a.com"), ("host", "b.com")]] {
            assert_eq!(unify_host(&path, &mut headers(bad)).unwrap_err().status, 400);
        }
    }

    #[test]
    fn h_7_the_targets_authority_stands_above_the_host_header() {
        let uri = Uri::from_static("http://a.com:80/x");
        for given in [&[("host", "b.com")][..], &[("host", "b.com"), ("host", "c.com")]] {
            let mut map = headers(given);
            unify_host(&uri, &mut map).unwrap();
            assert_eq!(map, headers(&[("host", "a.com:80")]));
        }
        let mut none = HeaderMap::new();
        unify_host(&uri, &mut none).unwrap();
        assert!(none.is_empty(), "h2 needs no Host header");
    }
}
