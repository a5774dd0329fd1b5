//! The layer alone, around services that know nothing of the mesh.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_core::balance::BalancePolicy;
use mesh_core::retry::RetryPolicy;
use tokio_test::{assert_pending, assert_ready};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use tower_service::Service;

use super::RetryLayer;
use super::tests::{answer, policy, post, ready, retry};
use crate::balance::Balance;
use crate::body::Body;
use crate::error::{BoxError, Error};
use crate::request::Record;
use crate::timeout::TimeoutLayer;

fn bounded(on: &str, attempts: u32) -> RetryPolicy {
    RetryPolicy { per_try_timeout: Some(Duration::from_millis(100)), ..policy(on, attempts) }
}

#[tokio::test(start_paused = true)]
async fn rt_3_each_try_is_bounded() {
    let (mut service, mut handle) = retry(bounded("5xx", 1));
    ready(&mut service).await;
    let mut call = tokio_test::task::spawn(service.call(post("order")));
    assert_pending!(call.poll());
    let (request, _hangs) = handle.next_request().await.unwrap();
    assert_eq!(request.headers()["x-envoy-expected-rq-timeout-ms"], "100");
    tokio::time::advance(Duration::from_millis(101)).await;
    assert_pending!(call.poll());
    tokio::time::advance(Duration::from_millis(26)).await;
    assert_pending!(call.poll());
    let (request, send) = handle.next_request().await.unwrap();
    assert_eq!(request.headers()["x-envoy-attempt-count"], "2");
    send.send_response(answer(200));
    assert_eq!(assert_ready!(call.poll()).unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn rt_3_a_last_try_that_takes_too_long_is_504_ut() {
    for (policy, flags) in [
        (RetryPolicy { attempts: 0, ..bounded("5xx", 0) }, "UT"),
        (bounded("connect-failure", 2), "UT"),
        (bounded("reset", 1), "URX,UT"),
    ] {
        let service =
            service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, BoxError>>());
        let call = RetryLayer::new(policy).layer(service).oneshot(post("order"));
        let error = tokio::time::timeout(Duration::from_secs(10), call).await.expect("each try is bounded");
        let error = Error::from_box(error.unwrap_err());
        assert_eq!(error.to_string(), format!("504 {flags} upstream_per_try_timeout"));
    }
}

#[tokio::test(start_paused = true)]
async fn rt_9_a_refused_connection_of_hypers_client_is_a_connect_failure() {
    let dials = Arc::new(AtomicUsize::new(0));
    let counted = dials.clone();
    let connector = service_fn(move |_: http::Uri| {
        counted.fetch_add(1, Ordering::Relaxed);
        let refused = std::io::Error::from(ErrorKind::ConnectionRefused);
        std::future::ready(Err::<TokioIo<tokio::net::TcpStream>, _>(refused))
    });
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector);
    let request = Request::post("http://stock/").body(Body::from("order")).unwrap();
    let error =
        RetryLayer::new(policy("connect-failure", 2)).layer(client).oneshot(request).await.unwrap_err();
    let error = Error::from_box(error);
    assert_eq!(error.reply().flags.to_string(), "URX,UF");
    assert_eq!(dials.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn rt_9_a_timeout_of_towers_around_the_service_is_that_of_a_try() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let hangs = service_fn(move |_: Request<Body>| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::pending::<Result<Response<Body>, BoxError>>()
    });
    let service = tower::timeout::Timeout::new(hangs, Duration::from_secs(1));
    let error = RetryLayer::new(policy("5xx", 1)).layer(service).oneshot(post("")).await.unwrap_err();
    assert_eq!(Error::from_box(error).to_string(), "504 URX,UT upstream_per_try_timeout");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn cb_10_the_budget_is_fed_by_successes() {
    let (mut service, mut handle) = retry(policy("5xx", 1));
    let budget = service.fixed.as_ref().unwrap().budget.clone();
    while budget.withdraw(crate::clock::now()) {}
    for _ in 0..50 {
        ready(&mut service).await;
        let call = tokio::spawn(service.call(post("")));
        handle.next_request().await.unwrap().1.send_response(answer(200));
        call.await.unwrap().unwrap();
    }
    assert_eq!(budget.available(crate::clock::now()), 10);
}

#[tokio::test(start_paused = true)]
async fn rt_4_a_later_try_is_told_what_is_left() {
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let notes = told.clone();
    let fails = service_fn(move |request: Request<Body>| {
        let expected = request.headers()["x-envoy-expected-rq-timeout-ms"].to_str().unwrap().to_owned();
        notes.lock().unwrap().push(expected.parse::<u64>().unwrap());
        async {
            tokio::time::advance(Duration::from_millis(300)).await;
            Ok::<_, BoxError>(answer(503))
        }
    });
    let service =
        TimeoutLayer::new(Duration::from_secs(1)).layer(RetryLayer::new(policy("5xx", 1)).layer(fails));
    service.oneshot(post("")).await.unwrap();
    let told = told.lock().unwrap().clone();
    assert_eq!(told[0], 1_000);
    assert!(told[1] <= 700, "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn rt_13_the_record_says_why_there_was_no_other_try() {
    let (mut service, mut handle) = retry(policy("5xx", 1));
    ready(&mut service).await;
    let (record, mut request) = (Record::default(), post(""));
    request.extensions_mut().insert(record.clone());
    let call = tokio::spawn(service.call(request));
    for _ in 0..2 {
        handle.next_request().await.unwrap().1.send_response(answer(503));
    }
    call.await.unwrap().unwrap();
    let text = record.decision().to_string();
    assert!(text.contains("no retry: attempts exhausted") && text.contains("flags URX"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn rt_12_a_balancer_within_avoids_what_was_tried() {
    let named = |name: &'static str, status: u16| {
        let service = service_fn(move |_: Request<Body>| async move { Ok::<_, BoxError>(answer(status)) });
        (name, 1, service)
    };
    let balance = Balance::new(BalancePolicy::Random, [named("bad", 500), named("good", 200)]);
    let layer = RetryLayer::new(policy("5xx", 1));
    let mut failed = 0;
    for _ in 0..200 {
        tokio::time::advance(Duration::from_secs(1)).await;
        let response = layer.layer(balance.clone()).oneshot(post("")).await.unwrap();
        failed += usize::from(response.status() == 500);
    }
    // Six draws of one in two: one call in 128. Without, one in four.
    assert!(failed < 20, "{failed} of 200");
}
