use http::{HeaderValue, StatusCode};

use super::*;

const GET: Traits = Traits { idempotent: true, grpc: false, previous_attempts: 0 };
const POST: Traits = Traits { idempotent: false, ..GET };
const GRPC: Traits = Traits { grpc: true, ..POST };

const RESETS: [Reset; 6] = [
    Reset::ConnectFailure,
    Reset::ConnectTimeout,
    Reset::ConnectionTermination,
    Reset::RemoteReset,
    Reset::RemoteRefused,
    Reset::Protocol,
];

fn written(on: &str) -> RetryPolicy {
    let (on, status_codes) = RetryOn::parse(on).unwrap();
    RetryPolicy { on, status_codes, written: true, ..RetryPolicy::default_policy() }
}

fn status(code: u16) -> Outcome {
    Outcome::status(StatusCode::from_u16(code).unwrap())
}

fn grpc(code: GrpcCode, in_trailers: bool) -> Outcome {
    Outcome::Response { status: StatusCode::OK, grpc: Some(code), in_trailers }
}

fn reset(reset: Reset, written: bool) -> Outcome {
    Outcome::Reset { reset, written }
}

fn retries(policy: &RetryPolicy, request: &Traits, outcome: Outcome) -> bool {
    policy.decide(request, 1, &outcome, None) == Verdict::Retry
}

#[test]
fn rt_9_status_conditions() {
    let cases: [(&str, &[u16]); 5] = [
        ("5xx", &[500, 501, 502, 503, 504, 511, 599]),
        ("gateway-error", &[502, 503, 504]),
        ("retriable-4xx", &[409]),
        ("429,503", &[429, 503]),
        ("retriable-status-codes", &[]),
    ];
    for (on, expected) in cases {
        let policy = written(on);
        for code in 200..600 {
            assert_eq!(
                retries(&policy, &GET, status(code)),
                expected.contains(&code) || on == "5xx" && code >= 500
            );
        }
    }
}

#[test]
fn rt_9_reset_conditions() {
    for name in ["5xx", "gateway-error", "reset"] {
        for kind in RESETS {
            assert!(retries(&written(name), &POST, reset(kind, true)), "{name} {kind}");
        }
        assert!(retries(&written(name), &POST, Outcome::PerTryTimeout), "{name}");
    }
    for kind in RESETS {
        let before = written("reset-before-request");
        assert!(retries(&before, &POST, reset(kind, false)));
        assert!(!retries(&before, &POST, reset(kind, true)));
        let connect = matches!(kind, Reset::ConnectFailure | Reset::ConnectTimeout);
        assert_eq!(retries(&written("connect-failure"), &POST, reset(kind, false)), connect, "{kind}");
        let refused = kind == Reset::RemoteRefused;
        assert_eq!(retries(&written("refused-stream"), &POST, reset(kind, true)), refused, "{kind}");
    }
    for name in ["reset-before-request", "connect-failure", "refused-stream", "retriable-4xx", "503"] {
        assert!(!retries(&written(name), &POST, Outcome::PerTryTimeout), "{name}");
    }
}

#[test]
fn rt_9_retriable_status_codes_are_only_what_the_peer_sent() {
    for kind in RESETS {
        assert!(!retries(&written("503"), &GET, reset(kind, true)));
    }
    assert!(!retries(&written("504"), &GET, Outcome::PerTryTimeout));
}

#[test]
fn rt_9_grpc_names_speak_of_trailers_only_responses() {
    let names = [
        ("cancelled", 1),
        ("deadline-exceeded", 4),
        ("resource-exhausted", 8),
        ("internal", 13),
        ("unavailable", 14),
    ];
    for (name, condition) in names {
        let policy = written(name);
        for code in 0..=16 {
            assert_eq!(retries(&policy, &GRPC, grpc(code, false)), code == condition, "{name} {code}");
            assert!(!retries(&policy, &GRPC, grpc(code, true)), "{name} {code} in trailers");
            assert!(!retries(&policy, &GET, grpc(code, false)), "{name} {code} without gRPC");
        }
    }
    // A gRPC failure is an HTTP 200.
    assert!(!retries(&written("5xx,gateway-error,503"), &GRPC, grpc(14, false)));
}

#[test]
fn rt_9_retriable_headers() {
    let policy =
        RetryPolicy { headers: vec![HeaderName::from_static("x-again")], ..written("retriable-headers") };
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-again"), HeaderValue::from_static("1"))]);
    assert_eq!(policy.decide(&GET, 1, &status(200), Some(&headers)), Verdict::Retry);
    assert_eq!(
        policy.decide(&GET, 1, &status(200), Some(&HeaderMap::new())),
        Verdict::GiveUp(GiveUp::NotRetriable)
    );
}

#[test]
fn rt_10_rate_limited_responses_are_left_alone() {
    let limited = HeaderMap::from_iter([(RATE_LIMITED, HeaderValue::from_static("true"))]);
    let decide = |on, code| written(on).decide(&GET, 1, &status(code), Some(&limited));
    assert_eq!(decide("5xx,429", 429), Verdict::GiveUp(GiveUp::RateLimited));
    assert_eq!(decide("5xx", 503), Verdict::GiveUp(GiveUp::RateLimited));
    assert_eq!(decide("envoy-ratelimited", 429), Verdict::Retry);
    assert_eq!(decide("envoy-ratelimited", 503), Verdict::Retry);
    assert_eq!(decide("5xx", 429), Verdict::GiveUp(GiveUp::NotRetriable), "nor would it be without");
}

#[test]
fn rt_10_it_is_the_header_that_limits_whatever_the_status() {
    let again = HeaderName::from_static("x-again");
    let value = || HeaderValue::from_static("true");
    let asked = HeaderMap::from_iter([(again.clone(), value())]);
    let limited = HeaderMap::from_iter([(again.clone(), value()), (RATE_LIMITED, value())]);
    let only_limited = HeaderMap::from_iter([(RATE_LIMITED, value())]);
    let decide = |on, headers: &HeaderMap| {
        let policy = RetryPolicy { headers: vec![again.clone()], ..written(on) };
        policy.decide(&GET, 1, &status(200), Some(headers))
    };
    assert_eq!(decide("retriable-headers", &asked), Verdict::Retry);
    assert_eq!(decide("retriable-headers", &limited), Verdict::GiveUp(GiveUp::RateLimited));
    assert_eq!(decide("retriable-headers", &only_limited), Verdict::GiveUp(GiveUp::NotRetriable));
    assert_eq!(decide("retriable-headers,envoy-ratelimited", &limited), Verdict::Retry);
    assert_eq!(decide("envoy-ratelimited", &only_limited), Verdict::Retry);
    assert_eq!(decide("envoy-ratelimited", &asked), Verdict::GiveUp(GiveUp::NotRetriable));
}

#[test]
fn rt_10_what_failed_here_is_never_retried() {
    let policy = written("5xx,reset,gateway-error,reset-before-request");
    let decide = |outcome| policy.decide(&GET, 1, &outcome, None);
    assert_eq!(decide(reset(Reset::LocalReset, false)), Verdict::GiveUp(GiveUp::Local));
    assert_eq!(decide(Outcome::Timeout), Verdict::GiveUp(GiveUp::TimedOut));
    assert_eq!(decide(Outcome::Cancelled), Verdict::GiveUp(GiveUp::Cancelled));
}

#[test]
fn rt_7_tries_are_one_more_than_attempts() {
    let policy = written("5xx");
    assert_eq!(policy.decide(&GET, 1, &status(503), None), Verdict::Retry);
    assert_eq!(policy.decide(&GET, 2, &status(503), None), Verdict::Retry);
    assert_eq!(policy.decide(&GET, 3, &status(503), None), Verdict::GiveUp(GiveUp::Exhausted));
    // Success on the last try is no exhaustion.
    assert_eq!(policy.decide(&GET, 3, &status(200), None), Verdict::GiveUp(GiveUp::NotRetriable));
}

#[test]
fn rt_7_attempts_zero_is_off_and_not_exhausted() {
    let policy = RetryPolicy { attempts: 0, ..written("5xx") };
    for policy in [policy, RetryPolicy::off()] {
        let verdict = policy.decide(&GET, 1, &reset(Reset::ConnectFailure, false), None);
        assert_eq!(verdict, Verdict::GiveUp(GiveUp::NotRetriable));
        assert!(!policy.may_retry_at_all(&GET));
    }
}

#[test]
fn rt_19_the_default_repeats_a_post_only_if_it_never_arrived() {
    let policy = RetryPolicy::default_policy();
    for safe in [
        reset(Reset::ConnectFailure, false),
        reset(Reset::ConnectTimeout, false),
        reset(Reset::RemoteRefused, true),
    ] {
        assert!(retries(&policy, &POST, safe), "{safe:?}");
    }
    for code in [1, 14] {
        let verdict = policy.decide(&GRPC, 1, &grpc(code, false), None);
        assert_eq!(verdict, Verdict::GiveUp(GiveUp::NotRepeatable));
        let declared = Traits { idempotent: true, ..GRPC };
        assert!(retries(&policy, &declared, grpc(code, false)));
    }
    // The same list, but written, is obeyed.
    assert!(retries(&RetryPolicy { written: true, ..policy }, &GRPC, grpc(14, false)));
}

#[test]
fn rt_19_a_mesh_default_with_resets_is_narrowed_too() {
    let policy = RetryPolicy { written: false, ..written("reset,5xx") };
    assert!(retries(&policy, &POST, reset(Reset::ConnectionTermination, false)));
    for outcome in [reset(Reset::ConnectionTermination, true), status(503), Outcome::PerTryTimeout] {
        assert_eq!(policy.decide(&POST, 1, &outcome, None), Verdict::GiveUp(GiveUp::NotRepeatable));
        assert!(retries(&policy, &GET, outcome));
    }
}

#[test]
fn rt_15_inbound_only_before_a_byte_was_written() {
    let policy = RetryPolicy::inbound();
    assert!(retries(&policy, &POST, reset(Reset::ConnectionTermination, false)));
    assert!(!retries(&policy, &GET, reset(Reset::ConnectionTermination, true)));
    assert!(!retries(&policy, &GET, status(503)));
}

#[test]
fn mesh0003_warns_of_written_policies_only() {
    assert!(!RetryPolicy::default_policy().may_repeat_processed());
    assert!(!written("connect-failure,refused-stream,reset-before-request").may_repeat_processed());
    assert!(written("reset").may_repeat_processed());
    assert!(!RetryPolicy { attempts: 0, ..written("5xx") }.may_repeat_processed());
}
