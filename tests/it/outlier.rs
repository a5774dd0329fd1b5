//! Outlier ejection, to the tick (OD).

use std::time::Duration;

use mesh_tests::config::{destination_rule, service};
use mesh_tower::test::{Fault, MeshTest, TestMesh, Upstream};
use tokio::time::{Instant, sleep_until};

const URI: &str = "http://api/";

async fn world(detection: &str, port: &str) -> (TestMesh, Upstream, Upstream) {
    let policy = format!(
        "  trafficPolicy:\n    loadBalancer: {{simple: ROUND_ROBIN}}\n    outlierDetection: {{{detection}}}"
    );
    let yaml = service("api", port, 80, &["10.0.0.1", "10.0.0.2"]) + &destination_rule("api", &policy);
    let test = MeshTest::new(&yaml).start().await;
    let (bad, good) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
    (test, bad, good)
}

/// Arrivals at `bad` of `count` requests.
async fn share(test: &TestMesh, bad: &Upstream, count: usize) -> usize {
    bad.forget_arrivals();
    for _ in 0..count {
        let _ = test.get(URI).await;
    }
    bad.arrival_count()
}

const THREE: &str = "consecutive5xxErrors: 3, interval: 10s, baseEjectionTime: 30s, maxEjectionPercent: 50";

#[tokio::test(start_paused = true)]
async fn od_5_ejected_on_exactly_the_third_error_and_back_at_a_tick() {
    let (test, bad, _good) = world(THREE, "http").await;
    let start = Instant::now();
    bad.respond(500, "");
    assert_eq!(share(&test, &bad, 40).await, 3);
    bad.respond(200, "");
    // OD-8: 30 s are over at the tick at 30 s, and not before.
    sleep_until(start + Duration::from_millis(29_900)).await;
    assert_eq!(share(&test, &bad, 20).await, 0);
    sleep_until(start + Duration::from_millis(30_100)).await;
    assert_eq!(share(&test, &bad, 20).await, 10);
}

#[tokio::test(start_paused = true)]
async fn od_7_the_second_ejection_is_twice_as_long_and_again_after_three() {
    let (test, bad, _good) = world(THREE, "http").await;
    let start = Instant::now();
    bad.respond(500, "");
    assert_eq!(share(&test, &bad, 40).await, 3);
    sleep_until(start + Duration::from_millis(30_100)).await;
    assert_eq!(share(&test, &bad, 40).await, 3, "the count begins anew");
    bad.respond(200, "");
    // Ejected at 30.1 s for 60 s: over at the tick at 100 s.
    sleep_until(start + Duration::from_millis(99_900)).await;
    assert_eq!(share(&test, &bad, 20).await, 0);
    sleep_until(start + Duration::from_millis(100_100)).await;
    assert_eq!(share(&test, &bad, 20).await, 10);
}

#[tokio::test(start_paused = true)]
async fn od_2_a_success_between_errors_starts_the_count_again() {
    let (test, bad, _good) = world(THREE, "http").await;
    for _ in 0..10 {
        bad.fail_next(2, 503);
        assert_eq!(share(&test, &bad, 6).await, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn od_6_no_more_than_the_allowed_part_is_ejected() {
    let (test, bad, good) = world(THREE, "http").await;
    bad.respond(500, "");
    good.respond(500, "");
    good.forget_arrivals();
    assert_eq!(share(&test, &bad, 40).await, 3);
    assert_eq!(good.arrival_count(), 37);
    // With the default of 10 % a cluster of two never ejects.
    let (test, bad, _good) = world("consecutive5xxErrors: 3", "http").await;
    bad.respond(500, "");
    assert_eq!(share(&test, &bad, 40).await, 20);
}

#[tokio::test(start_paused = true)]
async fn od_2_resets_and_refused_connections_count() {
    for fault in [Fault::Refuse, Fault::CloseBeforeResponse] {
        let (test, bad, _good) = world(THREE, "http").await;
        if fault == Fault::Refuse {
            bad.down();
        } else {
            bad.fault_times(3, fault);
        }
        for _ in 0..20 {
            let _ = test.get(URI).await;
        }
        bad.up();
        assert_eq!(share(&test, &bad, 10).await, 0, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn od_3_a_grpc_failure_in_trailers_ejects_and_not_found_does_not() {
    for (status, arrivals) in [(14, 3), (5, 20)] {
        let (test, bad, good) = world(THREE, "grpc").await;
        bad.respond_grpc(status, "");
        good.respond_grpc(0, "");
        for _ in 0..40 {
            let request = http::Request::post(URI)
                .header("content-type", "application/grpc")
                .body(mesh_tower::test::grpc_frame(b"").into())
                .unwrap();
            let _ = test.send(request).await;
        }
        assert_eq!(bad.arrival_count(), arrivals, "status {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn od_2_what_is_made_here_is_nobodys_fault() {
    use mesh_tests::config::virtual_service;
    let fault = "  - fault: {abort: {httpStatus: 503, percentage: {value: 100}}}
    match: [{uri: {exact: /aborted}}]
    route: [{destination: {host: api}}]
  - route: [{destination: {host: api}}]";
    let yaml = service("api", "http", 80, &["10.0.0.1", "10.0.0.2"])
        + &virtual_service("api", fault)
        + &destination_rule("api", &format!("  trafficPolicy:\n    outlierDetection: {{{THREE}}}"));
    let test = MeshTest::new(&yaml).start().await;
    let (one, two) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
    for _ in 0..20 {
        assert_eq!(test.get("http://api/aborted").await.flags(), "FI");
    }
    for _ in 0..200 {
        assert_eq!(test.get(URI).await.status(), 200);
    }
    assert!(one.arrival_count() > 50 && two.arrival_count() > 50);
}

/// One address with two sets of labels is in the subsets of each. In a subset that has both it is one endpoint: one
/// count, one ejection, one pool. Each subset is a destination of its own and judges the endpoint by itself, as a
/// cluster of Envoy's does.
#[tokio::test(start_paused = true)]
async fn dr_5_one_address_is_one_endpoint_of_each_destination_whatever_its_labels() {
    let endpoint = |address: &str, version: &str| {
        format!("{{address: {address}, labels: {{app: api, version: {version}}}}}")
    };
    let endpoints =
        [endpoint("10.0.0.1", "v1"), endpoint("10.0.0.1", "v2"), endpoint("10.0.0.2", "v2")].join(", ");
    let document = |kind: &str, spec: &str| {
        format!(
            "apiVersion: networking.istio.io/v1
kind: {kind}
metadata: {{name: api, namespace: default}}
spec: {spec}
---
"
        )
    };
    let subset = |name: &str, labels: &str| format!("{{name: {name}, labels: {{{labels}}}}}");
    let subsets = [subset("v1", "version: v1"), subset("v2", "version: v2"), subset("both", "app: api")];
    let route = |path: &str| {
        let destination = format!("{{destination: {{host: api.test, subset: {path}}}}}");
        format!("{{match: [{{uri: {{prefix: /{path}}}}}], route: [{destination}]}}")
    };
    let yaml = document(
        "ServiceEntry",
        &format!(
            "{{hosts: [api.test], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: STATIC,
  endpoints: [{endpoints}]}}"
        ),
    ) + &document(
        "DestinationRule",
        &format!(
            "{{host: api.test, subsets: [{}], trafficPolicy: {{loadBalancer: {{simple: ROUND_ROBIN}},
  outlierDetection: {{{}}}}}}}",
            subsets.join(", "),
            THREE.replace("50", "100"),
        ),
    ) + &document(
        "VirtualService",
        &format!("{{hosts: [api.test], http: [{}]}}", ["v1", "v2", "both"].map(route).join(", ")),
    );
    let test = MeshTest::new(&yaml).start().await;
    let (bad, _good) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
    bad.respond(500, "");
    let count = async |path: &str| {
        bad.forget_arrivals();
        for _ in 0..40 {
            let _ = test.get(&format!("http://api.test/{path}")).await;
        }
        bad.arrival_count()
    };
    assert_eq!(count("both").await, 3, "its labels are two, its errors are counted together");
    assert_eq!(bad.connections(), 1, "one pool");
    for other in ["v1", "v2"] {
        assert_eq!(count(other).await, 3, "{other} has found nothing out about it yet");
        assert_eq!(count("both").await, 0);
    }
    assert_eq!(bad.connections(), 3, "and one of each subset");
}
