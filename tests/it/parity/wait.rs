//! Requests that a backend never answers, and the limits that end them.
//!
//! Nothing that is answered has a limit that may expire, so that no answer races one, and no two such limits
//! end at one time. Rules with such limits therefore ask for a header of requests that are never answered,
//! and a request with a limit of its own goes without that header. Where one of several tries is never
//! answered, the limit is longer: the others' answers have to come before it, on a busy machine too.

use super::Role;
use super::draw::Draw;

/// The header that rules with such limits ask for.
pub(super) const WAITS: &str = "x-wait";

/// The path of routes of the Gateway API that wait.
pub(super) const PATH: &str = "/wait";

/// The tries that are not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// No try is answered.
    Always,
    /// The response begins, and does not end.
    Within,
    /// Another try is answered, at once.
    Once,
}

/// A few of a hundred wait.
pub(super) fn generate(draw: &mut Draw) -> Option<Wait> {
    match draw.below(1000) {
        0..30 => Some(Wait::Always),
        30..40 => Some(Wait::Within),
        40..48 => Some(Wait::Once),
        _ => None,
    }
}

impl Wait {
    pub(super) const ALL: [Self; 3] = [Self::Always, Self::Within, Self::Once];

    pub(super) fn script(self, draw: &mut Draw) -> &'static str {
        match self {
            Self::Always => "never",
            Self::Within => "stall",
            Self::Once => draw.one(&["never,200", "503,never,200", "never,grpc-14,200", "503,never"]),
        }
    }

    /// The name of [`WAITS`] for a request that a rule ends.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Within => "within",
            Self::Once => "once",
        }
    }

    /// The limit in milliseconds.
    fn limit_ms(self) -> u32 {
        match self {
            Self::Always | Self::Within => 150,
            Self::Once => 400,
        }
    }

    /// The lines of an Istio rule that end it. Two limits in one rule are far apart.
    pub(super) fn rule(self, draw: &mut Draw) -> &'static [&'static str] {
        match self {
            Self::Always => draw.one(&[
                &["timeout: 150ms"] as &[&str],
                &["timeout: 150ms", "retries: {attempts: 0}"],
                &["retries: {attempts: 2, perTryTimeout: 150ms, retryOn: 'connect-failure,unavailable'}"],
                &["retries: {attempts: 1, perTryTimeout: 150ms, retryOn: gateway-error, backoff: 1ms}"],
                &[
                    "retries: {attempts: 1, perTryTimeout: 250ms, retryOn: reset, backoff: 1ms}",
                    "timeout: 400ms",
                ],
                &["retries: {attempts: 1, perTryTimeout: 150ms, retryOn: deadline-exceeded, backoff: 1ms}"],
            ]),
            Self::Within => draw.one(&[
                &["timeout: 150ms"] as &[&str],
                &["timeout: 150ms", "retries: {attempts: 2, retryOn: 'reset,5xx', backoff: 1ms}"],
            ]),
            Self::Once => draw.one(&[
                &["retries: {attempts: 2, perTryTimeout: 400ms, retryOn: '5xx,unavailable', backoff: 1ms}"]
                    as &[&str],
                &["timeout: 2s", "retries: {attempts: 2, perTryTimeout: 400ms, retryOn: gateway-error}"],
                &["timeout: 400ms", "retries: {attempts: 2, retryOn: 5xx, backoff: 1ms}"],
            ]),
        }
    }

    /// The same in a route of the Gateway API.
    pub(super) fn gateway_api_rule(self, draw: &mut Draw) -> &'static [&'static str] {
        match self {
            Self::Always => draw.one(&[
                &["timeouts: {request: 150ms}"] as &[&str],
                &["timeouts: {request: 1s, backendRequest: 150ms}"],
                &["timeouts: {request: 400ms, backendRequest: 250ms}", "retry: {attempts: 1, backoff: 1ms}"],
                &["timeouts: {backendRequest: 150ms}", "retry: {codes: [504], attempts: 1, backoff: 1ms}"],
            ]),
            Self::Within => &["timeouts: {request: 150ms}"],
            Self::Once => &[
                "timeouts: {backendRequest: 400ms}",
                "retry: {codes: [503, 504], attempts: 2, backoff: 1ms}",
            ],
        }
    }

    /// The headers by which the request itself ends it, if a proxy of this role allows that.
    pub(super) fn limit(self, role: Role, draw: &mut Draw) -> Vec<(&'static str, String)> {
        let ms = self.limit_ms();
        let grpc =
            || vec![("content-type", "application/grpc".to_owned()), ("grpc-timeout", format!("{ms}m"))];
        // No caller outside the mesh steers it (GW-12).
        if role == Role::Gateway || draw.percent(50) {
            return grpc();
        }
        let mut headers = match self {
            Self::Always if draw.percent(40) => vec![
                ("x-envoy-upstream-rq-per-try-timeout-ms", ms.to_string()),
                ("x-envoy-max-retries", draw.one(&["0", "1"]).to_owned()),
            ],
            Self::Always | Self::Within => vec![("x-envoy-upstream-rq-timeout-ms", ms.to_string())],
            Self::Once => vec![
                ("x-envoy-upstream-rq-per-try-timeout-ms", ms.to_string()),
                ("x-envoy-retry-on", "5xx".to_owned()),
            ],
        };
        if draw.percent(30) {
            headers.push(("x-envoy-upstream-rq-timeout-alt-response", "1".to_owned()));
        }
        headers
    }
}
