//! A tonic server that keeps the announced deadline, and the mesh's own timers: chance does not decide the outcome.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use mesh_core::api::Documents;
use mesh_tests::proxy::Proxy;
use mesh_tower::Mesh;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Response, Status};

use super::grpc::{Note, codec, note, path, serve};
use super::{GATEWAY, HOST, PROXY, edge};

/// The number of calls that meet the race at once: the budget has ten retries at the start (CB-10).
const CALLS: usize = 5;

/// Works on its call without end; tonic's server gives it up at its deadline.
async fn slow(request: Request<Note>) -> Result<Response<Note>, Status> {
    std::future::pending::<()>().await;
    Ok(Response::new(request.into_inner()))
}

async fn server() -> (SocketAddr, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let address = serve(move |request| {
        count.fetch_add(1, Ordering::Relaxed);
        async { tonic::server::Grpc::new(codec()).unary(tower::service_fn(slow), request).await }
    });
    (address.await, calls)
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
    grpc.unary(Request::new(note("hello")), path("One"), codec()).await.expect_err("it never answers in time")
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
