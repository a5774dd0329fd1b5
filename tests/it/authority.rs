//! Hosts that only requests name are destinations like others: limits, budget, retries (H-8, SE-7).

use std::time::Duration;

use http::{Request, Version};
use mesh_tests::config::{destination_rule, named_entry};
use mesh_tower::Body;
use mesh_tower::test::{Fault, MeshTest, TestMesh, Upstream};

const HOST: &str = "db.example.com";
const URI: &str = "http://db.example.com/";

const FAILURES: usize = 200;

/// An upstream at the address of the host; `resolution` is that of its entry in the registry, if it has one.
async fn world(resolution: Option<&str>, pool: &str) -> (TestMesh, Upstream) {
    let entry = |resolution| {
        named_entry(HOST, "HTTP2", resolution)
            + &destination_rule(HOST, &format!("  trafficPolicy: {{connectionPool: {{http: {{{pool}}}}}}}"))
    };
    let test = MeshTest::new(&resolution.map(entry).unwrap_or_default());
    test.dns().addresses(HOST, ["10.0.0.1"], Duration::from_secs(60));
    let test = test.start().await;
    let upstream = test.upstream("10.0.0.1:80");
    upstream.respond(200, "fine");
    (test, upstream)
}

#[tokio::test(start_paused = true)]
async fn h_8_rt_8_what_cannot_have_arrived_is_sent_again() {
    for resolution in [None, Some("NONE")] {
        let (test, upstream) = world(resolution, "maxRequestsPerConnection: 1000").await;
        upstream.fault(Fault::Refuse);
        assert_eq!(test.get(URI).await.status(), 200, "{resolution:?}");
    }
}

/// Successes pay into the budget that retries take from.
#[tokio::test(start_paused = true)]
async fn h_8_cb_10_retries_are_paid_for_by_its_own_successes() {
    for resolution in [None, Some("NONE")] {
        let (test, upstream) = world(resolution, "maxRequestsPerConnection: 1000").await;
        let get = || Request::get(URI).version(Version::HTTP_2).body(Body::empty()).unwrap();
        for _ in 0..100 {
            assert_eq!(test.send(get()).await.status(), 200);
        }
        upstream.fault_times(FAILURES, Fault::RefuseStream);
        let mut requests = 0;
        while !upstream.unfired().is_empty() {
            test.send(get()).await;
            requests += 1;
        }
        // 10 at the start, 0.2 for each success, and the tokens that time grants during the back-offs.
        let retries = FAILURES - requests;
        assert!((30..45).contains(&retries), "{resolution:?}: {retries}");
    }
}

#[tokio::test(start_paused = true)]
async fn se_7_cb_3_limits_count_the_requests_of_all_workers() {
    let (test, upstream) = world(Some("NONE"), "http2MaxRequests: 1").await;
    upstream.fault(Fault::Delay(Duration::from_secs(1)));
    let other = test.mesh().client();
    let get = || Request::get(URI).body(Body::empty()).unwrap();
    let (one, two) = tokio::join!(test.client().request(get()), other.request(get()));
    assert_eq!(one.unwrap().status(), 200);
    assert!(two.unwrap_err().is_overflow());
    assert_eq!(upstream.arrival_count(), 1);
}

/// A burst of calls to a name, one address of which refuses connections.
#[tokio::test(start_paused = true)]
async fn h_8_another_address_of_a_name_is_tried_for_nothing() {
    let test = MeshTest::new("").start().await;
    test.dns().addresses(HOST, ["10.0.0.1", "10.0.0.2"], Duration::from_secs(60));
    test.upstream("10.0.0.1:80").down();
    test.upstream("10.0.0.2:80").respond(200, "fine");
    let answers = futures_util::future::join_all((0..40).map(|_| test.get(URI))).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
}
