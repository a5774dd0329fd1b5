//! Trusted request headers that change the policy for one request (RT-5).

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::{RetryOn, RetryPolicy};
use crate::headers::control::has_any;

const MAX_RETRIES: HeaderName = HeaderName::from_static("x-envoy-max-retries");
const RETRY_ON: HeaderName = HeaderName::from_static("x-envoy-retry-on");
const RETRY_GRPC_ON: HeaderName = HeaderName::from_static("x-envoy-retry-grpc-on");
const STATUS_CODES: HeaderName = HeaderName::from_static("x-envoy-retriable-status-codes");
const HEADER_NAMES: HeaderName = HeaderName::from_static("x-envoy-retriable-header-names");
const PER_TRY_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-upstream-rq-per-try-timeout-ms");

/// The headers that [`RetryPolicy::for_request`] reads; they are removed before sending upstream.
pub static CONTROL_HEADERS: [HeaderName; 6] =
    [MAX_RETRIES, RETRY_ON, RETRY_GRPC_ON, STATUS_CODES, HEADER_NAMES, PER_TRY_TIMEOUT];

impl RetryPolicy {
    /// The policy for a request whose control headers are trusted (HD-2). Conditions, codes and
    /// header names add to the policy's, numbers replace its; what cannot be read is ignored. A
    /// request without such headers borrows the policy.
    #[must_use]
    pub fn for_request(&self, headers: &HeaderMap) -> Cow<'_, Self> {
        if !has_any(headers, &CONTROL_HEADERS) {
            return Cow::Borrowed(self);
        }
        let mut policy = self.clone();
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        for name in [&RETRY_ON, &RETRY_GRPC_ON] {
            let (on, codes) = text(name).map(RetryOn::of_header).unwrap_or_default();
            if !on.is_empty() {
                policy.on |= on;
                policy.status_codes.extend(codes);
                policy.written = true;
                // Envoy: conditions without a number mean one retry.
                policy.attempts = policy.attempts.max(1);
            }
        }
        let codes = tokens(text(&STATUS_CODES));
        policy.status_codes.extend(codes.filter_map(|code| code.parse::<u16>().ok()));
        let names = tokens(text(&HEADER_NAMES));
        policy.headers.extend(names.filter_map(|name| name.parse::<HeaderName>().ok()));
        if let Some(attempts) = number(text(&MAX_RETRIES)) {
            policy.attempts = attempts;
        }
        if let Some(millis) = number(text(&PER_TRY_TIMEOUT)) {
            policy.per_try_timeout = (millis > 0).then(|| Duration::from_millis(millis.into()));
        }
        Cow::Owned(policy)
    }
}

fn tokens(list: Option<&str>) -> impl Iterator<Item = &str> {
    list.unwrap_or_default().split(',').map(str::trim)
}

fn number(text: Option<&str>) -> Option<u32> {
    text?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn rt_5_without_control_headers_nothing_is_cloned() {
        let policy = RetryPolicy::default_policy();
        assert!(matches!(policy.for_request(&headers(&[("accept", "*/*")])), Cow::Borrowed(_)));
    }

    #[test]
    fn rt_5_headers_turn_retries_on() {
        let off = RetryPolicy::off();
        let policy = off.for_request(&headers(&[("x-envoy-retry-on", "5xx, nonsense")]));
        assert_eq!((policy.attempts, policy.on, policy.written), (1, RetryOn::SERVER_ERROR, true));
        let with_number = headers(&[("x-envoy-retry-on", "retriable-headers"), ("x-envoy-max-retries", "4")]);
        assert_eq!(off.for_request(&with_number).attempts, 4);
        assert_eq!(off.for_request(&headers(&[("x-envoy-retry-on", "nonsense")])).attempts, 0);
    }

    #[test]
    fn rt_5_lists_add_and_numbers_replace() {
        let policy = RetryPolicy { status_codes: vec![429], ..RetryPolicy::default_policy() };
        let changed = policy.for_request(&headers(&[
            ("x-envoy-retriable-status-codes", "404, x, 418"),
            ("x-envoy-retriable-header-names", "x-again, :bad"),
            ("x-envoy-retry-grpc-on", "internal"),
            ("x-envoy-upstream-rq-per-try-timeout-ms", "250"),
            ("x-envoy-max-retries", "0"),
        ]));
        assert_eq!(changed.status_codes, [429, 404, 418]);
        assert_eq!(changed.headers, ["x-again"]);
        assert_eq!(changed.on, RetryOn::DEFAULT | RetryOn::INTERNAL);
        assert_eq!(changed.per_try_timeout, Some(Duration::from_millis(250)));
        assert_eq!(changed.attempts, 0);
    }

    #[test]
    fn rt_5_bad_numbers_are_ignored() {
        let policy = RetryPolicy::default_policy();
        let bad = headers(&[("x-envoy-max-retries", "-1"), ("x-envoy-upstream-rq-per-try-timeout-ms", "1s")]);
        assert_eq!(*policy.for_request(&bad), policy);
    }
}
