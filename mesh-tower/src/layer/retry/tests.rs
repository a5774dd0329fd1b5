use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use mesh_core::outcome::{Outcome, Reset};
use mesh_core::retry::{RetryOn, RetryPolicy};
use tokio_test::{assert_pending, assert_ready};
use tower_layer::Layer;
use tower_service::Service;
use tower_test::mock::{self, Handle, Mock};

use super::{Retry, RetryLayer};
use crate::body::Body;
use crate::clock::SharedRng;
use crate::error::Error;

pub(super) type Inner = Mock<Request<Body>, Response<Body>>;

pub(super) fn policy(on: &str, attempts: u32) -> RetryPolicy {
    let (on, status_codes) = RetryOn::parse(on).unwrap();
    RetryPolicy { on, status_codes, attempts, written: true, ..RetryPolicy::default_policy() }
}

pub(super) fn retry(policy: RetryPolicy) -> (Retry<Inner>, Handle<Request<Body>, Response<Body>>) {
    let (inner, mut handle) = mock::pair();
    handle.allow(100);
    (RetryLayer::new(policy).rng(SharedRng::seeded(7)).layer(inner), handle)
}

pub(super) async fn ready(service: &mut Retry<Inner>) {
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
}

pub(super) fn answer(status: u16) -> Response<Body> {
    Response::builder().status(status).body(Body::from("answer")).unwrap()
}

pub(super) fn post(body: &'static str) -> Request<Body> {
    Request::post("/").body(Body::from(body)).unwrap()
}

fn streamed(text: &'static str) -> Body {
    let frame = Ok::<_, crate::BoxError>(http_body::Frame::data(bytes::Bytes::from_static(text.as_bytes())));
    Body::new(http_body_util::StreamBody::new(futures_util::stream::iter([frame])))
}

async fn text(body: Body) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn rt_14_each_attempt_is_numbered_and_sends_the_whole_body() {
    let (mut service, mut handle) = retry(policy("5xx", 2));
    ready(&mut service).await;
    let call = tokio::spawn(service.call(Request::post("/").body(streamed("payload")).unwrap()));
    for number in ["1", "2", "3"] {
        let (request, send) = handle.next_request().await.unwrap();
        assert_eq!(request.headers()["x-envoy-attempt-count"], number);
        assert_eq!(text(request.into_body()).await, "payload");
        send.send_response(answer(if number == "3" { 200 } else { 503 }));
    }
    assert_eq!(call.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn rt_13_exhausted_attempts_pass_the_last_failure_on() {
    let (mut service, mut handle) = retry(policy("5xx", 1));
    ready(&mut service).await;
    let call = tokio::spawn(service.call(post("")));
    for _ in 0..2 {
        handle.next_request().await.unwrap().1.send_response(answer(503));
    }
    assert_eq!(call.await.unwrap().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn rt_13_an_exhausted_reset_says_so() {
    let (mut service, mut handle) = retry(policy("connect-failure", 1));
    ready(&mut service).await;
    let call = tokio::spawn(service.call(post("")));
    for _ in 0..2 {
        let outcome = Outcome::Reset { reset: Reset::ConnectFailure, written: false };
        handle.next_request().await.unwrap().1.send_error(Error::attempt(outcome, None));
    }
    let error = Error::from_box(call.await.unwrap().unwrap_err());
    assert_eq!(error.reply().flags.to_string(), "URX,UF");
    assert!(error.reply().body.contains("retried and the latest reset reason"), "{}", error.reply().body);
}

#[tokio::test(start_paused = true)]
async fn rt_10_what_was_decided_here_is_never_retried() {
    let (mut service, mut handle) = retry(policy("5xx,reset,connect-failure", 5));
    ready(&mut service).await;
    let call = tokio::spawn(service.call(post("")));
    let overflow = Error::local(mesh_core::reply::LocalReply::overflow());
    handle.next_request().await.unwrap().1.send_error(overflow);
    assert!(Error::from_box(call.await.unwrap().unwrap_err()).is_overflow());
}

#[tokio::test(start_paused = true)]
async fn rt_11_backs_off_before_the_next_attempt() {
    let (mut service, mut handle) = retry(policy("5xx", 1));
    ready(&mut service).await;
    let mut call = tokio_test::task::spawn(service.call(post("")));
    assert_pending!(call.poll());
    handle.next_request().await.unwrap().1.send_response(answer(500));
    assert_pending!(call.poll());
    assert_pending!(tokio_test::task::spawn(handle.next_request()).poll());
    tokio::time::advance(Duration::from_millis(25)).await;
    assert_pending!(call.poll());
    handle.next_request().await.unwrap().1.send_response(answer(200));
    assert_eq!(assert_ready!(call.poll()).unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_waits_for_readiness() {
    let (inner, mut handle) = mock::pair::<Request<Body>, Response<Body>>();
    handle.allow(1);
    let mut service = RetryLayer::new(policy("5xx", 1)).layer(inner);
    ready(&mut service).await;
    let mut call = tokio_test::task::spawn(service.call(post("")));
    assert_pending!(call.poll());
    handle.next_request().await.unwrap().1.send_response(answer(500));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_pending!(call.poll());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_pending!(call.poll());
    assert_pending!(tokio_test::task::spawn(handle.next_request()).poll());
    handle.allow(1);
    assert_pending!(call.poll());
    handle.next_request().await.unwrap().1.send_response(answer(200));
    assert_ready!(call.poll()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropping_the_call_while_it_waits_sends_nothing_more() {
    let (mut service, mut handle) = retry(policy("5xx", 5));
    ready(&mut service).await;
    let mut call = tokio_test::task::spawn(service.call(post("")));
    assert_pending!(call.poll());
    handle.next_request().await.unwrap().1.send_response(answer(500));
    assert_pending!(call.poll());
    drop(call);
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_pending!(tokio_test::task::spawn(handle.next_request()).poll());
}

#[tokio::test(start_paused = true)]
async fn cb_10_the_budget_of_a_layer_is_shared_by_its_services() {
    let (inner, mut handle) = mock::pair::<Request<Body>, Response<Body>>();
    handle.allow(10_000);
    let layer = RetryLayer::new(policy("5xx", 1));
    let mut attempts = 0;
    let mut pace = tokio::time::interval(Duration::from_millis(30));
    for _ in 0..100 {
        pace.tick().await;
        let mut service = layer.layer(inner.clone());
        ready(&mut service).await;
        let mut call = tokio::spawn(service.call(post("")));
        let answered = loop {
            tokio::select! {
                request = handle.next_request() => request.unwrap().1.send_response(answer(500)),
                answered = &mut call => break answered,
            }
            attempts += 1;
        };
        assert_eq!(answered.unwrap().unwrap().status(), 500);
    }
    // 100 failures in 3 s of virtual time: 10 tokens at the start and 10 a second.
    assert!((135..=145).contains(&attempts), "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn a_callers_broken_body_is_not_the_endpoints_failure() {
    let (mut service, mut handle) = retry(policy("reset,5xx", 3));
    ready(&mut service).await;
    let broken =
        futures_util::stream::iter([Err::<http_body::Frame<bytes::Bytes>, crate::BoxError>("gone".into())]);
    let body = Body::new(http_body_util::StreamBody::new(broken));
    let call = tokio::spawn(service.call(Request::put("/").body(body).unwrap()));
    let (request, send) = handle.next_request().await.unwrap();
    assert!(request.into_body().collect().await.is_err());
    send.send_error(Error::attempt(Outcome::Reset { reset: Reset::LocalReset, written: true }, None));
    assert!(call.await.unwrap().is_err());
    assert_pending!(tokio_test::task::spawn(handle.next_request()).poll());
}

#[tokio::test]
async fn rt_5_control_headers_end_here_also_where_nothing_is_retried() {
    let (mut service, mut handle) = retry(RetryPolicy::off());
    ready(&mut service).await;
    let request = Request::post("/").header("x-envoy-retry-grpc-on", "cancelled").body(Body::empty());
    let call = tokio::spawn(service.call(request.unwrap()));
    let (request, send) = handle.next_request().await.unwrap();
    assert!(!request.headers().contains_key("x-envoy-retry-grpc-on"));
    assert_eq!(request.headers()["x-envoy-attempt-count"], "1");
    send.send_response(answer(200));
    call.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn cb_10_what_cannot_be_sent_again_takes_no_token() {
    let (mut service, mut handle) = retry(policy("5xx", 2));
    let budget = service.fixed.as_ref().unwrap().budget.clone();
    let allowed = || (0..100).take_while(|_| budget.withdraw(crate::clock::now())).count();
    assert_eq!(allowed(), 10, "and now it is empty");
    tokio::time::advance(Duration::from_millis(200)).await;
    ready(&mut service).await;
    let large =
        Body::new(http_body_util::StreamBody::new(futures_util::stream::iter([Ok::<_, crate::BoxError>(
            http_body::Frame::data(vec![0; super::REQUEST_CAP + 1].into()),
        )])));
    let call = tokio::spawn(service.call(Request::post("/").body(large).unwrap()));
    let (request, send) = handle.next_request().await.unwrap();
    request.into_body().collect().await.unwrap();
    send.send_response(answer(503));
    assert_eq!(call.await.unwrap().unwrap().status(), 503);
    assert_eq!(allowed(), 2, "both that time has granted");
}
