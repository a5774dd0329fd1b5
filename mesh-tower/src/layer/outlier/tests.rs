use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use mesh_core::outlier::{Detector, OutlierPolicy};
use mesh_core::retry::{RetryOn, RetryPolicy};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::Outlier;
use crate::body::Body;
use crate::error::BoxError;
use crate::retry::RetryLayer;
use crate::timeout::TimeoutLayer;

fn watched<S>(service: S) -> Outlier<S> {
    let policy = OutlierPolicy { consecutive_5xx: 1, max_ejection_percent: 100, ..OutlierPolicy::default() };
    Outlier::new(service, Arc::new(Detector::new(policy)), 1)
}

async fn hangs(_: Request<Body>) -> Result<Response<Body>, BoxError> {
    std::future::pending().await
}

async fn pass(time: Duration) {
    tokio::time::advance(time).await;
    tokio::task::yield_now().await;
}

#[tokio::test(start_paused = true)]
async fn od_8_an_ejected_endpoint_comes_back_at_a_tick() {
    let fails = |_: Request<Body>| async { Response::builder().status(503).body(Body::empty()) };
    let outlier = watched(service_fn(fails));
    outlier.clone().oneshot(Request::new(Body::empty())).await.unwrap();
    assert!(outlier.host().is_ejected());
    tokio::task::yield_now().await;
    for _ in 0..2 {
        pass(Duration::from_secs(10)).await;
    }
    assert!(outlier.host().is_ejected(), "its 30 seconds are not over");
    for _ in 0..2 {
        pass(Duration::from_secs(10)).await;
    }
    assert!(!outlier.host().is_ejected());
    outlier.clone().oneshot(Request::new(Body::empty())).await.unwrap();
    assert!(outlier.host().is_ejected(), "and may be ejected again");
}

#[test]
fn od_8_an_ejection_where_no_runtime_is_does_not_panic() {
    let fails = |_: Request<Body>| async { Response::builder().status(503).body(Body::empty()) };
    let outlier = watched(service_fn(fails));
    let call = outlier.clone().oneshot(Request::new(Body::empty()));
    futures_util::FutureExt::now_or_never(call).expect("it is ready at once").unwrap();
    assert!(outlier.host().is_ejected());
}

#[tokio::test]
async fn od_3_a_grpc_status_in_trailers_counts() {
    let unavailable = |_: Request<Body>| async {
        let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "14".parse().unwrap())]);
        let frames = futures_util::stream::iter([
            Ok::<_, BoxError>(Frame::data("answer".into())),
            Ok(Frame::trailers(trailers)),
        ]);
        Ok::<_, BoxError>(Response::new(Body::new(StreamBody::new(frames))))
    };
    let outlier = watched(service_fn(unavailable));
    let call = || Request::post("/s/m").header("content-type", "application/grpc").body(Body::empty());
    drop(outlier.clone().oneshot(call().unwrap()).await.unwrap());
    assert!(!outlier.host().is_ejected(), "the caller left before the status came");
    outlier.clone().oneshot(call().unwrap()).await.unwrap().into_body().collect().await.unwrap();
    assert!(outlier.host().is_ejected());
}

#[tokio::test]
async fn od_2_a_response_that_breaks_off_counts() {
    let breaks = |_: Request<Body>| async {
        let frames = futures_util::stream::iter([Ok(Frame::data("half".into())), Err("broken")]);
        Ok::<_, BoxError>(Response::new(Body::new(StreamBody::new(frames))))
    };
    let outlier = watched(service_fn(breaks));
    let response = outlier.clone().oneshot(Request::new(Body::empty())).await.unwrap();
    assert!(response.into_body().collect().await.is_err());
    assert!(outlier.host().is_ejected());
}

#[tokio::test(start_paused = true)]
async fn od_2_a_timeout_around_it_counts_and_a_caller_that_leaves_does_not() {
    let second = Duration::from_secs(1);
    let outlier = watched(service_fn(hangs));
    let left = tokio::time::timeout(second, outlier.clone().oneshot(Request::new(Body::empty()))).await;
    assert!(left.is_err() && !outlier.host().is_ejected());
    let whole = TimeoutLayer::new(second).layer(outlier.clone());
    whole.oneshot(Request::new(Body::empty())).await.unwrap_err();
    assert!(outlier.host().is_ejected());

    let outlier = watched(service_fn(hangs));
    let policy = RetryPolicy {
        per_try_timeout: Some(second),
        on: RetryOn::CONNECT_FAILURE,
        ..RetryPolicy::default_policy()
    };
    let tries = RetryLayer::new(policy).layer(outlier.clone());
    let call = tries.oneshot(Request::new(Body::empty()));
    tokio::time::timeout(10 * second, call).await.expect("each try is bounded").unwrap_err();
    assert!(outlier.host().is_ejected());
}
