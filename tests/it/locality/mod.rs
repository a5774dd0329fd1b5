//! Near endpoints first, and where requests go when these fail (LB-9 to LB-17, OD-9, OD-10).

mod peak_ewma;

use std::time::Duration;

use http::Request;
use mesh_core::balance::BalancePolicy;
use mesh_core::identity::{Locality, Workload};
use mesh_tests::config::{destination_rule, virtual_service};
use mesh_tower::Body;
use mesh_tower::admin::Admin;
use mesh_tower::record::Record;
use mesh_tower::test::{MeshTest, TestMesh, Upstream, pass};
use tokio::time::{Instant, sleep_until};
use tower::ServiceExt;

const URI: &str = "http://api.test/";

/// Endpoints in places, and the rest of the configuration.
fn yaml(places: &[(&str, &str)], policy: &str) -> String {
    let endpoints: String = places
        .iter()
        .map(|(address, locality)| format!("  - {{address: {address}, locality: {locality}}}\n"))
        .collect();
    let entry = format!(
        "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: api}}
spec:
  hosts: [api.test]
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints:
{endpoints}---
"
    );
    entry + &destination_rule("api.test", &format!("  trafficPolicy: {{{policy}}}"))
}

async fn world(yaml: &str) -> TestMesh {
    let identity = Workload { locality: Locality::parse("eu/west/a"), ..Workload::default() };
    MeshTest::new(yaml).identity(identity).start().await
}

/// Answered requests at each address, of `count`.
async fn spread(test: &TestMesh, addresses: &[&str], count: usize) -> Vec<usize> {
    let upstreams: Vec<_> = addresses.iter().map(|address| test.upstream(&format!("{address}:80"))).collect();
    for upstream in &upstreams {
        upstream.forget_arrivals();
    }
    for _ in 0..count {
        let _ = test.get(URI).await;
    }
    upstreams.iter().map(Upstream::arrival_count).collect()
}

const NEAR_AND_FAR: [(&str, &str); 3] =
    [("10.0.0.1", "eu/west/a"), ("10.0.0.2", "eu/west/a"), ("10.0.0.3", "us/east/a")];
const ADDRESSES: [&str; 3] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
const ROUND_ROBIN: &str = "loadBalancer: {simple: ROUND_ROBIN}";
const OUTLIER: &str = "outlierDetection: {consecutive5xxErrors: 3, interval: 10s, baseEjectionTime: 30s, maxEjectionPercent: 100";

/// Lets an endpoint be ejected.
async fn eject(test: &TestMesh, address: &str) {
    let upstream = test.upstream(&format!("{address}:80"));
    upstream.respond(500, "");
    for _ in 0..100 {
        let _ = test.get(URI).await;
    }
    upstream.respond(200, "");
}

/// LB-10, LB-13, OD-8.
#[tokio::test(start_paused = true)]
async fn lb_10_lb_13_requests_go_far_as_the_near_are_ejected_and_come_back() {
    let test = world(&yaml(&NEAR_AND_FAR, &format!("{ROUND_ROBIN}, {OUTLIER}}}"))).await;
    let start = Instant::now();
    assert_eq!(spread(&test, &ADDRESSES, 100).await, [50, 50, 0]);
    eject(&test, "10.0.0.1").await;
    // Half of the near ones are left: 140 · ½ = 70 % stay.
    let shares = spread(&test, &ADDRESSES, 2_000).await;
    assert_eq!(shares[0], 0);
    assert!(shares[1].abs_diff(1_400) < 80 && shares[2].abs_diff(600) < 80, "{shares:?}");
    eject(&test, "10.0.0.2").await;
    assert_eq!(spread(&test, &ADDRESSES, 100).await, [0, 0, 100]);
    // Both are back at the tick at 30 s (OD-8).
    sleep_until(start + Duration::from_millis(29_900)).await;
    assert_eq!(spread(&test, &ADDRESSES, 100).await, [0, 0, 100]);
    sleep_until(start + Duration::from_millis(30_100)).await;
    assert_eq!(spread(&test, &ADDRESSES, 100).await, [50, 50, 0]);
}

#[tokio::test(start_paused = true)]
async fn od_10_without_outlier_detection_distance_does_not_count() {
    let test = world(&yaml(&NEAR_AND_FAR, ROUND_ROBIN)).await;
    assert_eq!(spread(&test, &ADDRESSES, 300).await, [100, 100, 100]);
}

#[tokio::test(start_paused = true)]
async fn lb_12_traffic_is_distributed_by_share_not_by_number() {
    let shares = "loadBalancer: {simple: ROUND_ROBIN, \
         localityLbSetting: {distribute: [{from: eu/*, to: {eu/*: 80, us/east/*: 20}}]}}";
    let places = [("10.0.0.1", "us/east/a"), ("10.0.0.2", "us/east/b"), ("10.0.0.3", "eu/west/a")];
    let places = [&places[..], &[("10.0.0.4", "ap/south/a")]].concat();
    let test = world(&yaml(&places, shares)).await;
    let counts = spread(&test, &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"], 2_000).await;
    assert_eq!(counts[3], 0, "a locality that is not listed gets nothing");
    assert!(counts[2].abs_diff(1_600) < 80, "{counts:?}");
    assert!(counts[0].abs_diff(counts[1]) <= 1, "one share, two endpoints: {counts:?}");
}

/// LB-14, OD-9.
#[tokio::test(start_paused = true)]
async fn lb_14_od_9_too_few_are_well_and_all_are_used_again() {
    let places = [("10.0.0.1", "eu"), ("10.0.0.2", "eu"), ("10.0.0.3", "eu")];
    let panic = format!("{ROUND_ROBIN}, {OUTLIER}, minHealthPercent: 50}}");
    let test = world(&yaml(&places, &panic)).await;
    let _ = spread(&test, &ADDRESSES, 3).await;
    eject(&test, "10.0.0.1").await;
    assert_eq!(spread(&test, &ADDRESSES, 100).await, [0, 50, 50]);
    eject(&test, "10.0.0.2").await;
    let all = spread(&test, &ADDRESSES, 99).await;
    assert_eq!(all, [33, 33, 33], "one of three is below 50 %");
    assert!(clusters(&test).await["panic"].as_bool().unwrap());
    // Without a threshold no endpoint is left in the end.
    let test = world(&yaml(&places, &format!("{ROUND_ROBIN}, {OUTLIER}}}"))).await;
    let _ = spread(&test, &ADDRESSES, 3).await;
    for address in ADDRESSES {
        eject(&test, address).await;
    }
    let answer = test.get(URI).await;
    assert_eq!((answer.flags().as_str(), answer.text().as_str()), ("UH", "no healthy upstream"));
}

#[tokio::test(start_paused = true)]
async fn od_9_requests_under_way_at_an_ejected_endpoint_finish() {
    let test = world(&yaml(&NEAR_AND_FAR[1..2], &format!("{ROUND_ROBIN}, {OUTLIER}}}"))).await;
    let upstream = test.upstream("10.0.0.2:80");
    upstream.slow_headers(Duration::from_secs(5));
    let slow = async { test.get(URI).await.status() };
    let others = async {
        pass(Duration::from_secs(1)).await;
        upstream.fail_next(3, 503);
        for _ in 0..3 {
            assert_eq!(test.get(URI).await.status(), 503);
        }
        assert_eq!(test.get(URI).await.flags(), "UH", "it is out");
    };
    let (status, ()) = tokio::join!(slow, others);
    assert_eq!(status, 200);
}

/// The part of the requests that the second endpoint gets.
async fn second(test: &TestMesh) -> f64 {
    spread(test, &["10.0.0.1", "10.0.0.2"], 400).await[1] as f64 / 400.0
}

const WARM_UP: &str = "loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 100s}}";

#[tokio::test(start_paused = true)]
async fn lb_15_a_new_endpoint_gets_its_share_little_by_little() {
    let test = world(&yaml(&[("10.0.0.1", "eu")], WARM_UP)).await;
    sleep_until(Instant::now() + Duration::from_secs(200)).await;
    let both = [("10.0.0.1", "eu"), ("10.0.0.2", "eu")];
    test.reload(&yaml(&both, WARM_UP));
    let start = Instant::now();
    // A share of f beside a whole one is f / (1 + f).
    for (age, factor) in [(5, 0.1_f64), (25, 0.25), (50, 0.5), (75, 0.75), (101, 1.0)] {
        sleep_until(start + Duration::from_secs(age)).await;
        let (share, expected) = (second(&test).await, factor / (1.0 + factor));
        assert!((share - expected).abs() < 0.02, "after {age} s: {share}, expected {expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn lb_17_reloads_keep_age_and_ejections() {
    let both = [("10.0.0.1", "eu"), ("10.0.0.2", "eu")];
    let policy = |percent: u32| {
        format!(
            "{OUTLIER}, minHealthPercent: {percent}}}, loadBalancer: {{simple: ROUND_ROBIN, warmup: {{duration: 100s}}}}"
        )
    };
    let test = world(&yaml(&both[..1], &policy(0))).await;
    sleep_until(Instant::now() + Duration::from_secs(200)).await;
    test.reload(&yaml(&both, &policy(0)));
    sleep_until(Instant::now() + Duration::from_secs(50)).await;
    // Other facts of the same address, and then another policy: it goes on warming up.
    test.reload(
        &yaml(&both, &policy(0)).replace("10.0.0.2, locality: eu", "10.0.0.2, locality: eu, labels: {a: b}"),
    );
    let share = second(&test).await;
    assert!((share - 1.0 / 3.0).abs() < 0.02, "{share}");
    test.reload(&yaml(&both, &policy(1)));
    let share = second(&test).await;
    assert!((share - 1.0 / 3.0).abs() < 0.02, "{share}");
    eject(&test, "10.0.0.1").await;
    test.reload(&yaml(&both, &policy(2)));
    assert!((second(&test).await - 1.0).abs() < f64::EPSILON, "an ejection lasts");
}

#[tokio::test(start_paused = true)]
async fn rt_12_retries_may_go_to_remote_localities() {
    let world = async |remote: &str| {
        let rule = format!(
            "  - retries: {{attempts: 3, retryOn: 5xx{remote}}}\n    route: [{{destination: {{host: api.test}}}}]"
        );
        let policy = format!("{ROUND_ROBIN}, outlierDetection: {{consecutive5xxErrors: 0}}");
        let test = world(&(yaml(&NEAR_AND_FAR, &policy) + &virtual_service("api.test", &rule))).await;
        for near in ["10.0.0.1:80", "10.0.0.2:80"] {
            test.upstream(near).respond(503, "");
        }
        let _ = test.upstream("10.0.0.3:80");
        test
    };
    let test = world(", retryRemoteLocalities: true").await;
    let record = Record::default();
    let mut request = Request::get(URI).body(Body::empty()).unwrap();
    request.extensions_mut().insert(record.clone());
    assert_eq!(test.send(request).await.status(), 200);
    let attempts = record.decision().attempts;
    let priorities: Vec<_> = attempts.iter().map(|attempt| attempt.choice.priority).collect();
    assert_eq!(priorities, [0, 0, 1], "after two attempts the next priority");
    assert_eq!((attempts[0].choice.load, attempts[2].choice.load, attempts[0].choice.panic), (100, 0, false));
    assert_eq!(world("").await.get(URI).await.status(), 503);
}

#[tokio::test(start_paused = true)]
async fn rt_12_remote_localities_take_turns_however_many_attempts_there_are() {
    let rule = "  - retries: {attempts: 19, retryOn: 5xx, backoff: 1s, retryRemoteLocalities: true}\n    \
                route: [{destination: {host: api.test}}]";
    let policy = format!("{ROUND_ROBIN}, outlierDetection: {{consecutive5xxErrors: 0}}");
    let test = world(&(yaml(&NEAR_AND_FAR, &policy) + &virtual_service("api.test", rule))).await;
    let upstreams = ADDRESSES.map(|address| test.upstream(&format!("{address}:80")));
    for upstream in &upstreams {
        upstream.respond(503, "");
    }
    assert_eq!(test.get(URI).await.status(), 503);
    let arrivals = upstreams.each_ref().map(|upstream| upstream.arrival_count());
    assert_eq!((arrivals[0] + arrivals[1], arrivals[2]), (10, 10), "two here, two there, and so on");
}

/// The cluster as `/clusters` shows it.
async fn clusters(test: &TestMesh) -> serde_json::Value {
    let request = Request::get("/clusters?format=json").body(Body::empty()).unwrap();
    let response = Admin::new(test.mesh().clone()).oneshot(request).await.unwrap();
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let all: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let all = all["cluster_statuses"].as_array().unwrap();
    all.iter().find(|cluster| cluster["name"] == "outbound|80||api.test").unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn op_3_clusters_shows_where_endpoints_stand_and_why() {
    let test = world(&yaml(&NEAR_AND_FAR, &format!("{ROUND_ROBIN}, {OUTLIER}}}"))).await;
    let _ = test.upstream("10.0.0.3:80");
    let _ = spread(&test, &ADDRESSES, 1).await;
    eject(&test, "10.0.0.1").await;
    let cluster = clusters(&test).await;
    let facts = |index: usize| {
        let host = &cluster["host_statuses"][index];
        ["locality", "priority_reason", "health"].map(|key| host[key].as_str().unwrap().to_owned())
    };
    assert_eq!(facts(0), ["eu/west/a", "same subzone", "/failed_outlier_check"]);
    assert_eq!(facts(2), ["us/east/a", "another region", "healthy"]);
    assert_eq!(cluster["host_statuses"][2]["priority"], 1);
    let near = serde_json::json!({"hosts": 2, "healthy": 1, "load_percent": 70, "panic": false});
    assert_eq!(cluster["priorities"][0], near);
}
