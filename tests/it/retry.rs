//! Retries beyond the matrix: waits, other hosts, limits, budget (RT-9 to RT-14, CB-8, CB-10).

use std::time::Duration;

use http::Request;
use mesh_core::retry::GiveUp;
use mesh_tests::body::chunked;
use mesh_tests::config::{destination_rule, service, virtual_service};
use mesh_tower::Body;
use mesh_tower::record::Record;
use mesh_tower::test::{Fault, MeshTest, TestMesh, pass};
use tokio::time::Instant;
use tower::Service as _;

const URI: &str = "http://api/";

async fn world(addresses: &[&str], retries: &str, rest: &str) -> TestMesh {
    let http = format!("  - retries: {retries}\n    route: [{{destination: {{host: api}}}}]");
    let yaml = service("api", "http", 80, addresses) + &virtual_service("api", &http) + rest;
    let test = MeshTest::new(&yaml).start().await;
    for address in addresses {
        let _ = test.upstream(&format!("{address}:80"));
    }
    test
}

#[tokio::test(start_paused = true)]
async fn rt_11_waits_stay_below_their_bounds_and_use_them() {
    let mut longest = [Duration::ZERO; 5];
    let test = world(&["10.0.0.1"], "{attempts: 5, retryOn: 5xx, backoff: 100ms}", "").await;
    let api = test.upstream("10.0.0.1:80");
    for _ in 0..60 {
        api.forget_arrivals().fail_next(6, 500);
        assert_eq!(test.get(URI).await.status(), 500);
        let times: Vec<Duration> = api.arrivals().iter().map(|arrival| arrival.at).collect();
        assert_eq!(times.len(), 6);
        for (longest, pair) in longest.iter_mut().zip(times.windows(2)) {
            *longest = (*longest).max(pair[1] - pair[0]);
        }
        // The budget's floor pays for the next round.
        pass(Duration::from_secs(2)).await;
    }
    for (bound, longest) in [100, 200, 400, 800, 1_000].into_iter().zip(longest) {
        let bound = Duration::from_millis(bound);
        // Timers of tokio tick in milliseconds.
        assert!(longest <= bound + Duration::from_millis(1), "{longest:?} of {bound:?}");
        assert!(longest >= bound.mul_f64(0.8), "{longest:?} of {bound:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rt_12_a_retry_goes_to_another_endpoint() {
    let test = world(&["10.0.0.1", "10.0.0.2"], "{attempts: 1, retryOn: 5xx}", "").await;
    let (bad, good) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
    bad.respond(503, "");
    for _ in 0..40 {
        // Re-picks are bounded: all five draw the tried host with a probability of 1/32.
        pass(Duration::from_secs(1)).await;
        let _ = test.get(URI).await;
    }
    assert!(bad.arrival_count() <= 25 && good.arrival_count() >= 36, "{}", good.arrival_count());
}

#[tokio::test(start_paused = true)]
async fn rt_13_used_up_attempts_are_flagged() {
    let test = world(&["10.0.0.1"], "{attempts: 2, retryOn: connect-failure}", "").await;
    let api = test.upstream("10.0.0.1:80");
    api.fault_times(3, Fault::Refuse);
    let answer = test.get(URI).await;
    assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (503, "URX,UF"));
    let text = answer.text();
    let expected = "upstream connect error or disconnect/reset before headers. \
                    retried and the latest reset reason: remote connection failure, \
                    transport failure reason: ";
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(api.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn rt_14_attempts_are_numbered_and_rt_5_control_headers_stay_here() {
    let test = world(&["10.0.0.1"], "{attempts: 3, retryOn: 5xx}", "").await;
    let api = test.upstream("10.0.0.1:80");
    api.fail_next(2, 503);
    let request = Request::get(URI).header("x-envoy-retry-on", "5xx").body(Body::empty()).unwrap();
    assert_eq!(test.send(request).await.status(), 200);
    let numbers: Vec<u32> = api.arrivals().iter().map(mesh_tower::test::Arrival::attempt).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(api.arrivals().iter().all(|arrival| arrival.header("x-envoy-retry-on").is_empty()));
}

#[tokio::test(start_paused = true)]
async fn rt_10_a_rate_limited_answer_is_not_retried() {
    let test = world(&["10.0.0.1"], "{attempts: 3, retryOn: 5xx}", "").await;
    let api = test.upstream("10.0.0.1:80");
    api.handle(|_| async {
        http::Response::builder().status(503).header("x-envoy-ratelimited", "1").body(Body::empty()).unwrap()
    });
    assert_eq!(test.get(URI).await.status(), 503);
    assert_eq!(api.arrival_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn cb_10_the_budget_ends_a_storm() {
    let test = world(&["10.0.0.1"], "{attempts: 3, retryOn: 5xx, backoff: 1ms}", "").await;
    let api = test.upstream("10.0.0.1:80");
    api.respond(200, "");
    // Successes fill the bucket.
    for _ in 0..200 {
        test.get(URI).await;
    }
    api.forget_arrivals().respond(503, "");
    let begin = Instant::now();
    let mut sent = 0;
    while begin.elapsed() < Duration::from_secs(8) {
        // 200 a second, not in step with the answers.
        let request = test.client().clone();
        tokio::spawn(async move { request.get(URI).await.map(drop) });
        sent += 1;
        pass(Duration::from_millis(5)).await;
    }
    let load = api.arrival_count() as f64 / f64::from(sent);
    assert!(load <= 1.25, "{load} times the load");
    assert!(load > 1.0, "something was retried");
}

#[tokio::test(start_paused = true)]
async fn cb_10_without_the_budget_the_same_storm_rages() {
    let http = "  - retries: {attempts: 3, retryOn: 5xx, backoff: 1ms}
    route: [{destination: {host: api}}]";
    let yaml = service("api", "http", 80, &["10.0.0.1"]) + &virtual_service("api", http);
    let test = MeshTest::new(&yaml).with(|builder| builder.istio_runtime(true)).start().await;
    let api = test.upstream("10.0.0.1:80");
    api.respond(503, "");
    for _ in 0..200 {
        test.get(URI).await;
    }
    assert_eq!(api.arrival_count(), 800);
}

#[tokio::test(start_paused = true)]
async fn cb_10_the_floor_pays_for_the_retries_of_a_quiet_client() {
    let test = world(&["10.0.0.1"], "{attempts: 3, retryOn: 5xx}", "").await;
    let api = test.upstream("10.0.0.1:80");
    for _ in 0..40 {
        api.fail_next(2, 503);
        assert_eq!(test.get(URI).await.status(), 200);
        pass(Duration::from_millis(500)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn cb_8_no_more_retries_at_once_than_allowed() {
    let limits = destination_rule("api", "  trafficPolicy: {connectionPool: {http: {maxRetries: 1}}}");
    let test = world(&["10.0.0.1"], "{attempts: 1, retryOn: 5xx, backoff: 1s}", &limits).await;
    let api = test.upstream("10.0.0.1:80");
    api.fail_next(2, 503);
    let (a, b) = tokio::join!(test.get(URI), test.get(URI));
    let mut statuses = [a.status().as_u16(), b.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 503]);
    assert_eq!(api.arrival_count(), 3);
}

#[tokio::test(start_paused = true)]
async fn cb_8_requests_begun_lately_make_room_for_retries() {
    for (interval, status) in [("0s", 503), ("10s", 200)] {
        let budget = format!(
            "  trafficPolicy: {{retryBudget: {{percent: 20, minRetryConcurrency: 0, budgetInterval: {interval}}}}}"
        );
        let budget = destination_rule("api", &budget);
        let test = world(&["10.0.0.1"], "{attempts: 1, retryOn: 5xx, backoff: 1ms}", &budget).await;
        let api = test.upstream("10.0.0.1:80");
        for _ in 0..20 {
            assert_eq!(test.get(URI).await.status(), 200);
        }
        // One is active, and 20 % of one is none; with the twenty before it is four.
        api.fail_next(1, 503);
        assert_eq!(test.get(URI).await.status(), status, "{interval}");
        pass(Duration::from_secs(11)).await;
        api.fail_next(1, 503);
        assert_eq!(test.get(URI).await.status(), 503, "{interval}: they were long ago");
    }
}

#[tokio::test(start_paused = true)]
async fn cb_10_a_connection_that_ends_in_good_order_costs_no_token() {
    // Every connection serves one request and refuses the next: half of all attempts are refused.
    for method in ["GET", "POST"] {
        let yaml = service("api", "http2", 80, &["10.0.0.1"]);
        let test = MeshTest::new(&yaml).start().await;
        let api = test.upstream("10.0.0.1:80");
        api.fault_times(200, Fault::GoAwayAfter(1));
        for round in 0..250 {
            let request = Request::builder().method(method).uri(URI).body(Body::from("x")).unwrap();
            let answer = test.send(request).await;
            assert_eq!(answer.status(), 200, "{method} {round}: {answer:?}");
        }
        assert_eq!(api.arrival_count(), 250, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn cb_10_refused_streams_do_cost_tokens() {
    // A server that refuses single streams is busy, and twice the load would not help.
    let test = MeshTest::new(&service("api", "http2", 80, &["10.0.0.1"])).start().await;
    let api = test.upstream("10.0.0.1:80");
    api.fault_times(40, Fault::RefuseStream);
    let mut failed = 0;
    for _ in 0..30 {
        failed += usize::from(test.get(URI).await.status() != 200);
    }
    assert!(failed > 10, "{failed}");
}

#[tokio::test(start_paused = true)]
async fn cb_10_a_hundred_clones_have_one_budget() {
    let test = world(&["10.0.0.1"], "{attempts: 3, retryOn: 5xx, backoff: 1ms}", "").await;
    let api = test.upstream("10.0.0.1:80");
    api.respond(503, "");
    let begin = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let client = test.client().clone();
        calls.spawn(async move {
            for _ in 0..10 {
                assert_eq!(client.get(URI).await.unwrap().status(), 503);
                pass(Duration::from_millis(100)).await;
            }
        });
    }
    calls.join_all().await;
    // 10 tokens at the start, 10 a second.
    let retries = api.arrival_count() - 1_000;
    let paid = 10 + 10 * begin.elapsed().as_millis() / 1_000;
    assert!(retries >= 15 && retries as u128 <= paid, "{retries} of {paid}");
}

/// RT-10, RT-13, RT-16, RT-19, CB-8, CB-10: the record of a call has the reason why no more tries followed.
#[tokio::test(start_paused = true)]
async fn rt_10_the_record_of_a_call_tells_why_it_was_not_tried_again() {
    const UNWRITTEN: &str = "  - route: [{destination: {host: api}}]";
    let written =
        |retries: &str| format!("  - retries: {retries}\n    route: [{{destination: {{host: api}}}}]");
    let limit = "{percent: 20, minRetryConcurrency: 0, budgetInterval: 0s}";
    let limit = destination_rule("api", &format!("  trafficPolicy: {{retryBudget: {limit}}}"));
    let with = |name: &'static str, value: &'static str| {
        let answer = http::Response::builder().status(503).header("content-type", "application/grpc");
        answer.header(name, value).header("grpc-status", "14").body(Body::empty()).unwrap()
    };
    for (reason, rule, rest) in [
        (GiveUp::NotRetriable, written("{attempts: 3, retryOn: gateway-error}"), ""),
        (GiveUp::Exhausted, written("{attempts: 1, retryOn: 5xx}"), ""),
        (GiveUp::NotRepeatable, UNWRITTEN.to_owned(), ""),
        (GiveUp::RateLimited, written("{attempts: 3, retryOn: 5xx}"), ""),
        (GiveUp::TimedOut, written("{attempts: 3, retryOn: 5xx}") + "\n    timeout: 1s", ""),
        (GiveUp::Overflow, written("{attempts: 3, retryOn: 5xx}"), &*limit),
        (GiveUp::BudgetSpent, written("{attempts: 30, retryOn: 5xx, backoff: 1ms}"), ""),
        (GiveUp::BodyTooLarge, written("{attempts: 3, retryOn: 5xx}"), ""),
        (GiveUp::PushedBack, written("{attempts: 3, retryOn: 5xx}"), ""),
    ] {
        let yaml = service("api", "http2", 80, &["10.0.0.1"]) + &virtual_service("api", &rule) + rest;
        let test = MeshTest::new(&yaml).start().await;
        let api = test.upstream("10.0.0.1:80");
        match reason {
            GiveUp::NotRetriable => api.respond(500, ""),
            GiveUp::RateLimited => api.handle(move |_| async move { with("x-envoy-ratelimited", "1") }),
            GiveUp::PushedBack => api.handle(move |_| async move { with("grpc-retry-pushback-ms", "-1") }),
            GiveUp::NotRepeatable => api.fault(Fault::Grpc(14)),
            // A server that ends with the announced time (RT-2).
            GiveUp::TimedOut => api.handle(|_| async {
                pass(Duration::from_millis(980)).await;
                let answer = http::Response::builder().header("content-type", "application/grpc");
                answer.header("grpc-status", "4").body(Body::empty()).unwrap()
            }),
            _ => api.respond(503, ""),
        };
        let record = Record::default();
        let mut request = Request::post("http://api/s/m").body(Body::from("x")).unwrap();
        request.extensions_mut().insert(record.clone());
        if reason == GiveUp::BodyTooLarge {
            *request.body_mut() = chunked(&vec![b'x'; 3 << 20].into(), 16_384);
        }
        if [GiveUp::NotRepeatable, GiveUp::TimedOut, GiveUp::PushedBack].contains(&reason) {
            request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        }
        if reason == GiveUp::PushedBack {
            // Only a channel obeys it.
            let _ = test.mesh().channel("api:80").unwrap().call(request).await;
        } else {
            test.send(request).await;
        }
        assert_eq!(record.decision().gave_up, Some(reason), "{rule}");
    }
}
