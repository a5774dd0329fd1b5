//! Faults of one call, of an attempt and of a header (FI-7, FI-10).

use super::*;

fn abort(status: u16, percent: Percent) -> FaultPolicy {
    let abort = Some(Abort::http(StatusCode::from_u16(status).unwrap()));
    FaultPolicy { abort, abort_percent: percent, ..FaultPolicy::default() }
}

#[tokio::test(start_paused = true)]
async fn fi_6_a_fault_of_the_call_is_seen_by_no_retry() {
    let (test, api) = world("http", "retries: {attempts: 3, retryOn: 5xx}").await;
    let options = CallOptions::new().fault(abort(503, Percent::HUNDRED));
    let answer = send(&test, get(), options).await;
    assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (503, "FI"));
    assert_eq!(api.arrival_count(), 0);
    // In place of the rule's own.
    let (test, api) = world("http", "fault: {abort: {httpStatus: 418, percentage: {value: 100}}}").await;
    assert_eq!(send(&test, get(), CallOptions::new()).await.status(), 418);
    assert_eq!(send(&test, get(), CallOptions::new().fault(FaultPolicy::default())).await.status(), 200);
    assert_eq!(api.arrival_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn fi_10_a_fault_of_an_attempt_meets_the_retries() {
    let http =
        "  - retries: {attempts: 3, retryOn: 5xx, backoff: 1ms}\n    route: [{destination: {host: api}}]";
    let yaml = service("api", "http", 80, &["10.0.0.1"]) + &virtual_service("api", http);
    let half = abort(503, Percent::new(50.0).unwrap());
    let test = MeshTest::new(&yaml).with(|builder| builder.attempt_fault("api", half)).start().await;
    let api = test.upstream("10.0.0.1:80");
    let mut failed = 0;
    for _ in 0..400 {
        failed += usize::from(test.get(URI).await.status() != 200);
        pass(Duration::from_millis(200)).await;
    }
    // One in sixteen meets four faults in a row.
    assert!((10..=42).contains(&failed), "{failed}");
    assert_eq!(api.arrival_count(), 400 - failed);
    // The record says so.
    let (test, api) = world("http", "retries: {attempts: 1, retryOn: 5xx, backoff: 1ms}").await;
    let options = CallOptions::new().attempt_fault(abort(503, Percent::HUNDRED));
    let mut request = get().body(Body::empty()).unwrap();
    let record = mesh_tower::record::Record::default();
    request.extensions_mut().insert(record.clone());
    request.extensions_mut().insert(options);
    let answer = test.send(request).await;
    assert_eq!((answer.status().as_u16(), answer.text().as_str()), (503, "fault filter abort"));
    let decision = record.decision();
    assert_eq!(decision.attempts.iter().filter(|attempt| attempt.injected).count(), 2);
    assert!(decision.flags.to_string().contains("FI"), "{}", decision.flags);
    assert_eq!(api.arrival_count(), 0);
}

/// RFC 9110 (8.6): such an answer has no body, of an endpoint or in place of one.
#[tokio::test(start_paused = true)]
async fn fi_10_an_injected_204_has_no_body() {
    let (test, _) = world("http", "retries: {attempts: 0}").await;
    let answer = send(&test, get(), CallOptions::new().attempt_fault(abort(204, Percent::HUNDRED))).await;
    assert_eq!((answer.status().as_u16(), answer.text().as_str()), (204, ""));
}

#[tokio::test(start_paused = true)]
async fn fi_10_a_delay_of_an_attempt_runs_into_the_timeouts() {
    let (test, api) = world("http", "timeout: 1s").await;
    let slow = FaultPolicy {
        delay: Some(Delay { duration: Duration::from_secs(5), percent: Percent::HUNDRED }),
        ..FaultPolicy::default()
    };
    let begin = Instant::now();
    let answer = send(&test, get(), CallOptions::new().attempt_fault(slow.clone())).await;
    assert_eq!(answer.status(), 504);
    assert!(took(begin.elapsed(), 1_000), "{:?}", begin.elapsed());
    // FI-4: a fault of the call stands outside of them.
    let begin = Instant::now();
    assert_eq!(send(&test, get(), CallOptions::new().fault(slow)).await.status(), 200);
    assert!(took(begin.elapsed(), 5_000), "{:?}", begin.elapsed());
    assert_eq!(api.arrival_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn fi_7_headers_ask_for_faults_where_they_may() {
    let yaml = service("api", "http", 80, &["10.0.0.1"]);
    let permitted = HeaderFaults { max_active: Some(1), ..HeaderFaults::up_to(Percent::HUNDRED) };
    let test = MeshTest::new(&yaml).with(|builder| builder.header_faults(permitted)).start().await;
    let api = test.upstream("10.0.0.1:80");
    api.respond(200, vec![7; 6 * 1024]);
    let asked = |name: &str, value: &str| get().header(name, value).body(Body::empty()).unwrap();
    let answer = test.send(asked("x-envoy-fault-abort-request", "418")).await;
    assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (418, "FI"));
    assert_eq!(test.send(asked("x-envoy-fault-abort-grpc-request", "14")).await.grpc_status(), Some(14));
    assert_eq!(api.arrival_count(), 0);
    let begin = Instant::now();
    assert_eq!(test.send(asked("x-envoy-fault-delay-request", "3000")).await.status(), 200);
    assert!(took(begin.elapsed(), 3_000), "{:?}", begin.elapsed());
    // 6 KiB at 2 KiB a second.
    let begin = Instant::now();
    let answer = test.send(asked("x-envoy-fault-throughput-response", "2")).await;
    assert_eq!((answer.body.len(), answer.header("content-length")), (6 * 1024, "6144"));
    let elapsed = begin.elapsed();
    assert!(elapsed > Duration::from_millis(2_800) && elapsed < Duration::from_millis(3_200), "{elapsed:?}");
    assert!(api.arrivals().iter().all(|arrival| {
        arrival.header("x-envoy-fault-delay-request").is_empty()
            && arrival.header("x-envoy-fault-throughput-response").is_empty()
    }));
    // No more than one at a time: the second goes through at once.
    let delayed = test.send(asked("x-envoy-fault-delay-request", "3000"));
    let second = async {
        pass(Duration::from_secs(1)).await;
        let begin = Instant::now();
        test.send(asked("x-envoy-fault-delay-request", "3000")).await;
        assert!(begin.elapsed() < Duration::from_millis(10));
    };
    tokio::join!(delayed, second);
    // The mesh config gives no permission here.
    let test = MeshTest::new(&yaml).start().await;
    let _api = test.upstream("10.0.0.1:80");
    assert_eq!(test.send(asked("x-envoy-fault-abort-request", "418")).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn fi_5_a_grpc_status_is_told_as_one_to_everybody() {
    let (test, _api) =
        world("http", "fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}").await;
    let answer = test.get(URI).await;
    assert_eq!((answer.status().as_u16(), answer.grpc_status()), (200, Some(14)));
    assert_eq!(answer.header("grpc-message"), "fault filter abort");
}
