//! The order of the layers of the outbound stack (FO-2): trace, fault, CORS, route choice, rewrite, mirror, timeout,
//! retry, and the pick of an endpoint within each try. Each test shows the order of two neighbours by an effect that
//! the other order would not have.

use std::time::Duration;

use http::{Method, Request};
use mesh_tests::config::{service, virtual_service};
use mesh_tests::counters::Counters;
use mesh_tower::Body;
use mesh_tower::test::{Answer, Fault, MeshTest, TestMesh, Upstream, pass};
use tokio::time::Instant;

/// `api` with one endpoint, `pair` with two, `shadow` with one, `empty` with none.
async fn world(http: &str) -> (TestMesh, Upstream, Upstream) {
    let yaml = service("api", "http", 80, &["10.0.0.1"])
        + &service("pair", "http", 80, &["10.0.0.1", "10.0.0.2"])
        + &service("shadow", "http", 80, &["10.0.1.1"])
        + &service("empty", "http", 80, &[])
        + &virtual_service("api", http);
    let test = MeshTest::new(&yaml).with(|builder| builder.strict(false)).start().await;
    let (api, shadow) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.1.1:80"));
    (test, api, shadow)
}

async fn preflight(test: &TestMesh) -> Answer {
    let request = Request::builder().method(Method::OPTIONS).uri("http://api/");
    let request =
        request.header("origin", "https://shop.test").header("access-control-request-method", "PUT");
    test.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn fo_2_the_trace_and_its_numbers_see_what_a_fault_ends() {
    let counters = Counters::leak();
    let _installed = counters.install();
    let (test, api, _) = world(
        "  - fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
    route: [{destination: {host: api}}]",
    )
    .await;
    assert_eq!(test.get("http://api/").await.flags(), "FI");
    assert_eq!(counters.sum("istio_requests_total", "response_flags=FI"), 1);
    assert_eq!(api.arrival_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn fo_2_a_fault_comes_before_cors_and_cors_before_the_router() {
    let cors = "    corsPolicy: {allowOrigins: [{exact: 'https://shop.test'}], allowMethods: [PUT]}
    route: [{destination: {host: empty}}]";
    let (test, ..) =
        world(&format!("  - fault: {{abort: {{httpStatus: 418, percentage: {{value: 100}}}}}}\n{cors}"))
            .await;
    let answer = preflight(&test).await;
    assert_eq!((answer.status().as_u16(), answer.header("access-control-allow-origin")), (418, ""));
    // No backend could answer it, and none has to.
    let (test, ..) = world(&format!("  - name: cors\n{cors}")).await;
    let answer = preflight(&test).await;
    assert_eq!(
        (answer.status().as_u16(), answer.header("access-control-allow-origin")),
        (200, "https://shop.test")
    );
}

#[tokio::test(start_paused = true)]
async fn fo_2_a_fault_s_delay_does_not_count_as_the_router_s_time() {
    let (test, api, _) = world(
        "  - fault: {delay: {fixedDelay: 5s, percentage: {value: 100}}}
    timeout: 1s
    route: [{destination: {host: api}}]",
    )
    .await;
    let begin = Instant::now();
    assert_eq!(test.get("http://api/").await.status(), 200);
    assert_eq!((begin.elapsed().as_secs(), api.arrival_count()), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn fo_2_the_route_is_chosen_before_the_rewrite_and_a_mirror_gets_the_rewritten() {
    let (test, api, shadow) = world(
        "  - match: [{uri: {exact: /old}}]
    rewrite: {uri: /new}
    headers: {request: {set: {x-rule: first}}}
    mirrors: [{destination: {host: shadow}}]
    route: [{destination: {host: api}}]
  - match: [{uri: {exact: /new}}]
    directResponse: {status: 204}",
    )
    .await;
    assert_eq!(test.get("http://api/old").await.status(), 200);
    shadow.arrived(1).await;
    for upstream in [&api, &shadow] {
        let arrival = &upstream.arrivals()[0];
        assert_eq!((arrival.path(), arrival.header("x-rule")), ("/new", "first"));
    }
    assert_eq!(test.get("http://api/new").await.status(), 204);
}

#[tokio::test(start_paused = true)]
async fn fo_2_trace_and_mirror_stand_outside_the_tries() {
    let (test, api, shadow) = world(
        "  - retries: {attempts: 2, retryOn: 5xx}
    mirrors: [{destination: {host: shadow}}]
    route: [{destination: {host: api}}]",
    )
    .await;
    api.fail_next(2, 503);
    assert_eq!(test.get("http://api/").await.status(), 200);
    pass(Duration::from_secs(1)).await;
    let arrivals = api.arrivals();
    assert_eq!((arrivals.len(), shadow.arrival_count()), (3, 1));
    let trace = |index: usize| arrivals[index].header("x-request-id");
    assert!(!trace(0).is_empty() && trace(0) == trace(1) && trace(1) == trace(2));
}

#[tokio::test(start_paused = true)]
async fn fo_2_the_timeout_bounds_all_tries_and_the_waits_between_them() {
    let (test, api, _) = world(
        "  - timeout: 1s
    retries: {attempts: 9, retryOn: 5xx, backoff: 50ms}
    route: [{destination: {host: api}}]",
    )
    .await;
    api.handle(|_| async {
        pass(Duration::from_millis(400)).await;
        http::Response::builder().status(503).body(Body::empty()).unwrap()
    });
    let begin = Instant::now();
    let answer = test.get("http://api/").await;
    assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (504, "UT"));
    assert_eq!((begin.elapsed().as_millis(), api.arrival_count()), (1_000, 3));
}

#[tokio::test(start_paused = true)]
async fn fo_2_each_try_picks_an_endpoint_of_its_own() {
    let (test, first, _) = world(
        "  - retries: {attempts: 1, retryOn: 5xx}
    route: [{destination: {host: pair}}]",
    )
    .await;
    let second = test.upstream("10.0.0.2:80");
    first.fault_times(5, Fault::Status(503));
    for _ in 0..20 {
        assert_eq!(test.get("http://api/").await.status(), 200);
    }
    assert!(first.arrivals().iter().all(|arrival| arrival.attempt() == 1));
    assert_eq!(second.arrivals().iter().filter(|arrival| arrival.attempt() == 2).count(), 5);
}
