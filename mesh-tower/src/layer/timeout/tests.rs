use std::time::Duration;

use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;
use tokio_test::{assert_pending, assert_ready};
use tower_layer::Layer;
use tower_service::Service;
use tower_test::mock::{self, Handle, Mock};

use super::{Timeout, TimeoutLayer};
use crate::body::Body;
use crate::error::{BoxError, Error};

type Inner = Mock<Request<Body>, Response<Body>>;

async fn timeout(limit: Duration) -> (Timeout<Inner>, Handle<Request<Body>, Response<Body>>) {
    let (inner, mut handle) = mock::pair();
    handle.allow(100);
    let mut service = TimeoutLayer::new(limit).layer(inner);
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    (service, handle)
}

type Sender = mpsc::UnboundedSender<Result<Frame<bytes::Bytes>, BoxError>>;

fn piped() -> (Sender, Body) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let stream = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    (sender, Body::new(StreamBody::new(stream)))
}

#[tokio::test(start_paused = true)]
async fn rt_2_expiry_before_headers_is_504_ut() {
    let (mut service, mut handle) = timeout(Duration::from_secs(1)).await;
    let mut call = tokio_test::task::spawn(service.call(Request::new(Body::empty())));
    assert_pending!(call.poll());
    let (request, send) = handle.next_request().await.unwrap();
    assert_eq!(request.headers()["x-envoy-expected-rq-timeout-ms"], "1000");
    tokio::time::advance(Duration::from_millis(1001)).await;
    let error = Error::from_box(assert_ready!(call.poll()).unwrap_err());
    assert!(error.is_timeout());
    assert_eq!(error.to_string(), "504 UT response_timeout");
    drop(send);
}

#[tokio::test(start_paused = true)]
async fn rt_1_the_clock_starts_when_the_upload_has_ended() {
    let (mut service, mut handle) = timeout(Duration::from_secs(1)).await;
    let (upload, body) = piped();
    let mut call = tokio_test::task::spawn(service.call(Request::post("/").body(body).unwrap()));
    assert_pending!(call.poll());
    let (request, _send) = handle.next_request().await.unwrap();
    let reading = tokio::spawn(request.into_body().collect());
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_pending!(call.poll());
    drop(upload);
    reading.await.unwrap().unwrap();
    assert_pending!(call.poll());
    tokio::time::advance(Duration::from_millis(999)).await;
    assert_pending!(call.poll());
    tokio::time::advance(Duration::from_millis(2)).await;
    assert!(Error::from_box(assert_ready!(call.poll()).unwrap_err()).is_timeout());
}

#[tokio::test(start_paused = true)]
async fn rt_1_the_clock_stops_with_the_last_response_byte() {
    let (mut service, mut handle) = timeout(Duration::from_secs(1)).await;
    let mut call = tokio_test::task::spawn(service.call(Request::new(Body::empty())));
    assert_pending!(call.poll());
    let (download, body) = piped();
    handle.next_request().await.unwrap().1.send_response(Response::new(body));
    let mut body = assert_ready!(call.poll()).unwrap().into_body();
    download.send(Ok(Frame::data("first".into()))).unwrap();
    body.frame().await.unwrap().unwrap();
    tokio::time::advance(Duration::from_millis(1001)).await;
    let error = Error::from_box(body.frame().await.unwrap().unwrap_err());
    assert!(error.is_timeout());
}

#[tokio::test(start_paused = true)]
async fn rt_4_a_shorter_grpc_timeout_holds_and_is_told_on() {
    let (mut service, mut handle) = timeout(Duration::from_secs(10)).await;
    let request = Request::post("/s/m")
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "500m")
        .body(Body::empty())
        .unwrap();
    let mut call = tokio_test::task::spawn(service.call(request));
    assert_pending!(call.poll());
    let (request, _send) = handle.next_request().await.unwrap();
    let announced = mesh_core::timeout::grpc_timeout::of(request.headers());
    assert_eq!(announced, Some(Duration::from_millis(500)));
    assert_eq!(request.headers()["x-envoy-expected-rq-timeout-ms"], "500");
    tokio::time::advance(Duration::from_millis(501)).await;
    let error = Error::from_box(assert_ready!(call.poll()).unwrap_err());
    assert_eq!(error.response(true).headers()["grpc-status"], "4");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_makes_no_call() {
    let (mut service, mut handle) = timeout(Duration::from_secs(10)).await;
    let mut request = Request::new(Body::empty());
    request.extensions_mut().insert(crate::context::Context::default().deadline_at(crate::clock::now()));
    let error = Error::from_box(service.call(request).await.unwrap_err());
    assert!(error.is_timeout());
    assert_pending!(tokio_test::task::spawn(handle.next_request()).poll());
}

#[tokio::test(start_paused = true)]
async fn rt_1_who_reads_slowly_is_cut_and_who_comes_late_for_what_is_here_is_not() {
    for (announced, ends, cut) in [(None, false, true), (None, true, false), (Some(4), false, false)] {
        let (mut service, mut handle) = timeout(Duration::from_secs(1)).await;
        let mut call = tokio_test::task::spawn(service.call(Request::new(Body::empty())));
        assert_pending!(call.poll());
        let (_, send) = handle.next_request().await.unwrap();
        let (sender, body) = piped();
        for piece in ["ab", "cd"] {
            sender.send(Ok(Frame::data(piece.into()))).unwrap();
        }
        let more = (!ends).then_some(sender);
        send.send_response(Response::new(match announced {
            None => body,
            Some(length) => Body::new(http_body_util::Limited::new(body, length)),
        }));
        let mut body = assert_ready!(call.poll()).unwrap().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ab");
        tokio::time::advance(Duration::from_secs(2)).await;
        let next = body.frame().await.unwrap();
        assert_eq!(next.is_err(), cut, "announced {announced:?}, here to its end: {ends}");
        match next {
            Err(error) => assert!(Error::from_box(error).is_timeout()),
            Ok(frame) => assert_eq!(frame.into_data().unwrap(), "cd"),
        }
        if ends {
            assert!(body.frame().await.is_none());
        }
        drop(more);
    }
}

#[tokio::test(start_paused = true)]
async fn rt_4_an_inherited_deadline_waits_for_no_upload() {
    use crate::context::Context;
    for limit in [None, Some(Duration::from_secs(60))] {
        let (inner, mut handle) = mock::pair();
        handle.allow(1);
        let layer = limit.map_or_else(TimeoutLayer::per_route, TimeoutLayer::new);
        let mut service: Timeout<Inner> = layer.layer(inner);
        std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        let (_upload, body) = piped();
        let deadline = crate::clock::now() + Duration::from_secs(1);
        let mut request = Request::post("/").body(body).unwrap();
        request.extensions_mut().insert(Context::default().deadline_at(deadline));
        let mut call = tokio_test::task::spawn(service.call(request));
        assert_pending!(call.poll());
        let _sent = handle.next_request().await.unwrap();
        tokio::time::advance(Duration::from_millis(999)).await;
        assert_pending!(call.poll());
        tokio::time::advance(Duration::from_millis(2)).await;
        assert!(Error::from_box(assert_ready!(call.poll()).unwrap_err()).is_timeout());
    }
}

/// The response has begun, and goes on as fast as it is read, while the upload has not ended.
#[tokio::test(start_paused = true)]
async fn rt_4_an_early_response_outlasts_no_inherited_deadline() {
    use crate::context::Context;
    let (mut service, mut handle) = timeout(Duration::from_secs(60)).await;
    let (upload, body) = piped();
    let deadline = crate::clock::now() + Duration::from_secs(1);
    let mut request = Request::post("/").body(body).unwrap();
    request.extensions_mut().insert(Context::default().deadline_at(deadline));
    let mut call = tokio_test::task::spawn(service.call(request));
    assert_pending!(call.poll());
    let (sent, send) = handle.next_request().await.unwrap();
    let (sender, body) = piped();
    for piece in ["ab", "cd"] {
        sender.send(Ok(Frame::data(piece.into()))).unwrap();
    }
    send.send_response(Response::new(body));
    let mut body = assert_ready!(call.poll()).unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(Error::from_box(body.frame().await.unwrap().unwrap_err()).is_timeout());
    drop((upload, sent));
}

/// The sender of the header is not known: a stranger must not lift a limit that a program has set.
#[tokio::test(start_paused = true)]
async fn rt_5_a_header_changes_no_limit_of_a_layer_used_alone() {
    let (mut service, mut handle) = timeout(Duration::from_secs(1)).await;
    let request = Request::post("/").header("x-envoy-upstream-rq-timeout-ms", "60000");
    let mut call = tokio_test::task::spawn(service.call(request.body(Body::empty()).unwrap()));
    assert_pending!(call.poll());
    let (request, _send) = handle.next_request().await.unwrap();
    assert!(!request.headers().contains_key("x-envoy-upstream-rq-timeout-ms"));
    tokio::time::advance(Duration::from_millis(1001)).await;
    assert!(Error::from_box(assert_ready!(call.poll()).unwrap_err()).is_timeout());
}

/// A body that has arrived in time passes with its trailers, even if the caller reads it late.
#[tokio::test(start_paused = true)]
async fn rt_2_trailers_that_are_here_are_no_timeout_unless_they_say_so() {
    for (status, frames, passed) in [("0", 1, true), ("14", 1, true), ("4", 1, false), ("0", 70, false)] {
        let (mut service, mut handle) = timeout(Duration::from_secs(1)).await;
        let request = Request::post("/s/m").header("content-type", "application/grpc");
        let mut call = tokio_test::task::spawn(service.call(request.body(Body::empty()).unwrap()));
        assert_pending!(call.poll());
        let (sender, body) = piped();
        for _ in 0..frames {
            sender.send(Ok(Frame::data(vec![7; 1024].into()))).unwrap();
        }
        let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())]);
        sender.send(Ok(Frame::trailers(trailers))).unwrap();
        handle.next_request().await.unwrap().1.send_response(Response::new(body));
        let mut body = assert_ready!(call.poll()).unwrap().into_body();
        tokio::time::advance(Duration::from_secs(2)).await;
        let first = body.frame().await.unwrap();
        assert_eq!(first.is_ok(), passed, "{status} after {frames} KiB");
        match first {
            Ok(frame) => {
                assert_eq!((frame.into_data().unwrap().len(), body.is_end_stream()), (1024, false));
                let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
                assert_eq!(trailers["grpc-status"], status);
                assert!(body.is_end_stream() && body.frame().await.is_none());
            }
            Err(error) => assert!(Error::from_box(error).is_timeout()),
        }
    }
}

/// The body ends at the same instant as the time.
#[tokio::test(start_paused = true)]
async fn rt_2_a_response_that_ends_with_the_time_has_ended() {
    for limit in [999, 1_000] {
        let (mut service, mut handle) = timeout(Duration::from_millis(limit)).await;
        let mut call = tokio_test::task::spawn(service.call(Request::new(Body::empty())));
        assert_pending!(call.poll());
        let trailers = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some(Ok(HeaderMap::from_iter([("grpc-status".parse().unwrap(), 0.into())])))
        };
        let body = Body::new(http_body_util::Full::new("one".into()).with_trailers(trailers));
        handle.next_request().await.unwrap().1.send_response(Response::new(body));
        let collected = assert_ready!(call.poll()).unwrap().into_body().collect().await;
        assert_eq!(collected.is_ok(), limit == 1_000, "within {limit} ms");
    }
}
