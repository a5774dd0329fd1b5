//! Headers that steer the mesh, and the peers that may send them (HD-2, GW-12).
//!
//! `x-envoy-max-retries` from our own application is a wish; from a stranger it is an attack.

use http::{HeaderMap, HeaderName};

use super::Survey;

/// Whether any of `names`, each of which begins with `x-envoy-`, is there.
///
/// One look at the first letters of every name: most requests have none that begin so, and asking the
/// map for each of `names` costs a hash of its whole text.
#[must_use]
pub fn has_any(headers: &HeaderMap, names: &[HeaderName]) -> bool {
    headers.keys().any(|name| name.as_str().starts_with("x-envoy-") && names.contains(name))
}

/// Removes every `x-envoy-…` header: what comes from outside the mesh has no say (GW-12).
pub fn strip_all(headers: &mut HeaderMap) {
    strip(headers, |name| name.starts_with("x-envoy-"));
}

/// Removes the headers that would steer the mesh (RT-5, forced traces, faults), and those that peers exchange but
/// hide from the application (ME-6); headers that describe the request (attempt count, expected timeout) stay.
pub fn strip_steering(headers: &mut HeaderMap) {
    strip(headers, is_steering);
}

/// Removes `x-forwarded-client-cert`, which a plaintext peer cannot vouch for (HD-6).
pub fn strip_client_certificate(headers: &mut HeaderMap, survey: Survey) {
    if survey.client_certificate {
        headers.remove("x-forwarded-client-cert");
    }
}

fn strip(headers: &mut HeaderMap, goes: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| goes(name.as_str())).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

fn is_steering(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("x-envoy-") else { return false };
    matches!(rest, "max-retries" | "force-trace" | "peer-metadata" | "peer-metadata-id")
        || ["upstream-rq-", "retry-", "retriable-", "hedge-", "fault-"]
            .iter()
            .any(|prefix| rest.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(names: &[&'static str], strip: fn(&mut HeaderMap)) -> Vec<String> {
        let mut map: HeaderMap = names
            .iter()
            .map(|name| (HeaderName::from_static(name), http::HeaderValue::from_static("1")))
            .collect();
        strip(&mut map);
        let mut names: Vec<_> = map.keys().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    }

    const NAMES: [&str; 11] = [
        "x-envoy-upstream-rq-timeout-ms",
        "x-envoy-max-retries",
        "x-envoy-retry-grpc-on",
        "x-envoy-retriable-status-codes",
        "x-envoy-hedge-on-per-try-timeout",
        "x-envoy-force-trace",
        "x-envoy-fault-delay-request",
        "x-envoy-peer-metadata",
        "x-envoy-attempt-count",
        "x-envoy-expected-rq-timeout-ms",
        "x-other",
    ];

    #[test]
    fn gw_12_strangers_have_no_say() {
        assert_eq!(left(&NAMES, strip_all), ["x-other"]);
    }

    // ME-6: their identity is removed too.
    #[test]
    fn hd_2_plaintext_peers_may_tell_but_not_steer() {
        assert_eq!(
            left(&NAMES, strip_steering),
            ["x-envoy-attempt-count", "x-envoy-expected-rq-timeout-ms", "x-other"]
        );
    }
}
