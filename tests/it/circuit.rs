//! Circuit limits (CB).

use std::time::Duration;

use futures_util::future::join_all;
use http::Request;
use mesh_tests::config::{destination_rule, service};
use mesh_tests::counters::Counters;
use mesh_tower::Body;
use mesh_tower::admin::Admin;
use mesh_tower::test::{Answer, Fault, MeshTest, TestMesh, Upstream, pass};
use tower::ServiceExt;

async fn world(port: &str, pool: &str) -> (TestMesh, Upstream) {
    let yaml = service("api", port, 80, &["10.0.0.1"])
        + &destination_rule("api", &format!("  trafficPolicy:\n    connectionPool: {{{pool}}}"));
    let test = MeshTest::new(&yaml).start().await;
    let api = test.upstream("10.0.0.1:80");
    api.respond(200, "fine");
    (test, api)
}

async fn together(test: &TestMesh, count: usize) -> Vec<Answer> {
    join_all((0..count).map(|_| test.get("http://api/"))).await
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    statuses.sort_unstable();
    statuses
}

#[tokio::test(start_paused = true)]
async fn cb_5_a_full_queue_overflows_at_once() {
    let (test, api) = world("http", "tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}").await;
    api.fault_times(2, Fault::Delay(Duration::from_secs(1)));
    let answers = together(&test, 4).await;
    assert_eq!(statuses(&answers), [200, 200, 503, 503]);
    let refused = answers.iter().find(|answer| answer.status() == 503).unwrap();
    assert_eq!(refused.flags(), "UO");
    assert_eq!(refused.header("x-envoy-overloaded"), "true");
    assert_eq!(
        refused.text(),
        "upstream connect error or disconnect/reset before headers. reset reason: overflow"
    );
    assert!(refused.error.as_ref().unwrap().is_overflow());
    assert_eq!((api.arrival_count(), api.connections()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn cb_3_requests_at_once() {
    for port in ["http", "http2"] {
        let (test, api) = world(port, "http: {http2MaxRequests: 2}").await;
        api.fault_times(2, Fault::Delay(Duration::from_secs(1)));
        assert_eq!(statuses(&together(&test, 3).await), [200, 200, 503], "{port}");
        assert_eq!(statuses(&together(&test, 2).await), [200, 200], "{port}: places are freed");
    }
}

#[tokio::test(start_paused = true)]
async fn cb_3_a_place_is_held_until_the_body_ends_and_freed_by_a_drop() {
    let (test, _api) = world("http", "http: {http2MaxRequests: 1}").await;
    let request = || Request::get("http://api/").body(Body::empty()).unwrap();
    let held = test.client().request(request()).await.unwrap();
    assert_eq!(test.get("http://api/").await.flags(), "UO");
    drop(held);
    assert_eq!(test.get("http://api/").await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn me_7_a_limit_that_is_reached_is_open() {
    let counters = Counters::leak();
    let _installed = counters.install();
    let (test, _api) = world("http", "http: {http2MaxRequests: 1}").await;
    // Gauges are set when the page is requested.
    let open = async || {
        let request = Request::get("/stats/prometheus").body(Body::empty()).unwrap();
        Admin::new(test.mesh().clone()).oneshot(request).await.unwrap();
        ["cx_open", "rq_pending_open", "rq_open", "rq_retry_open"]
            .map(|limit| counters.sum(&format!("envoy_cluster_circuit_breakers_default_{limit}"), ""))
    };
    let request = Request::get("http://api/").body(Body::empty()).unwrap();
    let held = test.client().request(request).await.unwrap();
    assert_eq!(open().await, [0, 0, 1, 0]);
    drop(held);
    assert_eq!(open().await, [0; 4]);
}

#[tokio::test(start_paused = true)]
async fn cb_2_connections_are_limited_and_requests_wait() {
    let (test, api) = world("http", "tcp: {maxConnections: 3}").await;
    api.fault_times(12, Fault::Delay(Duration::from_secs(1)));
    let begin = tokio::time::Instant::now();
    assert!(together(&test, 12).await.iter().all(|answer| answer.status() == 200));
    assert_eq!(api.connections(), 3);
    assert!(begin.elapsed() >= Duration::from_secs(4) && begin.elapsed() < Duration::from_millis(4_100));
}

#[tokio::test(start_paused = true)]
async fn cb_3_a_connection_serves_no_more_than_allowed() {
    for port in ["http", "http2"] {
        let (test, api) = world(port, "http: {maxRequestsPerConnection: 2}").await;
        for _ in 0..6 {
            assert_eq!(test.get("http://api/").await.status(), 200);
        }
        let mut by_connection = std::collections::BTreeMap::new();
        for arrival in api.arrivals() {
            *by_connection.entry(arrival.connection).or_insert(0) += 1;
        }
        assert!(by_connection.values().all(|served| *served <= 2), "{port} {by_connection:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn cb_3_idle_connections_are_closed() {
    for port in ["http", "http2"] {
        let (test, api) = world(port, "http: {idleTimeout: 20s}").await;
        test.get("http://api/").await;
        api.open(1).await;
        pass(Duration::from_secs(15)).await;
        assert_eq!(api.open_connections(), 1, "{port}");
        pass(Duration::from_secs(15)).await;
        assert_eq!(api.open_connections(), 0, "{port}");
        pass(Duration::from_secs(15)).await;
        assert_eq!(api.connections(), 1, "{port}: not dialled again before somebody asks");
        assert_eq!(test.get("http://api/").await.status(), 200, "{port}");
    }
}

/// CB-3: without a timeout of HTTP, `tcp.idleTimeout` holds; `0s` means no limit (Y-6).
#[tokio::test(start_paused = true)]
async fn cb_2_cb_3_the_idle_timeout_of_tcp_and_none_at_all() {
    for (pool, open) in [("tcp: {idleTimeout: 20s}", 0), ("tcp: {idleTimeout: 0s}", 1)] {
        for port in ["http", "http2"] {
            let (test, api) = world(port, pool).await;
            test.get("http://api/").await;
            api.open(1).await;
            pass(Duration::from_secs(15)).await;
            assert_eq!(api.open_connections(), 1, "{port} {pool}");
            pass(Duration::from_secs(3 * 3_600)).await;
            assert_eq!(api.open_connections(), open, "{port} {pool}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cb_2_a_connection_that_is_old_serves_nobody_any_more() {
    for port in ["http", "http2"] {
        let (test, api) = world(port, "tcp: {maxConnectionDuration: 30s}").await;
        let mut made = Vec::new();
        for _ in 0..6 {
            assert_eq!(test.get("http://api/").await.status(), 200);
            made.push(api.connections());
            pass(Duration::from_secs(12)).await;
        }
        assert_eq!(made, [1, 1, 1, 2, 2, 2], "{port}: used at 0, 12 and 24 seconds, not at 36");
    }
}

#[tokio::test(start_paused = true)]
async fn cb_3_streams_of_one_connection_are_limited() {
    for (pool, connections) in [("http: {maxConcurrentStreams: 2}", 2), ("http: {maxRetries: 9}", 1)] {
        let (test, api) = world("http2", pool).await;
        api.fault_times(4, Fault::Delay(Duration::from_secs(1)));
        assert!(together(&test, 4).await.iter().all(|answer| answer.status() == 200));
        assert_eq!(api.connections(), connections, "{pool}");
    }
}

#[tokio::test(start_paused = true)]
async fn cb_7_the_port_and_the_pool_say_what_is_spoken_upstream() {
    use http::Version;
    let (one, two) = (Version::HTTP_11, Version::HTTP_2);
    let plain = "tcp: {maxConnections: 9}";
    for (port, pool, [from_one, from_two]) in [
        ("http", plain, [one, one]),
        ("http2", plain, [two, two]),
        ("grpc", plain, [two, two]),
        // The port's name does not show its protocol.
        ("web", plain, [one, two]),
        ("http", "http: {h2UpgradePolicy: UPGRADE}", [two, two]),
        ("http", "http: {h2UpgradePolicy: DO_NOT_UPGRADE}", [one, one]),
        ("http", "http: {useClientProtocol: true}", [one, two]),
        ("http2", "http: {useClientProtocol: true}", [one, two]),
    ] {
        for (asked, spoken) in [(one, from_one), (two, from_two)] {
            let (test, api) = world(port, pool).await;
            let request = Request::get("http://api/").version(asked).body(Body::empty()).unwrap();
            assert_eq!(test.send(request).await.status(), 200, "{port} {pool} {asked:?}");
            let arrived: Vec<Version> = api.arrivals().iter().map(|arrival| arrival.version).collect();
            assert_eq!(arrived, [spoken], "{port} {pool} {asked:?}");
        }
    }
}

#[test]
fn cb_4_what_no_pool_may_hold_is_an_error() {
    for (pool, complaint) in [
        ("tcp: {maxConnections: -1}", "must be ≥ 0"),
        ("http: {http1MaxPendingRequests: -1}", "must be ≥ 0"),
        ("http: {maxRetries: -1}", "must be ≥ 0"),
        ("http: {h2UpgradePolicy: UPGRADE, useClientProtocol: true}", "useClientProtocol"),
        ("", ""),
    ] {
        let yaml = destination_rule("api", &format!("  trafficPolicy:\n    connectionPool: {{{pool}}}"));
        let (documents, findings) = mesh_core::api::Documents::parse([("test.yaml", &yaml)]);
        assert!(findings.has_errors() && documents.destination_rules.is_empty(), "{pool}: {findings}");
        assert!(findings.to_string().contains(complaint), "{pool}: {findings}");
    }
}
