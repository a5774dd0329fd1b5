//! Headers of a request that crosses the mesh (HD).
//!
//! Some headers speak of the connection and not of the request ([`hop`]); some would let a stranger
//! steer us ([`control`]); some carry where the request came from ([`forwarded`]). Which of them apply
//! depends on where we stand; what each does is here, as functions of the headers alone.
//!
//! Most requests hold none of them, and looking each name up would cost more than the work; so one
//! [`Survey`] looks at every name once and says which of the functions have anything to do.

pub mod control;
pub mod forwarded;
pub mod framing;
pub mod hop;
mod limit;
pub mod websocket;

pub use limit::FieldLimit;

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Request};

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
    /// The content type of gRPC (RF-4); of several the first counts.
    pub grpc: bool,
    /// More than one `Cookie` line.
    pub split_cookies: bool,
    /// More than one `Content-Length` line.
    pub split_lengths: bool,
    /// How many `Host` lines there are, empty ones included.
    pub hosts: u16,
    /// Bytes of names and values together.
    pub size: u32,
}

impl Survey {
    /// Looks at every name once.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut survey = Self::default();
        let mut content_type = None;
        let mut cookies = 0;
        let mut lengths = 0;
        let mut size = 0;
        for (name, value) in headers {
            size += name.as_str().len() + value.len();
            if name == HOST {
                survey.hosts = survey.hosts.saturating_add(1);
            } else if name == CONTENT_TYPE {
                content_type = content_type.or(Some(value));
            } else if name == CONNECTION || name == TRANSFER_ENCODING || name == UPGRADE {
                survey.hop_by_hop = true;
            } else if name == TE {
                survey.te = true;
            } else if name == COOKIE {
                cookies += 1;
            } else if name == CONTENT_LENGTH {
                lengths += 1;
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
        survey.split_cookies = cookies > 1;
        survey.split_lengths = lengths > 1;
        survey.size = u32::try_from(size).unwrap_or(u32::MAX);
        survey.grpc = content_type.is_some_and(|value| is_grpc(value.as_bytes()));
        survey
    }
}

/// Whether a content type is gRPC's: `application/grpc`, alone or with a suffix such as `+proto` or a
/// parameter; not `grpc-web` (RF-4).
#[must_use]
pub fn is_grpc(content_type: &[u8]) -> bool {
    content_type
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' ')))
}

/// Makes one line of several `Cookie` lines, as HTTP/2 callers may send them (RFC 9113 section 8.2.3): rules and the
/// endpoints of HTTP/1.1 know one.
pub fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    // Characters that lines may hold, they may hold joined.
    if let Ok(mut joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        // One that was never to be indexed (RFC 7541 section 7.1.3) makes all of it so.
        joined.set_sensitive(headers.get_all(COOKIE).iter().any(HeaderValue::is_sensitive));
        headers.insert(COOKIE, joined);
    }
}

/// Makes a request name its host once, in one way (H-7).
///
/// The target's own authority (HTTP/2, absolute form) stands above `Host`, which is made to agree:
/// else rules would be chosen by one name and the application served by another. `survey` is of the
/// request's headers as they are.
///
/// # Errors
/// 400 if there is no host, or more than one, or it names a user too: RFC 9110
/// (section 4.2.4) forbids to send that, and a comparison of hosts would see another one.
pub fn unify_host<B>(request: &mut Request<B>, survey: Survey) -> Result<(), LocalReply> {
    let host = || request.headers().get(HOST).map_or(&[][..], HeaderValue::as_bytes);
    let Some(authority) = request.uri().authority() else {
        return match survey.hosts {
            1 if host().is_empty() => Err(LocalReply::bad_request("missing_host_header")),
            1 if host().iter().all(|byte| is_of_authority(*byte)) => Ok(()),
            1 => Err(LocalReply::bad_request("invalid_authority")),
            0 => Err(LocalReply::bad_request("missing_host_header")),
            _ => Err(LocalReply::bad_request("duplicate_host_header")),
        };
    };
    if authority.as_str().is_empty() {
        return Err(LocalReply::bad_request("missing_host_header"));
    }
    // Without an early end, which no honest request reaches: so sixteen bytes are compared at once.
    if authority.as_str().bytes().fold(false, |found, byte| found | (byte == b'@')) {
        return Err(LocalReply::bad_request("invalid_authority"));
    }
    let agrees = survey.hosts == 0 || (survey.hosts == 1 && host() == authority.as_str().as_bytes());
    if !agrees {
        let host = HeaderValue::try_from(authority.as_str())
            .map_err(|_| LocalReply::bad_request("invalid_authority"))?;
        request.headers_mut().insert(HOST, host);
    }
    Ok(())
}

/// Whether this may stand in a host and its port (RFC 3986 §3.2, and `_`, which many names have).
const fn is_of_authority(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'$'..=b'.' | b':' | b';' | b'=' | b'[' | b']' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn hd_7_a_survey_finds_each_kind() {
        let plain = Survey::of(&headers(&[("host", "a"), ("accept", "*/*"), ("x-a", "1")]));
        assert_eq!(plain, Survey { hosts: 1, size: 5 + 9 + 4, ..Survey::default() });
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
        assert!(!all.hop_by_hop && !all.grpc);
    }

    #[test]
    fn cookie_lines_are_joined_where_there_are_several() {
        let mut one = headers(&[("cookie", "a=1; b=2"), ("accept", "*/*")]);
        assert!(!Survey::of(&one).split_cookies);
        join_cookies(&mut one);
        assert_eq!(one["cookie"], "a=1; b=2");
        let mut split =
            headers(&[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2; c=3"), ("cookie", "d=\"4\"")]);
        assert!(Survey::of(&split).split_cookies);
        join_cookies(&mut split);
        assert_eq!(split, headers(&[("cookie", "a=1; b=2; c=3; d=\"4\""), ("x", "y")]));
        assert!(!split["cookie"].is_sensitive());
    }

    #[test]
    fn a_cookie_line_that_is_never_indexed_stays_so_joined() {
        let mut split = headers(&[("cookie", "a=1")]);
        let mut secret = HeaderValue::from_static("b=2");
        secret.set_sensitive(true);
        split.append(COOKIE, secret);
        join_cookies(&mut split);
        assert!(split["cookie"].is_sensitive());
    }

    #[test]
    fn a_survey_stays_small() {
        // It goes with every request.
        assert_eq!(size_of::<Survey>(), 16);
    }

    #[test]
    fn rf_4_of_several_content_types_the_first_counts_everywhere() {
        for (lines, grpc) in
            [(["application/grpc", "text/plain"], true), (["text/plain", "application/grpc"], false)]
        {
            let headers = headers(&lines.map(|line| ("content-type", line)));
            assert_eq!(Survey::of(&headers).grpc, grpc, "{lines:?}");
            assert_eq!(crate::retry::Traits::of(&http::Method::POST, &headers).grpc, grpc, "{lines:?}");
        }
    }

    #[test]
    fn rf_4_a_survey_tells_grpc_by_content_type() {
        for (value, grpc) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=x", true),
            ("application/grpc-web", false),
            ("application/grpcx", false),
            ("application/json", false),
        ] {
            assert_eq!(Survey::of(&headers(&[("content-type", value)])).grpc, grpc, "{value}");
        }
    }

    fn unified(
        target: &'static str,
        given: &[(&'static str, &'static str)],
    ) -> Result<HeaderMap, LocalReply> {
        let mut request = Request::new(());
        *request.uri_mut() = http::Uri::from_static(target);
        *request.headers_mut() = headers(given);
        let survey = Survey::of(request.headers());
        unify_host(&mut request, survey).map(|()| request.into_parts().0.headers)
    }

    #[test]
    fn h_7_a_request_without_host_is_refused() {
        assert!(unified("/a", &[("host", "a.com")]).is_ok());
        for bad in [&[][..], &[("host", "")], &[("host", "a.com"), ("host", "b.com")]] {
            assert_eq!(unified("/a", bad).unwrap_err().status, 400);
        }
    }

    #[test]
    fn rfc_9110_4_2_4_userinfo_is_refused_wherever_it_stands() {
        for (target, host) in [("/", "me@a.com"), ("/", "me:secret@a.com:80"), ("http://me@a.com/", "a.com")]
        {
            assert_eq!(unified(target, &[("host", host)]).unwrap_err().details, "invalid_authority");
        }
    }

    #[test]
    fn h_7_the_targets_authority_stands_above_the_host_header() {
        let target = "http://a.com:80/x";
        for given in [&[("host", "b.com")][..], &[("host", "b.com"), ("host", "c.com")]] {
            assert_eq!(unified(target, given).unwrap(), headers(&[("host", "a.com:80")]));
        }
        assert!(unified(target, &[]).unwrap().is_empty(), "h2 needs no Host header");
    }
}
