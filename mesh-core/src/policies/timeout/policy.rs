//! The timeout of a route, and the trusted headers that change it.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::{Deadline, grpc_timeout};

const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-upstream-rq-timeout-ms");
const ALTERNATIVE: HeaderName = HeaderName::from_static("x-envoy-upstream-rq-timeout-alt-response");

/// The header that announces to an upstream how long an attempt may take (HD-3).
pub const EXPECTED_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");

/// The headers that [`TimeoutHeaders`] reads; they are removed before sending upstream.
pub static CONTROL_HEADERS: [HeaderName; 2] = [REQUEST_TIMEOUT, ALTERNATIVE];

/// The timeout in force for a request, all attempts and waits included; `None` is without limit.
///
/// `route` is the rule's (RT-1), `grpc` says whether it is gRPC (RT-4), `trusted` are the control headers if they
/// may speak (HD-2).
#[must_use]
pub fn effective(
    route: Option<Duration>,
    headers: &HeaderMap,
    grpc: bool,
    trusted: Option<&TimeoutHeaders>,
) -> Option<Duration> {
    let caller = if grpc { grpc_timeout::of(headers) } else { None };
    Deadline::effective(route, caller, trusted.and_then(|trusted| trusted.request))
}

/// The timeouts that trusted request headers give (RT-5); an unreadable one is ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeoutHeaders {
    /// `x-envoy-upstream-rq-timeout-ms`; zero means without limit.
    pub request: Option<Duration>,
    /// Whether a timeout is answered with 204 in place of 504.
    pub alternative_response: bool,
}

impl TimeoutHeaders {
    /// Reads the headers.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let millis = |name| headers.get(name)?.to_str().ok()?.parse::<u32>().ok();
        Self {
            request: millis(REQUEST_TIMEOUT).map(|millis| Duration::from_millis(millis.into())),
            alternative_response: headers.contains_key(ALTERNATIVE),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn rt_5_headers_are_read_and_bad_numbers_ignored() {
        let headers = |value| HeaderMap::from_iter([(REQUEST_TIMEOUT, HeaderValue::from_static(value))]);
        assert_eq!(TimeoutHeaders::of(&HeaderMap::new()), TimeoutHeaders::default());
        assert_eq!(TimeoutHeaders::of(&headers("250")).request, Some(Duration::from_millis(250)));
        for bad in ["-1", "1s", "", "99999999999"] {
            assert_eq!(TimeoutHeaders::of(&headers(bad)).request, None, "{bad}");
        }
    }

    #[test]
    fn rt_4_grpc_timeout_counts_for_grpc_only() {
        let headers = HeaderMap::from_iter([(grpc_timeout::GRPC_TIMEOUT, HeaderValue::from_static("1500m"))]);
        let route = Some(Duration::from_secs(2));
        assert_eq!(effective(route, &headers, true, None), Some(Duration::from_millis(1_500)));
        assert_eq!(effective(route, &headers, false, None), Some(Duration::from_secs(2)));
        let trusted = TimeoutHeaders { request: Some(Duration::from_secs(9)), ..TimeoutHeaders::default() };
        assert_eq!(effective(route, &headers, true, Some(&trusted)), Some(Duration::from_secs(9)));
    }
}
