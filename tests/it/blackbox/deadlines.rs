//! A tonic server that keeps the deadline it is told, and the mesh's own timers: the outcome is no matter of chance.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::future::join_all;
use mesh_core::api::Documents;
use mesh_tests::proxy::Proxy;
use mesh_tower::Mesh;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;

use super::grpc::{Note, note};
use super::{GATEWAY, HOST, PROXY, edge};

/// How many calls meet the race at once: the budget has ten retries at the start (CB-10).
const CALLS: usize = 5;

/// Works on each call without end; tonic's server gives it up when its deadline says so.
#[derive(Clone)]
struct Slow(Arc<AtomicUsize>);

impl NamedService for Slow {
    const NAME: &'static str = "test.Slow";
}

impl Service<http::Request<Body>> for Slow {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Note, Note>::default());
            Ok(grpc.unary(tower::service_fn(slow), request).await)
        })
    }
}

async fn slow(request: Request<Note>) -> Result<Response<Note>, Status> {
    std::future::pending::<()>().await;
    Ok(Response::new(request.into_inner()))
}

async fn server() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, calls) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let service = Slow(calls.clone());
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
    (address, calls)
}

async fn call<C>(channel: C) -> Status
where
    C: tonic::client::GrpcService<Body>,
    C::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    <C::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    C::Error: std::fmt::Debug,
{
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/test.Slow/One");
    let codec = ProstCodec::<Note, Note>::default();
    grpc.unary(Request::new(note("hello")), path, codec).await.expect_err("it never answers in time")
}

const RULES: [(&str, usize); 2] = [
    ("    retries: {attempts: 2, retryOn: gateway-error, perTryTimeout: 100ms}\n", 3),
    ("    timeout: 150ms\n    retries: {attempts: 2, retryOn: 'cancelled,deadline-exceeded'}\n", 1),
];

fn assert_timed_out(ended: &[Status], tries: &AtomicUsize, each: usize) {
    for status in ended {
        assert_eq!(
            (status.code(), status.message()),
            (Code::DeadlineExceeded, "upstream request timeout"),
            "{status:?}"
        );
    }
    assert_eq!(tries.load(Ordering::Relaxed), CALLS * each);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt_3_a_servers_own_timer_changes_nothing_behind_the_proxy() {
    for (rule, each) in RULES {
        let (address, tries) = server().await;
        let proxy = Proxy::start(PROXY, &edge(address, "GRPC", rule), GATEWAY).await;
        let uri = format!("http://{}", proxy.address("gateway|80"));
        let channel = Endpoint::try_from(uri).unwrap().connect().await.unwrap();
        let ended = join_all((0..CALLS).map(|_| call(channel.clone()))).await;
        assert_timed_out(&ended, &tries, each);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt_3_a_servers_own_timer_changes_nothing_in_process() {
    for (rule, each) in RULES {
        let (address, tries) = server().await;
        let yaml =
            edge(address, "GRPC", rule).replace("hosts: ['*']\n  gateways: [edge]", "hosts: [backend.test]");
        let (documents, findings) = Documents::parse([("mesh.yaml", yaml)]);
        assert!(!findings.has_errors(), "{findings}");
        let mesh = Mesh::from_documents(documents).start().await.unwrap();
        let channel = mesh.channel(&format!("{HOST}:8080")).unwrap();
        let ended = join_all((0..CALLS).map(|_| call(channel.clone()))).await;
        assert_timed_out(&ended, &tries, each);
    }
}
