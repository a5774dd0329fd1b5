//! Headers by which the application steers its own proxy.

use super::harness::{Both, Pair, Seen, Step, get, post};

async fn pair() -> Option<Pair> {
    Pair::sidecar("resilience", &["one"]).await
}

/// Istio's sidecars strip these headers unless the caller claims to be inside.
fn steered() -> Step {
    post("one.test:8080", "/steered", "hello").header("x-forwarded-for", "127.0.0.1")
}

/// Both had the same outcome, but Envoy also confirms the caller's header.
#[track_caller]
fn honoured(both: Both) -> Seen {
    let marks: Vec<String> = (1..=both.envoy.arrivals.len())
        .map(|attempt| format!("- attempt {attempt} header x-envoy-internal: true"))
        .collect();
    let lines: Vec<&str> = marks.iter().map(String::as_str).collect();
    both.differ("Control headers", &lines).envoy
}

#[tokio::test]
async fn rt_5_headers_change_what_is_retried() {
    let Some(pair) = pair().await else { return };
    for (step, attempts) in [
        (steered().script("503"), 1),
        (steered().script("503").header("x-envoy-retry-on", "5xx"), 2),
        (steered().script("503").header("x-envoy-retry-on", "5xx").header("x-envoy-max-retries", "3"), 4),
        (steered().script("503").header("x-envoy-retry-on", "5xx").header("x-envoy-max-retries", "x"), 2),
        (
            steered()
                .script("418")
                .header("x-envoy-retry-on", "retriable-status-codes")
                .header("x-envoy-retriable-status-codes", "418"),
            2,
        ),
        (
            steered()
                .script("404")
                .answer("x-again=yes")
                .header("x-envoy-retry-on", "retriable-headers")
                .header("x-envoy-retriable-header-names", "x-again"),
            2,
        ),
        (steered().script("404").header("x-envoy-retry-on", "retriable-4xx,reset"), 1),
    ] {
        let text = format!("{step:?}");
        let seen = honoured(pair.send(step).await);
        assert_eq!(seen.arrivals.len(), attempts, "{text}");
    }
}

#[tokio::test]
async fn rt_5_headers_change_timeouts() {
    let Some(pair) = pair().await else { return };
    let step = || steered().script("hang");
    let seen = honoured(pair.send(step().header("x-envoy-upstream-rq-timeout-ms", "100")).await);
    assert_eq!((seen.status(), seen.logged("flags")), (504, "UT"));
    let quiet = step()
        .header("x-envoy-upstream-rq-timeout-ms", "100")
        .header("x-envoy-upstream-rq-timeout-alt-response", "1");
    let seen = honoured(pair.send(quiet).await);
    assert_eq!((seen.status(), seen.logged("flags")), (204, "UT"));
    let tries = step()
        .header("x-envoy-upstream-rq-timeout-ms", "60000")
        .header("x-envoy-upstream-rq-per-try-timeout-ms", "100")
        .header("x-envoy-retry-on", "5xx");
    let seen = honoured(pair.send(tries).await);
    assert_eq!((seen.status(), seen.arrivals.len(), seen.logged("flags")), (504, 2, "URX,UT"));
}

#[tokio::test]
async fn hd_5_a_sidecar_adds_no_forwarded_for() {
    let Some(pair) = pair().await else { return };
    let step = get("one.test:8080", "/plain").header("x-forwarded-for", "203.0.113.9");
    let seen = pair.send(step).await.alike();
    assert_eq!(seen.sent(1, "x-forwarded-for"), "203.0.113.9");
    let seen = pair.send(get("one.test:8080", "/plain")).await.alike();
    assert_eq!(seen.sent(1, "x-forwarded-for"), "");
}
