//! Active health checks (HC-1, HC-2): their targets, their intervals, and the effects of their answers.

mod questions;
mod targets;

use std::time::Duration;

use http::{Request, Response};
use mesh_core::api::envoy_gateway::ActiveHealthCheck;
use mesh_core::health::State;
use mesh_core::plan::builder::{MeshSpec, Protocol, Service};
use mesh_tests::config::{destination_rule, service, versioned_service, virtual_service};
use mesh_tower::Body;
use mesh_tower::test::{MeshTest, TestMesh, Upstream, pass};
use tokio::time::Instant;

const URI: &str = "http://api/";

fn policy(target: &str, active: &str) -> String {
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: checks, namespace: default}}
spec:
  targetRefs: [{target}]
  healthCheck: {{active: {active}}}
---
"
    )
}

const SERVICE: &str = "{group: '', kind: Service, name: api}";
const HTTP: &str = "{type: HTTP, interval: 10s, healthyThreshold: 2, http: {path: /healthz}}";

async fn world(port: &str, active: &str, rest: &str) -> (TestMesh, Upstream, Upstream) {
    let yaml = service("api", port, 80, &["10.0.0.1", "10.0.0.2"]) + &policy(SERVICE, active) + rest;
    let test = MeshTest::new(&yaml).start().await;
    let (one, two) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
    (test, one, two)
}

/// Answers `/healthz` with this status, everything else with 200.
fn health(upstream: &Upstream, status: u16) {
    upstream.handle(move |request| async move {
        let status = if request.uri().path() == "/healthz" { status } else { 200 };
        Response::builder().status(status).body(Body::from("I am well")).unwrap()
    });
}

fn checks(upstream: &Upstream) -> usize {
    upstream.arrivals().iter().filter(|arrival| arrival.path() == "/healthz").count()
}

fn calls(upstream: &Upstream) -> usize {
    upstream.arrival_count() - checks(upstream)
}

fn states(test: &TestMesh) -> Vec<State> {
    let live = test.mesh().live();
    let clusters = live.clusters();
    clusters.iter().flat_map(|cluster| cluster.hosts().list().to_vec()).map(|host| host.health()).collect()
}

async fn call(test: &TestMesh, count: usize) {
    for _ in 0..count {
        assert_eq!(test.get(URI).await.status(), 200, "{}", test.transcript());
    }
}

#[tokio::test(start_paused = true)]
async fn hc_1_the_first_answer_decides_and_a_later_success_needs_the_threshold() {
    for port in ["http", "http2"] {
        let (test, bad, good) = world(port, HTTP, "").await;
        health(&bad, 503);
        call(&test, 1).await;
        // One look at each endpoint: a millisecond is enough.
        pass(Duration::from_millis(1)).await;
        assert_eq!(states(&test), [State::Unhealthy, State::Healthy], "{port}");
        let before = calls(&bad);
        call(&test, 30).await;
        assert_eq!(calls(&bad), before, "{port}");
        let asked = good.arrivals().into_iter().find(|arrival| arrival.path() == "/healthz").unwrap();
        assert_eq!(asked.authority(), "api.default.svc.cluster.local");
        // Two good answers, ten to eleven seconds apart.
        health(&bad, 200);
        pass(Duration::from_secs(11)).await;
        assert_eq!(states(&test)[0], State::Unhealthy, "{port}");
        pass(Duration::from_secs(11)).await;
        assert_eq!(states(&test)[0], State::Healthy, "{port}");
        call(&test, 30).await;
        assert!(calls(&bad) > before, "{port}");
    }
}

#[tokio::test(start_paused = true)]
async fn hc_1_silence_counts_and_a_clear_no_does_not_wait() {
    let active = "{type: HTTP, interval: 10s, unhealthyThreshold: 3, http: {path: /healthz, retriableStatuses: [429]}}";
    let (test, one, _two) = world("http", active, "").await;
    call(&test, 1).await;
    pass(Duration::from_secs(1)).await;
    // Twice silent, then well: it stays; three times in a row: it goes.
    for (status, rounds, expected) in [
        (429, 2, State::Healthy),
        (200, 1, State::Healthy),
        (429, 3, State::Unhealthy),
        (200, 1, State::Healthy),
    ] {
        health(&one, status);
        let begin = checks(&one);
        while checks(&one) < begin + rounds {
            pass(Duration::from_millis(100)).await;
        }
        pass(Duration::from_millis(10)).await;
        assert_eq!(states(&test)[0], expected, "{status}");
    }
    health(&one, 500);
    pass(Duration::from_secs(11)).await;
    assert_eq!(states(&test)[0], State::Unhealthy, "an answer that says no needs no threshold");
}

#[tokio::test(start_paused = true)]
async fn hc_1_nobody_waits_for_the_first_answer_but_a_newcomer() {
    let yaml = |addresses: &[&str]| service("api", "http", 80, addresses) + &policy(SERVICE, HTTP);
    let test = MeshTest::new(&yaml(&["10.0.0.1"])).start().await;
    let old = test.upstream("10.0.0.1:80");
    // Before the first check.
    call(&test, 1).await;
    pass(Duration::from_secs(1)).await;
    let new = test.upstream("10.0.0.2:80");
    new.down();
    test.reload(&yaml(&["10.0.0.1", "10.0.0.2"]));
    let dials = new.connections();
    call(&test, 20).await;
    assert_eq!((new.connections(), states(&test)[0]), (dials, State::Healthy));
    // It was down when it was asked first; the next answer but one takes it in.
    new.up();
    pass(Duration::from_secs(23)).await;
    old.forget_arrivals();
    call(&test, 20).await;
    assert!(calls(&new) > 0 && calls(&old) > 0);
}

#[tokio::test(start_paused = true)]
async fn hc_1_without_traffic_a_minute_passes_between_questions() {
    let active = "{type: HTTP, interval: 2s, http: {path: /healthz}}";
    let (test, one, _two) = world("http", active, "").await;
    pass(Duration::from_secs(600)).await;
    let idle = checks(&one);
    assert!((10..=11).contains(&idle), "{idle}");
    call(&test, 1).await;
    pass(Duration::from_secs(60)).await;
    let busy = checks(&one) - idle;
    // Every 2 s to 2.2 s, the jitter.
    assert!((27..=30).contains(&busy), "{busy}");
}

#[tokio::test(start_paused = true)]
async fn hc_1_an_endpoint_that_does_not_answer_in_time_fails() {
    let active = "{type: HTTP, timeout: 500ms, interval: 2s, unhealthyThreshold: 2, http: {path: /healthz}}";
    let (test, one, two) = world("http", active, "").await;
    call(&test, 1).await;
    pass(Duration::from_secs(1)).await;
    one.handle(|request| async move {
        if request.uri().path() == "/healthz" {
            pass(Duration::from_millis(600)).await;
        }
        Response::new(Body::empty())
    });
    pass(Duration::from_secs(6)).await;
    assert_eq!(states(&test), [State::Unhealthy, State::Healthy]);
    two.forget_arrivals();
    call(&test, 20).await;
    assert_eq!(calls(&two), 20);
}

#[tokio::test(start_paused = true)]
async fn hc_2_a_good_answer_ends_an_ejection() {
    let outlier = destination_rule(
        "api",
        "  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 2, baseEjectionTime: 300s, maxEjectionPercent: 100}",
    );
    let (test, one, _two) =
        world("http", "{type: HTTP, interval: 20s, http: {path: /healthz}}", &outlier).await;
    call(&test, 1).await;
    pass(Duration::from_secs(1)).await;
    let begin = Instant::now();
    one.handle(|request| async move {
        let status = if request.uri().path() == "/healthz" { 200 } else { 500 };
        Response::builder().status(status).body(Body::empty()).unwrap()
    });
    for _ in 0..20 {
        let _ = test.get(URI).await;
    }
    let ejected = || test.mesh().live().clusters()[0].hosts().list()[0].is_ejected();
    assert!(ejected());
    health(&one, 200);
    while ejected() {
        pass(Duration::from_millis(100)).await;
    }
    assert!(begin.elapsed() <= Duration::from_secs(22), "{:?}", begin.elapsed());
    one.forget_arrivals();
    call(&test, 30).await;
    assert!(calls(&one) > 0);
}

#[tokio::test(start_paused = true)]
async fn hc_2_an_endpoint_may_take_itself_out() {
    let (test, one, two) = world("http", HTTP, "").await;
    call(&test, 1).await;
    pass(Duration::from_secs(1)).await;
    one.handle(|_| async {
        Response::builder().header("x-envoy-immediate-health-check-fail", "true").body(Body::empty()).unwrap()
    });
    for _ in 0..10 {
        // The answer itself is good.
        call(&test, 1).await;
    }
    assert_eq!(states(&test)[0], State::Unhealthy);
    let (before, begin) = (calls(&one), calls(&two));
    call(&test, 20).await;
    assert_eq!((calls(&one), calls(&two)), (before, begin + 20));
    // Said in the answer to a health check it counts as well.
    pass(Duration::from_secs(60)).await;
    assert_eq!(states(&test)[0], State::Unhealthy);
    // Without health checks it means nothing.
    let test = MeshTest::new(&service("api", "http", 80, &["10.0.0.1"])).start().await;
    test.upstream("10.0.0.1:80").handle(|_| async {
        Response::builder().header("x-envoy-immediate-health-check-fail", "true").body(Body::empty()).unwrap()
    });
    call(&test, 5).await;
    assert_eq!(states(&test), [State::Unchecked]);
}
