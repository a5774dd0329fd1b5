//! Shares: weights and injected faults (VA-3, FI); the percentages of mirrors are in `mirror`.

use std::time::Duration;

use http::Request;
use mesh_tests::config::{destination_rule, service, versioned_service, virtual_service};
use mesh_tower::Body;
use mesh_tower::test::{Fault, MeshTest, pass};
use tokio::time::Instant;

/// Whether `hits` of `n` lie within four standard deviations of the share.
fn within_4_sigma(hits: usize, n: usize, share: f64) -> bool {
    let (n, hits) = (n as f64, hits as f64);
    (hits - n * share).abs() <= 4.0 * (n * share * (1.0 - share)).sqrt()
}

fn canary(first: u32, second: u32) -> String {
    versioned_service("api", "http", 80, &[("10.0.0.1", "v1"), ("10.0.0.2", "v2")])
        + &destination_rule(
            "api",
            "  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]",
        )
        + &virtual_service(
            "api",
            &format!(
                "  - retries: {{attempts: 2, retryOn: 5xx}}
    route:
    - {{destination: {{host: api, subset: v1}}, weight: {first}}}
    - {{destination: {{host: api, subset: v2}}, weight: {second}}}"
            ),
        )
}

#[tokio::test(start_paused = true)]
async fn va_3_weights_hold_within_four_sigma() {
    for (first, second) in [(90, 10), (50, 50), (1, 99), (3, 1)] {
        let test = MeshTest::new(&canary(first, second)).start().await;
        let (one, two) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
        for _ in 0..4_000 {
            assert_eq!(test.get("http://api/").await.status(), 200);
        }
        assert_eq!(one.arrival_count() + two.arrival_count(), 4_000);
        let share = f64::from(first) / f64::from(first + second);
        assert!(
            within_4_sigma(one.arrival_count(), 4_000, share),
            "{first}/{second}: {}",
            one.arrival_count()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn va_3_a_weight_of_zero_gets_nothing() {
    let test = MeshTest::new(&canary(100, 0)).start().await;
    let two = test.upstream("10.0.0.2:80");
    let _ = test.upstream("10.0.0.1:80");
    for _ in 0..200 {
        test.get("http://api/").await;
    }
    assert_eq!(two.arrival_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn va_3_retries_stay_in_the_chosen_cluster() {
    let test = MeshTest::new(&canary(50, 50)).start().await;
    let (one, two) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
    one.respond(503, "");
    let mut failed = 0;
    for _ in 0..20 {
        failed += usize::from(test.get("http://api/").await.status() == 503);
        pass(Duration::from_secs(5)).await;
    }
    assert_eq!(one.arrival_count(), failed * 3);
    assert_eq!(two.arrival_count(), 20 - failed);
}

fn with_fault(fault: &str) -> String {
    let http =
        format!("  - fault: {{{fault}}}\n    timeout: 5s\n    route: [{{destination: {{host: api}}}}]");
    service("api", "http", 80, &["10.0.0.1"]) + &virtual_service("api", &http)
}

#[tokio::test(start_paused = true)]
async fn fi_2_aborts_come_at_their_share() {
    let test = MeshTest::new(&with_fault("abort: {httpStatus: 418, percentage: {value: 30}}")).start().await;
    let api = test.upstream("10.0.0.1:80");
    let mut aborted = 0;
    for _ in 0..4_000 {
        let answer = test.get("http://api/").await;
        if answer.status() == 418 {
            assert_eq!((answer.text().as_str(), answer.flags().as_str()), ("fault filter abort", "FI"));
            assert!(answer.error.unwrap().is_injected());
            aborted += 1;
        }
    }
    assert!(within_4_sigma(aborted, 4_000, 0.3), "{aborted}");
    assert_eq!(api.arrival_count(), 4_000 - aborted);
}

#[tokio::test(start_paused = true)]
async fn fi_4_delays_come_at_their_share_and_outside_the_timeout() {
    let test = MeshTest::new(&with_fault("delay: {fixedDelay: 20s, percentage: {value: 10}}")).start().await;
    let api = test.upstream("10.0.0.1:80");
    let mut delayed = 0;
    for _ in 0..4_000 {
        let begin = Instant::now();
        // The route's timeout is 5 s.
        assert_eq!(test.get("http://api/").await.status(), 200);
        let elapsed = begin.elapsed();
        if elapsed > Duration::from_secs(1) {
            assert!((20_000..=20_002).contains(&elapsed.as_millis()), "{elapsed:?}");
            delayed += 1;
        }
    }
    assert!(within_4_sigma(delayed, 4_000, 0.1), "{delayed}");
    assert_eq!(api.arrival_count(), 4_000);
}

#[tokio::test(start_paused = true)]
async fn fi_3_delay_and_abort_are_independent_and_the_delay_comes_first() {
    let fault = "delay: {fixedDelay: 3s, percentage: {value: 50}}, \
                 abort: {httpStatus: 500, percentage: {value: 50}}";
    let test = MeshTest::new(&with_fault(fault)).start().await;
    let _ = test.upstream("10.0.0.1:80");
    let mut counts = [[0; 2]; 2];
    for _ in 0..4_000 {
        let begin = Instant::now();
        let aborted = test.get("http://api/").await.status() == 500;
        let delayed = begin.elapsed() >= Duration::from_secs(3);
        counts[usize::from(delayed)][usize::from(aborted)] += 1;
    }
    assert!(counts.iter().flatten().all(|count| within_4_sigma(*count, 4_000, 0.25)), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn fi_5_a_grpc_request_gets_a_grpc_answer() {
    for (abort, status) in [("grpcStatus: UNAVAILABLE", 14), ("httpStatus: 404", 12)] {
        let yaml = with_fault(&format!("abort: {{{abort}, percentage: {{value: 100}}}}"));
        let test = MeshTest::new(&yaml).start().await;
        let request = Request::post("http://api/")
            .header("content-type", "application/grpc")
            .body(Body::empty())
            .unwrap();
        let answer = test.send(request).await;
        assert_eq!((answer.status().as_u16(), answer.grpc_status()), (200, Some(status)));
        assert_eq!(answer.header("grpc-message"), "fault filter abort");
    }
}

#[tokio::test(start_paused = true)]
async fn fi_6_an_abort_is_not_retried() {
    let http = "  - fault: {abort: {httpStatus: 503, percentage: {value: 100}}}
    retries: {attempts: 5, retryOn: '5xx,503'}
    route: [{destination: {host: api}}]";
    let yaml = service("api", "http", 80, &["10.0.0.1"]) + &virtual_service("api", http);
    let test = MeshTest::new(&yaml).start().await;
    let begin = Instant::now();
    assert_eq!(test.get("http://api/").await.flags(), "FI");
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn fi_4_a_caller_that_leaves_during_the_delay_reaches_nobody() {
    let test = MeshTest::new(&with_fault("delay: {fixedDelay: 3s, percentage: {value: 100}}")).start().await;
    let api = test.upstream("10.0.0.1:80");
    assert!(tokio::time::timeout(Duration::from_secs(1), test.get("http://api/")).await.is_err());
    pass(Duration::from_secs(10)).await;
    assert_eq!(api.arrival_count(), 0);
    // The kit's faults come after the mesh's: they fire when the delay is over.
    api.fault(Fault::Status(500));
    assert_eq!(test.get("http://api/").await.status(), 500);
}

#[tokio::test(start_paused = true)]
async fn rf_3_what_an_endpoint_answered_has_no_flag_but_that_of_a_delay() {
    for (rule, flags) in
        [("name: rule", "-"), ("fault: {delay: {fixedDelay: 1s, percentage: {value: 100}}}", "DI")]
    {
        let http = format!("  - {rule}\n    route: [{{destination: {{host: api}}}}]");
        let yaml = service("api", "http", 80, &["10.0.0.1"]) + &virtual_service("api", &http);
        let test = MeshTest::new(&yaml).start().await;
        test.upstream("10.0.0.1:80").respond(503, "its own");
        let mut request = Request::get("http://api/").body(Body::empty()).unwrap();
        let record = mesh_tower::record::Record::default();
        request.extensions_mut().insert(record.clone());
        let answer = test.send(request).await;
        assert_eq!((answer.status().as_u16(), answer.header("x-mesh-reason")), (503, ""));
        let decision = record.decision();
        assert_eq!((decision.flags.to_string().as_str(), &*decision.details), (flags, ""), "via_upstream");
    }
}
