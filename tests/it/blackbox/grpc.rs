//! A tonic client and a tonic server, the proxy between them: all four kinds of calls.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, Full};
use mesh_tests::backend::{Backend, Unheard};
use mesh_tests::proxy::Proxy;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::{self, BoxFuture, http};
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::{GATEWAY, HOST, PROXY, edge};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Note {
    #[prost(string, tag = "1")]
    pub(super) text: String,
}

pub(super) fn note(text: impl Into<String>) -> Note {
    Note { text: text.into() }
}

type Notes = Pin<Box<dyn Stream<Item = Result<Note, Status>> + Send>>;

/// A service in the form of generated code, which answers with this function.
#[derive(Clone)]
struct Service<F>(F);

impl<F> NamedService for Service<F> {
    const NAME: &'static str = "test.Echo";
}

impl<F, A> codegen::Service<http::Request<Body>> for Service<F>
where
    F: Fn(http::Request<Body>) -> A,
    A: Future<Output = http::Response<Body>> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answer = (self.0)(request);
        Box::pin(async move { Ok(answer.await) })
    }
}

async fn echo(request: http::Request<Body>) -> http::Response<Body> {
    let mut grpc = tonic::server::Grpc::new(codec());
    match request.uri().path() {
        "/test.Echo/One" => grpc.unary(tower::service_fn(one), request).await,
        "/test.Echo/Down" => grpc.server_streaming(tower::service_fn(down), request).await,
        "/test.Echo/Up" => grpc.client_streaming(tower::service_fn(up), request).await,
        _ => grpc.streaming(tower::service_fn(both), request).await,
    }
}

async fn one(request: Request<Note>) -> Result<Response<Note>, Status> {
    match request.get_ref().text.as_str() {
        "fail" => Err(Status::failed_precondition("not now: ü")),
        text => Ok(Response::new(note(format!("echo {text}")))),
    }
}

async fn down(request: Request<Note>) -> Result<Response<Notes>, Status> {
    let text = request.into_inner().text;
    let notes = stream::iter(0..100).map(move |number| Ok(note(format!("{text} {number}"))));
    Ok(Response::new(Box::pin(notes)))
}

async fn up(request: Request<Streaming<Note>>) -> Result<Response<Note>, Status> {
    let count = request.into_inner().filter(|note| std::future::ready(note.is_ok())).count().await;
    Ok(Response::new(note(count.to_string())))
}

async fn both(request: Request<Streaming<Note>>) -> Result<Response<Notes>, Status> {
    let notes = request.into_inner().map(|received| received.map(|one| note(format!("echo {}", one.text))));
    Ok(Response::new(Box::pin(notes)))
}

pub(super) async fn server() -> SocketAddr {
    serve(echo).await
}

/// A tonic server that answers with this function.
pub(super) async fn serve<F, A>(answer: F) -> SocketAddr
where
    F: Fn(http::Request<Body>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = http::Response<Body>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving =
        Server::builder().add_service(Service(answer)).serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(serving);
    address
}

pub(super) fn path(method: &str) -> http::uri::PathAndQuery {
    format!("/test.Echo/{method}").parse().unwrap()
}

pub(super) fn codec() -> ProstCodec<Note, Note> {
    ProstCodec::default()
}

/// One call and its outcome.
pub(super) async fn one_call(channel: Channel) -> Result<String, Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let answer = grpc.unary(Request::new(note("hello")), path("One"), codec()).await?;
    Ok(answer.into_inner().text)
}

/// All four kinds, over one channel.
pub(super) async fn all_kinds(channel: Channel) {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let answer = grpc.unary(Request::new(note("hello")), path("One"), codec()).await.unwrap();
    assert_eq!(answer.into_inner().text, "echo hello");

    grpc.ready().await.unwrap();
    let status = grpc.unary(Request::new(note("fail")), path("One"), codec()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "not now: ü"));

    grpc.ready().await.unwrap();
    let answer = grpc.server_streaming(Request::new(note("down")), path("Down"), codec()).await.unwrap();
    let notes: Vec<String> = answer.into_inner().map(|note| note.unwrap().text).collect().await;
    assert_eq!((notes.len(), notes[99].as_str()), (100, "down 99"));

    grpc.ready().await.unwrap();
    let notes = stream::iter((0..100).map(|number| note(number.to_string())));
    let answer = grpc.client_streaming(Request::new(notes), path("Up"), codec()).await.unwrap();
    assert_eq!(answer.into_inner().text, "100");

    grpc.ready().await.unwrap();
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let notes =
        stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|note| (note, receiver)));
    let answer = grpc.streaming(Request::new(Box::pin(notes)), path("Both"), codec()).await.unwrap();
    let mut answers = answer.into_inner();
    for number in 0..50 {
        // Each answer arrives before the next note is sent: no part is held back.
        sender.send(note(number.to_string())).await.unwrap();
        assert_eq!(answers.message().await.unwrap().unwrap().text, format!("echo {number}"));
    }
    drop(sender);
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test]
async fn all_four_kinds_through_the_gateway() {
    let yaml = edge(server().await, "GRPC", "");
    let proxy = Proxy::start(PROXY, &yaml, GATEWAY).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", proxy.address("gateway|80"))).unwrap();
    all_kinds(endpoint.connect_lazy()).await;
    proxy
        .until("/stats/prometheus", |_, text| {
            text.lines().any(|line| {
                line.starts_with("istio_requests_total{")
                    && line.contains("request_protocol=\"grpc\"")
                    && line.contains("grpc_response_status=\"9\"")
            })
        })
        .await;
}

/// OD-3: HTTP/1.1 drops a body once its announced length is written, and the status comes after that.
#[tokio::test]
async fn od_3_the_status_in_trailers_is_seen_whatever_the_caller_speaks() {
    let backend = Backend::start(|_| async {
        let trailers = http::HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            http::HeaderValue::from_static("8"),
        )]);
        let message = Full::new(bytes::Bytes::from_static(b"\0\0\0\0\0"));
        let mut response =
            http::Response::new(mesh_tower::Body::new(message.with_trailers(async { Some(Ok(trailers)) })));
        let grpc = http::HeaderValue::from_static("application/grpc");
        response.headers_mut().insert("content-type", grpc);
        response
    })
    .await;
    let proxy = Proxy::start(PROXY, &edge(backend.address(), "GRPC", ""), GATEWAY).await;
    let url = format!("http://{}/test.Echo/One", proxy.address("gateway|80"));
    let client = reqwest::Client::builder().http1_only().build().unwrap();
    let answer = client.post(url).header("content-type", "application/grpc").send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap().len(), 5);
    let is_counted =
        |line: &str| line.starts_with("istio_requests_total{") && line.contains("grpc_response_status=\"8\"");
    proxy.until("/stats/prometheus", |_, text| text.lines().any(is_counted)).await;
}

#[tokio::test]
async fn all_four_kinds_through_the_sidecar() {
    let yaml = mesh_tests::config::entry(HOST, "GRPC", 8080, &[server().await]);
    let args = "--role sidecar --no-inbound --workload web --outbound 127.0.0.1:0";
    let proxy = Proxy::start(PROXY, &yaml, args).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", proxy.address("outbound|15001"))).unwrap();
    let endpoint = endpoint.origin(format!("http://{HOST}:8080").parse().unwrap());
    all_kinds(endpoint.connect_lazy()).await;
}

#[tokio::test]
async fn rf_4_a_server_that_is_gone_is_a_grpc_status() {
    let gone = Unheard::new();
    let yaml = edge(gone.address(), "GRPC", "");
    let proxy = Proxy::start(PROXY, &yaml, GATEWAY).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", proxy.address("gateway|80"))).unwrap();
    let status = one_call(endpoint.connect_lazy()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("connect"), "{status:?}");
}
