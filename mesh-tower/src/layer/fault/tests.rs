use std::time::Duration;

use http::{Request, Response, StatusCode};
use mesh_core::fault::{Abort, Delay, FaultPolicy};
use mesh_core::units::Percent;
use tokio_test::{assert_pending, assert_ready};
use tower_layer::Layer;
use tower_service::Service;
use tower_test::mock;

use super::FaultLayer;
use crate::body::Body;
use crate::clock::SharedRng;
use crate::error::Error;

fn delay(millis: u64) -> FaultPolicy {
    let delay = Delay { duration: Duration::from_millis(millis), percent: Percent::HUNDRED };
    FaultPolicy { delay: Some(delay), ..FaultPolicy::default() }
}

#[tokio::test(start_paused = true)]
async fn fi_4_a_delayed_request_is_sent_when_the_delay_is_over() {
    let (inner, mut handle) = mock::pair::<Request<Body>, Response<Body>>();
    handle.allow(1);
    let mut service = FaultLayer::new(delay(100)).layer(inner);
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let mut call = tokio_test::task::spawn(service.call(Request::new(Body::empty())));
    assert_pending!(call.poll());
    assert_pending!(tokio_test::task::spawn(handle.next_request()).poll());
    tokio::time::advance(Duration::from_millis(101)).await;
    assert_pending!(call.poll());
    handle.next_request().await.unwrap().1.send_response(Response::new(Body::empty()));
    assert_ready!(call.poll()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn fi_4_a_caller_that_leaves_during_the_delay_sends_nothing() {
    let (inner, mut handle) = mock::pair::<Request<Body>, Response<Body>>();
    handle.allow(1);
    let mut service = FaultLayer::new(delay(100)).layer(inner);
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let mut call = tokio_test::task::spawn(service.call(Request::new(Body::empty())));
    assert_pending!(call.poll());
    drop(call);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_pending!(tokio_test::task::spawn(handle.next_request()).poll());
}

#[tokio::test]
async fn fi_5_aborts_are_the_configured_share_and_say_so() {
    let (inner, mut handle) = mock::pair::<Request<Body>, Response<Body>>();
    handle.allow(u64::MAX);
    let server = tokio::spawn(async move {
        while let Some((_, send)) = handle.next_request().await {
            send.send_response(Response::new(Body::empty()));
        }
    });
    let policy = FaultPolicy {
        abort: Some(Abort::http(StatusCode::IM_A_TEAPOT)),
        abort_percent: Percent::new(30.0).unwrap(),
        ..FaultPolicy::default()
    };
    let mut service = FaultLayer::new(policy).rng(SharedRng::seeded(3)).layer(inner);
    let mut aborted = 0;
    for _ in 0..2_000 {
        std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        if let Err(error) = service.call(Request::new(Body::empty())).await {
            let error = Error::from_box(error);
            assert!(error.is_injected());
            assert_eq!(error.to_string(), "418 FI fault_filter_abort");
            aborted += 1;
        }
    }
    // 4σ of a binomial share.
    assert!((518..=682).contains(&aborted), "{aborted}");
    drop(service);
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn fi_7_a_delayed_request_is_under_a_fault_until_its_response_is_over() {
    let (inner, mut handle) = mock::pair::<Request<Body>, Response<Body>>();
    handle.allow(u64::MAX);
    let layer = FaultLayer::new(FaultPolicy { max_active: Some(1), ..delay(100) });
    let mut service = layer.layer(inner);
    let start = tokio::time::Instant::now();
    let mut bodies = Vec::new();
    for waits in [true, false] {
        std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        let call = tokio::spawn(service.call(Request::new(Body::empty())));
        handle.next_request().await.unwrap().1.send_response(Response::new(Body::from("slow reader")));
        bodies.push(call.await.unwrap().unwrap().into_body());
        assert_eq!(start.elapsed() >= Duration::from_millis(if waits { 100 } else { 200 }), waits);
    }
    drop(bodies);
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let call = tokio::spawn(service.call(Request::new(Body::empty())));
    handle.next_request().await.unwrap().1.send_response(Response::new(Body::empty()));
    call.await.unwrap().unwrap();
    assert!(start.elapsed() >= Duration::from_millis(200), "the place is free again");
}

#[tokio::test(start_paused = true)]
async fn fi_4_a_delay_stands_in_the_record_of_a_request_without_a_route() {
    let service = tower::service_fn(|_: Request<Body>| async {
        Ok::<_, crate::BoxError>(Response::new(Body::empty()))
    });
    let (record, mut request) = (crate::request::Record::default(), Request::new(Body::empty()));
    request.extensions_mut().insert(record.clone());
    tower::ServiceExt::oneshot(FaultLayer::new(delay(100)).layer(service), request).await.unwrap();
    let decision = record.decision();
    assert_eq!(decision.delay, Some(Duration::from_millis(100)));
    assert_eq!(decision.flags.to_string(), "DI");
}
