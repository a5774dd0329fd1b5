use http::{Method, Request, Response, StatusCode};
use mesh_core::cors::CorsPolicy;
use mesh_core::reply::LocalReply;
use mesh_core::route::StringMatch;
use tokio_test::{assert_pending, assert_ready};
use tower_layer::Layer;
use tower_service::Service;
use tower_test::mock;

use super::{Cors, CorsLayer};
use crate::body::Body;
use crate::error::{BoxError, Error};

type Mock = mock::Mock<Request<Body>, Response<Body>>;
type Handle = mock::Handle<Request<Body>, Response<Body>>;

const ORIGIN: &str = "https://shop.test";

async fn ready() -> (Cors<Mock>, Handle) {
    let (inner, mut handle) = mock::pair();
    handle.allow(1);
    let policy = CorsPolicy::new([StringMatch::exact(ORIGIN)]).methods(["GET"]).unwrap();
    let mut service = CorsLayer::new(policy).layer(inner);
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    (service, handle)
}

fn request(method: Method) -> Request<Body> {
    let request = Request::builder().method(method).header("origin", ORIGIN);
    request.header("access-control-request-method", "GET").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn va_12_a_preflight_ends_here() {
    let (mut service, mut handle) = ready().await;
    let response = service.call(request(Method::OPTIONS)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], ORIGIN);
    assert_eq!(response.headers()["access-control-allow-methods"], "GET");
    assert_pending!(tokio_test::task::spawn(handle.next_request()).poll());
}

#[tokio::test]
async fn va_12_a_response_and_a_failure_gain_the_permission() {
    for fails in [false, true] {
        let (mut service, mut handle) = ready().await;
        let mut call = tokio_test::task::spawn(service.call(request(Method::GET)));
        assert_pending!(call.poll());
        let (_, send) = handle.next_request().await.unwrap();
        if fails {
            send.send_error(Error::local(LocalReply::no_healthy_upstream()));
            let error = Error::from_box(assert_ready!(call.poll()).unwrap_err());
            let response = error.response(false);
            assert_eq!(
                (response.status(), error.reply().details.as_ref()),
                (StatusCode::SERVICE_UNAVAILABLE, "no_healthy_upstream")
            );
            assert_eq!(response.headers()["access-control-allow-origin"], ORIGIN);
        } else {
            send.send_response(Response::new(Body::empty()));
            let response = assert_ready!(call.poll()).unwrap();
            assert_eq!(response.headers()["access-control-allow-origin"], ORIGIN);
        }
    }
}

#[tokio::test]
async fn va_12_nobody_is_blocked_and_foreign_errors_pass() {
    let (mut service, mut handle) = ready().await;
    let mut foreign = request(Method::OPTIONS);
    foreign.headers_mut().insert("origin", "https://evil.test".parse().unwrap());
    let mut call = tokio_test::task::spawn(service.call(foreign));
    assert_pending!(call.poll());
    handle.next_request().await.unwrap().1.send_response(Response::new(Body::empty()));
    assert!(assert_ready!(call.poll()).unwrap().headers().is_empty());

    let (mut service, mut handle) = ready().await;
    let mut call = tokio_test::task::spawn(service.call(request(Method::GET)));
    assert_pending!(call.poll());
    handle.next_request().await.unwrap().1.send_error(BoxError::from("broken"));
    assert_eq!(assert_ready!(call.poll()).unwrap_err().to_string(), "broken");
}

#[tokio::test]
async fn a_service_that_is_not_ready_is_waited_for() {
    let (inner, mut handle) = mock::pair::<Request<Body>, Response<Body>>();
    let mut service = CorsLayer::per_route().layer(inner);
    handle.allow(0);
    let mut spawned = tokio_test::task::spawn(std::future::poll_fn(|cx| service.poll_ready(cx)));
    assert_pending!(spawned.poll());
    handle.allow(1);
    assert!(spawned.is_woken());
    assert_ready!(spawned.poll()).unwrap();
    drop(spawned);
    // Without a route there is no policy: even a preflight goes to the inner service.
    let call = service.call(request(Method::OPTIONS));
    assert_eq!(handle.next_request().await.unwrap().0.method(), Method::OPTIONS);
    drop(call);
}
