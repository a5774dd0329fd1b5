//! Timeouts and deadlines (RT-1 to RT-5, CB-9), to the millisecond.

use std::time::Duration;

use http::Request;
use http::request::Builder;
use mesh_tests::body::slow;
use mesh_tests::config::{destination_rule, service, virtual_service};
use mesh_tower::Body;
use mesh_tower::test::{Answer, Fault, MeshTest, TestMesh, Upstream, grpc_frame, pass};
use tokio::time::Instant;

async fn world(port: &str, rule: &str) -> (TestMesh, Upstream) {
    let http = format!("  - {rule}\n    route: [{{destination: {{host: api}}}}]");
    let yaml = service("api", port, 80, &["10.0.0.1"]) + &virtual_service("api", &http);
    let test = MeshTest::new(&yaml).start().await;
    let api = test.upstream("10.0.0.1:80");
    api.respond(200, "a whole reply");
    (test, api)
}

async fn timed(test: &TestMesh, request: Request<Body>) -> (Answer, Duration) {
    let begin = Instant::now();
    let answer = test.send(request).await;
    (answer, begin.elapsed())
}

fn get() -> Request<Body> {
    Request::get("http://api/").body(Body::empty()).unwrap()
}

fn grpc() -> Builder {
    Request::post("http://api/").header("content-type", "application/grpc").header("te", "trailers")
}

/// Checks that `elapsed` is this many milliseconds, within the tick of tokio's timers.
pub(crate) fn took(elapsed: Duration, millis: u64) -> bool {
    let expected = Duration::from_millis(millis);
    elapsed >= expected && elapsed <= expected + Duration::from_millis(3)
}

#[tokio::test(start_paused = true)]
async fn rt_2_before_headers_it_is_504_ut() {
    let (test, api) = world("http", "timeout: 2s").await;
    api.fault(Fault::Hang);
    let (answer, elapsed) = timed(&test, get()).await;
    assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (504, "UT"));
    assert_eq!(answer.text(), "upstream request timeout");
    assert_eq!(answer.header("x-mesh-reason"), "response_timeout");
    assert!(took(elapsed, 2_000), "{elapsed:?}");
    assert!(answer.error.unwrap().is_timeout());
    // The server does not work on a request without a waiting caller.
    api.open(0).await;
}

#[tokio::test(start_paused = true)]
async fn rt_2_after_headers_the_body_breaks() {
    for port in ["http", "http2"] {
        let (test, api) = world(port, "timeout: 2s").await;
        api.fault(Fault::SlowBody(Duration::from_secs(10)));
        let (answer, elapsed) = timed(&test, get()).await;
        assert_eq!(answer.status(), 200);
        assert!(answer.broken.is_some(), "{port}");
        assert!(took(elapsed, 2_000), "{elapsed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rt_1_the_upload_does_not_count() {
    for port in ["http", "http2"] {
        let (test, _api) = world(port, "timeout: 2s").await;
        let upload = || {
            let body = slow(&["a", "b", "c", "d", "e"], Duration::from_secs(1));
            Request::post("http://api/").body(body).unwrap()
        };
        let (answer, elapsed) = timed(&test, upload()).await;
        assert_eq!(answer.status(), 200, "{port}");
        assert!(took(elapsed, 5_000), "{elapsed:?}");
        test.upstream("10.0.0.1:80").fault(Fault::Hang);
        let (answer, elapsed) = timed(&test, upload()).await;
        assert_eq!(answer.status(), 504, "{port}");
        assert!(took(elapsed, 7_000), "{elapsed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rt_1_attempts_and_waits_share_one_timeout() {
    let rule = "timeout: 5s\n    retries: {attempts: 10, retryOn: 5xx, backoff: 30s}";
    let (test, api) = world("http", rule).await;
    api.respond(503, "");
    for _ in 0..5 {
        let (answer, elapsed) = timed(&test, get()).await;
        assert!(elapsed <= Duration::from_millis(5_003), "{elapsed:?}");
        // RT-11: the timeout goes on during back-off and ends it.
        assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (504, "UT"));
        pass(Duration::from_secs(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rt_1_no_timeout_unless_written() {
    let (test, api) = world("http", "name: rule").await;
    api.delay(Duration::from_secs(3_600));
    let (answer, elapsed) = timed(&test, get()).await;
    assert_eq!(answer.status(), 200);
    assert!(took(elapsed, 3_600_000), "{elapsed:?}");
    assert!(api.arrivals()[0].header("x-envoy-expected-rq-timeout-ms").is_empty());
}

#[tokio::test(start_paused = true)]
async fn rt_3_a_try_is_cut_and_repeated() {
    let rule = "retries: {attempts: 2, retryOn: gateway-error, perTryTimeout: 1s}";
    let (test, api) = world("http", rule).await;
    api.fault_times(2, Fault::Hang);
    let (answer, elapsed) = timed(&test, get()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(api.arrival_count(), 3);
    assert!(elapsed >= Duration::from_secs(2) && elapsed <= Duration::from_millis(2_080), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn rt_3_the_last_try_is_504_ut_urx() {
    let rule = "retries: {attempts: 1, retryOn: gateway-error, perTryTimeout: 1s}";
    let (test, api) = world("http", rule).await;
    api.fault_times(2, Fault::Hang);
    let (answer, _) = timed(&test, get()).await;
    assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (504, "URX,UT"));
    assert_eq!(answer.header("x-mesh-reason"), "upstream_per_try_timeout");
    assert_eq!(api.arrival_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn rt_3_a_try_begins_when_the_upload_is_done() {
    let rule = "retries: {attempts: 1, retryOn: gateway-error, perTryTimeout: 1s}";
    let (test, api) = world("http", rule).await;
    api.fault(Fault::Hang);
    let body = slow(&["a", "b", "c"], Duration::from_secs(2));
    let (answer, elapsed) = timed(&test, Request::put("http://api/").body(body).unwrap()).await;
    assert_eq!(answer.status(), 200, "{answer:?}\n{}", test.transcript());
    // The second try has the whole body in memory.
    assert!(elapsed >= Duration::from_secs(7) && elapsed <= Duration::from_millis(7_030), "{elapsed:?}");
    assert_eq!(api.arrivals()[1].body.text(), "abc");
}

#[tokio::test(start_paused = true)]
async fn rt_4_the_nearer_of_both_deadlines_and_grpc_status_4() {
    for (header, rule, millis) in [
        ("500m", "timeout: 2s", 500),
        ("5S", "timeout: 2s", 2_000),
        ("700000u", "name: rule", 700),
        ("nonsense", "timeout: 2s", 2_000),
    ] {
        let (test, api) = world("http2", rule).await;
        api.fault(Fault::Hang);
        let request = grpc().header("grpc-timeout", header).body(grpc_frame(b"hello").into()).unwrap();
        let (answer, elapsed) = timed(&test, request).await;
        assert_eq!((answer.status().as_u16(), answer.grpc_status()), (200, Some(4)), "{header}");
        assert_eq!(answer.header("grpc-message"), "upstream request timeout");
        assert!(took(elapsed, millis), "{header} {elapsed:?}");
        assert_eq!(api.arrivals()[0].header("x-envoy-expected-rq-timeout-ms"), millis.to_string());
        assert!(!api.arrivals()[0].header("grpc-timeout").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn rt_4_a_retry_tells_what_is_left() {
    let (test, api) =
        world("http2", "timeout: 10s\n    retries: {attempts: 1, retryOn: 5xx, perTryTimeout: 7s}").await;
    api.fault(Fault::Hang);
    let request = grpc().body(grpc_frame(b"hello").into()).unwrap();
    let (answer, _) = timed(&test, request).await;
    assert_eq!(answer.status(), 200);
    // The time left of the request and of the attempt, whichever ends first.
    let left: Vec<u64> = api
        .arrivals()
        .iter()
        .map(|arrival| arrival.header("x-envoy-expected-rq-timeout-ms").parse().unwrap())
        .collect();
    assert_eq!(left[0], 7_000);
    assert!((2_960..=3_000).contains(&left[1]), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn rt_5_a_trusted_header_beats_the_rule() {
    let (test, api) = world("http", "timeout: 20s").await;
    api.fault(Fault::Hang);
    let request = Request::get("http://api/")
        .header("x-envoy-upstream-rq-timeout-ms", "300")
        .body(Body::empty())
        .unwrap();
    let (answer, elapsed) = timed(&test, request).await;
    assert_eq!(answer.status(), 504);
    assert!(took(elapsed, 300), "{elapsed:?}");
    assert!(api.arrivals()[0].header("x-envoy-upstream-rq-timeout-ms").is_empty());
}

#[tokio::test(start_paused = true)]
async fn cb_9_a_connect_that_hangs_is_given_up_in_time() {
    let yaml = service("api", "http", 80, &["10.0.0.1"])
        + &destination_rule("api", "  trafficPolicy: {connectionPool: {tcp: {connectTimeout: 1s}}}");
    let test = MeshTest::new(&yaml).start().await;
    let api = test.upstream("10.0.0.1:80");
    api.blackhole();
    let (answer, elapsed) = timed(&test, get()).await;
    assert_eq!(answer.status(), 200);
    assert!(elapsed >= Duration::from_secs(1) && elapsed < Duration::from_millis(1_030), "{elapsed:?}");
    assert_eq!(api.arrivals()[0].attempt(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_cancels_the_call() {
    for port in ["http", "http2"] {
        let (test, api) = world(port, "name: rule").await;
        api.fault(Fault::Hang);
        let call = tokio::time::timeout(Duration::from_secs(1), test.get("http://api/"));
        assert!(call.await.is_err());
        assert_eq!(api.arrival_count(), 1);
        assert_eq!(test.get("http://api/").await.status(), 200, "{port}");
    }
}
