//! An answer of the mesh's own is the same whether a library error was turned into it or the proxy sent it
//! (RF-2, RF-4, RF-7).

use std::collections::BTreeMap;
use std::time::Duration;

use http::Request;
use mesh_core::api::Documents;
use mesh_tests::backend::{Backend, Unheard};
use mesh_tests::config::{destination_rule, entry};
use mesh_tests::proxy::Proxy;
use mesh_tower::test::Answer;
use mesh_tower::{Body, Client, Mesh};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{PROXY, client};

/// Host, what its rule says besides the route, where that leads, and status and details of the answer.
struct Case(&'static str, &'static str, &'static str, u16, &'static str);

const CASES: [Case; 11] = [
    Case("no-rule", "match: [{uri: {exact: /other}}]", "{host: fine.test}", 404, "route_not_found"),
    Case("no-cluster", "name: rule", "{host: missing.test}", 503, "cluster_not_found"),
    Case("no-endpoint", "name: rule", "{host: fine.test, subset: none}", 503, "no_healthy_upstream"),
    Case(
        "refused",
        "retries: {attempts: 0}",
        "{host: refused.test}",
        503,
        "upstream_reset_before_response_started{remote_connection_failure|",
    ),
    Case(
        "refused-again",
        "retries: {attempts: 1, retryOn: connect-failure}",
        "{host: refused.test}",
        503,
        "upstream_reset_before_response_started{remote_connection_failure|",
    ),
    Case(
        "closed",
        "retries: {attempts: 0}",
        "{host: closed.test}",
        503,
        "upstream_reset_before_response_started{connection_termination}",
    ),
    Case("timeout", "timeout: 100ms", "{host: silent.test}", 504, "response_timeout"),
    Case(
        "per-try",
        "retries: {attempts: 1, retryOn: gateway-error, perTryTimeout: 100ms}",
        "{host: silent.test}",
        504,
        "upstream_per_try_timeout",
    ),
    Case(
        "abort",
        "fault: {abort: {httpStatus: 418, percentage: {value: 100}}}",
        "{host: fine.test}",
        418,
        "fault_filter_abort",
    ),
    Case(
        "abort-grpc",
        "fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}",
        "{host: fine.test}",
        200,
        "fault_filter_abort",
    ),
    Case("overflow", "retries: {attempts: 0}", "{host: full.test}", 503, "overflow"),
];

/// Accepts, and closes when it has been asked.
async fn closing() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1]).await;
        }
    });
    address
}

fn rule(name: &str, rule: &str, to: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec:
  hosts: [{name}.test]
  gateways: [edge, mesh]
  http:
  - {rule}
    route: [{{destination: {to}}}]
---
"
    )
}

/// Status, headers that say something, body.
type Seen = (u16, BTreeMap<String, String>, Vec<u8>);

fn seen(status: u16, headers: &http::HeaderMap, body: &[u8]) -> Seen {
    // The proxy signs its answers (HD-3), its server dates them and frames empty ones.
    let skipped = ["server", "date", "connection"];
    let framing = |name: &str, value: &http::HeaderValue| name == "content-length" && value == "0";
    let headers = headers
        .iter()
        .filter(|(name, value)| !skipped.contains(&name.as_str()) && !framing(name.as_str(), value));
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    (status, headers.map(|(name, value)| (name.to_string(), text(value))).collect(), body.to_vec())
}

async fn by_library(client: &Client, name: &str, grpc: bool) -> Seen {
    let mut request = Request::post(format!("http://{name}.test/"));
    if grpc {
        request = request.header("content-type", "application/grpc");
    }
    let error = client.request(request.body(Body::from("x")).unwrap()).await.unwrap_err();
    let answer = Answer::read(error.response(grpc), None).await;
    seen(answer.status().as_u16(), &answer.head.headers, &answer.body)
}

async fn by_proxy(proxy: &Proxy, name: &str, grpc: bool) -> Seen {
    let url = format!("http://{}/", proxy.address("gateway|80"));
    let mut request = client().post(url).header("host", format!("{name}.test")).body("x");
    if grpc {
        request = request.header("content-type", "application/grpc");
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    seen(status, &headers, &answer.bytes().await.unwrap())
}

#[tokio::test]
async fn rf_7_a_library_error_becomes_the_proxys_answer() {
    let fine = Backend::text("fine").await;
    let silent = Backend::start(|_| std::future::pending()).await;
    let full = Backend::start(|_| std::future::pending()).await;
    let refused = Unheard::new();
    let mut yaml = entry("fine.test", "HTTP", 80, &[fine.address()])
        + &entry("silent.test", "HTTP", 80, &[silent.address()])
        + &entry("full.test", "HTTP", 80, &[full.address()])
        + &entry("refused.test", "HTTP", 80, &[refused.address()])
        + &entry("closed.test", "HTTP", 80, &[closing().await])
        + &destination_rule("fine.test", "  subsets: [{name: none, labels: {no: body}}]")
        + &destination_rule("full.test", "  trafficPolicy: {connectionPool: {http: {http2MaxRequests: 1}}}")
        + "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec: {servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
";
    for Case(name, text, to, ..) in &CASES {
        yaml += &rule(name, text, to);
    }
    let (documents, findings) = Documents::parse([("test.yaml", &yaml)]);
    assert!(!findings.has_errors(), "{findings}");
    let mesh = Mesh::from_documents(documents).start().await.unwrap();
    let library = mesh.client();
    let proxy = Proxy::start(PROXY, &yaml, "--role gateway --bind 80=127.0.0.1:0").await;
    // One request each that is never answered, so that the next is one too many.
    let (url, busy) = (format!("http://{}/", proxy.address("gateway|80")), library.clone());
    let hanging = [
        tokio::spawn(async move { drop(client().get(url).header("host", "overflow.test").send().await) }),
        tokio::spawn(async move { drop(busy.get("http://overflow.test/").await) }),
    ];
    let both_hang = async {
        while full.served() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), both_hang).await.unwrap();
    for Case(name, _, _, status, details) in &CASES {
        for grpc in [false, true] {
            let (ours, theirs) = (by_library(&library, name, grpc).await, by_proxy(&proxy, name, grpc).await);
            assert_eq!(ours, theirs, "{name} {grpc}");
            let (seen, headers, body) = ours;
            assert!(headers["x-mesh-reason"].starts_with(details), "{name}: {headers:?}");
            if grpc || *name == "abort-grpc" {
                assert_eq!((seen, body.len()), (200, 0), "{name}");
                let code = match (status, *name) {
                    (504, _) => "4",
                    (404, _) => "12",
                    (418, _) => "2",
                    (_, "abort-grpc") | (503, _) => "14",
                    other => panic!("{other:?}"),
                };
                assert_eq!(headers["grpc-status"], code, "{name}");
                assert_eq!(headers["content-type"], "application/grpc");
            } else {
                assert_eq!(seen, *status, "{name}");
            }
        }
    }
    hanging.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn hd_8_expect_is_answered_and_passed_on() {
    let backend = Backend::start(|request| async move {
        let expected = request.headers().contains_key("expect");
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
        http::Response::new(Body::from(format!("{expected} {}", body.len())))
    })
    .await;
    let proxy = super::gateway(backend.address(), "HTTP", "").await;
    let mut stream = TcpStream::connect(proxy.address("gateway|80")).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200") && rest.ends_with("true 5"), "{rest}");
}
