use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, StreamBody};
use mesh_core::grpc_web::Kind;
use mesh_core::reply::LocalReply;
use tokio_test::{assert_pending, assert_ready};
use tower_layer::Layer;
use tower_service::Service;
use tower_test::mock;

use super::{GrpcWeb, GrpcWebLayer, ResponseBody};
use crate::body::Body;
use crate::error::{BoxError, Error};

type Mock = mock::Mock<Request<Body>, Response<Body>>;
type Handle = mock::Handle<Request<Body>, Response<Body>>;

fn pair(layer: GrpcWebLayer) -> (GrpcWeb<Mock>, Handle) {
    let (inner, handle) = mock::pair();
    (layer.layer(inner), handle)
}

async fn ready() -> (GrpcWeb<Mock>, Handle) {
    let (mut service, mut handle) = pair(GrpcWebLayer::new());
    handle.allow(1);
    std::future::poll_fn(|cx| Service::<Request<Body>>::poll_ready(&mut service, cx)).await.unwrap();
    (service, handle)
}

fn request(content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post("/pkg.Service/Method").header("content-type", content_type).body(body.into()).unwrap()
}

/// A body of these frames.
fn frames(frames: Vec<Result<http_body::Frame<Bytes>, BoxError>>) -> Body {
    Body::new(StreamBody::new(futures_util::stream::iter(frames)))
}

fn data(bytes: &'static [u8]) -> Result<http_body::Frame<Bytes>, BoxError> {
    Ok(http_body::Frame::data(Bytes::from_static(bytes)))
}

fn trailers(status: &'static str) -> Result<http_body::Frame<Bytes>, BoxError> {
    let all = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static(status))]);
    Ok(http_body::Frame::trailers(all))
}

fn grpc(body: Body) -> Response<Body> {
    let response =
        Response::builder().header("content-type", "application/grpc").header("content-length", "9");
    response.body(body).unwrap()
}

/// The layer's response for this inner answer to a call of this kind.
async fn answered(content_type: &str, answer: Response<Body>) -> Response<ResponseBody<Body>> {
    let (mut service, mut handle) = ready().await;
    let call = tokio::spawn(service.call(request(content_type, "")));
    let (_, send) = handle.next_request().await.unwrap();
    send.send_response(answer);
    call.await.unwrap().unwrap()
}

#[tokio::test]
async fn rf_6_a_request_becomes_grpc() {
    for (content_type, body) in
        [("application/grpc-web+proto", "abc"), ("application/grpc-web-text", "YWJj"), ("text/plain", "abc")]
    {
        let (mut service, mut handle) = ready().await;
        let mut request = request(content_type, body);
        request.headers_mut().insert("content-length", body.len().into());
        let _call = service.call(request);
        let (inner, _) = handle.next_request().await.unwrap();
        let (head, body) = inner.into_parts();
        let bridged = content_type != "text/plain";
        let expected = if bridged { "application/grpc" } else { content_type };
        assert_eq!(head.headers["content-type"], expected);
        assert_eq!(head.headers.get("te").is_some_and(|value| value == "trailers"), bridged);
        assert_eq!(head.headers.contains_key("grpc-accept-encoding"), bridged);
        assert_eq!(head.headers.contains_key("content-length"), !bridged);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
    }
}

#[tokio::test]
async fn rf_6_per_route_only_ports_that_speak_it_are_bridged() {
    let (mut service, mut handle) = pair(GrpcWebLayer::per_route());
    handle.allow(1);
    std::future::poll_fn(|cx| Service::<Request<Body>>::poll_ready(&mut service, cx)).await.unwrap();
    let _call = service.call(request("application/grpc-web", ""));
    let (inner, _) = handle.next_request().await.unwrap();
    assert_eq!(inner.headers()["content-type"], "application/grpc-web");
}

#[tokio::test]
async fn rf_6_trailers_end_the_body() {
    for kind in [Kind::Binary, Kind::Text] {
        let answer = grpc(frames(vec![data(b"\0\0\0\0\x02a"), data(b"b"), trailers("7")]));
        let response = answered(kind.content_type().to_str().unwrap(), answer).await;
        assert_eq!(response.headers()["content-type"], kind.content_type());
        assert!(!response.headers().contains_key("content-length"));
        let mut body = response.into_body();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            bytes.extend(frame.unwrap().into_data().expect("no trailers are left"));
        }
        assert!(body.is_end_stream() && body.size_hint().exact() == Some(0));
        let end = kind.trailers(&HeaderMap::from_iter([(
            "grpc-status".parse().unwrap(),
            HeaderValue::from_static("7"),
        )]));
        let message: &[u8] = if kind == Kind::Binary { b"\0\0\0\0\x02ab" } else { b"AAAAAAJhYg==" };
        assert_eq!(bytes, [message, &end].concat(), "{kind}");
    }
}

#[tokio::test]
async fn rf_6_a_status_in_the_headers_stays_there() {
    let mut answer = grpc(Body::empty());
    answer.headers_mut().insert("grpc-status", HeaderValue::from_static("5"));
    let response = answered("application/grpc-web-text", answer).await;
    assert_eq!(response.headers()["grpc-status"], "5");
    assert!(response.body().is_end_stream());
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "");
}

#[tokio::test]
async fn rf_6_what_breaks_the_answer_breaks_it_for_the_page() {
    let answer = grpc(frames(vec![data(b"\0\0\0\0\x09abc"), Err("gone".into())]));
    let mut body = answered("application/grpc-web-text", answer).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "AAAAAAlhYmM"[..8]);
    assert_eq!(body.frame().await.unwrap().unwrap_err().to_string(), "gone");
}

#[tokio::test]
async fn rf_6_an_answer_that_is_no_grpc_becomes_a_status() {
    let long = "x".repeat(20_000);
    for (status, text, code, message) in [
        (503, "no way, 100 %".to_owned(), "14", Some("no way, 100 %25".to_owned())),
        (404, String::new(), "12", None),
        (200, "<html>".to_owned(), "2", Some("<html>".to_owned())),
        (500, long.clone(), "2", Some(long[..16 * 1024].to_owned())),
    ] {
        let answer = Response::builder().status(status).header("content-type", "text/html");
        let response = answered("application/grpc-web", answer.body(text.into()).unwrap()).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["content-type"], "application/grpc-web+proto");
        assert_eq!(response.headers()["grpc-status"], code);
        let sent = response.headers().get("grpc-message").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(sent, message);
        assert!(response.body().is_end_stream());
    }
}

#[tokio::test]
async fn rf_6_a_failure_is_told_to_the_page() {
    let (mut service, mut handle) = ready().await;
    let call = tokio::spawn(service.call(request("application/grpc-web-text", "")));
    let (_, send) = handle.next_request().await.unwrap();
    send.send_error(Error::local(LocalReply::no_healthy_upstream()));
    let error = Error::from_box(call.await.unwrap().unwrap_err());
    let response = error.response(false);
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/grpc-web-text+proto");
    assert_eq!(response.headers()["grpc-status"], "14");
    assert_eq!(response.headers()["grpc-message"], "no healthy upstream");
}

#[tokio::test]
async fn rf_6_text_that_is_no_base64_is_refused() {
    for (text, details) in
        [("YQ=", "grpc_base_64_decode_failed_bad_size"), ("Y*==", "grpc_base_64_decode_failed")]
    {
        let (mut service, mut handle) = ready().await;
        let call = tokio::spawn(service.call(request("application/grpc-web-text", text)));
        let (inner, send) = handle.next_request().await.unwrap();
        send.send_error(inner.into_body().collect().await.unwrap_err());
        let error = Error::from_box(call.await.unwrap().unwrap_err());
        assert_eq!((error.reply().status.as_u16(), &*error.reply().details), (400, details));
        assert_eq!(error.response(false).headers()["grpc-status"], "13");
    }
}

#[tokio::test]
async fn the_inner_service_says_when_it_is_ready() {
    let (service, mut handle) = pair(GrpcWebLayer::new());
    let mut service = tokio_test::task::spawn(service);
    handle.allow(0);
    assert_pending!(service.enter(|cx, mut service| Service::<Request<Body>>::poll_ready(&mut *service, cx)));
    handle.allow(1);
    assert_ready!(service.enter(|cx, mut service| Service::<Request<Body>>::poll_ready(&mut *service, cx)))
        .unwrap();
}
