//! The framing of HTTP/1.1 messages, in process: requests to endpoints, and requests that a server accepts.

use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use mesh_tests::body::chunked;
use mesh_tests::config::{service, virtual_service};
use mesh_tower::test::{MeshTest, Received, TestMesh, Upstream, pass};
use mesh_tower::{Body, BoxError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::Layer;

async fn world(rule: &str) -> (TestMesh, Upstream, Upstream) {
    let http = format!("  - route: [{{destination: {{host: api}}}}]\n    {rule}");
    let yaml = service("api", "http", 80, &["10.0.0.1"])
        + &service("shadow", "http", 80, &["10.0.1.1"])
        + &virtual_service("api", &http);
    let test = MeshTest::new(&yaml).start().await;
    let (api, shadow) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.1.1:80"));
    (test, api, shadow)
}

const METHODS: [&str; 5] = ["GET", "HEAD", "DELETE", "POST", "REPORT"];

#[tokio::test(start_paused = true)]
async fn rfc_9112_6_1_a_streamed_body_of_any_method_reaches_the_endpoint_in_every_try() {
    let body: bytes::Bytes = vec![7; 40_000].into();
    for (rule, tries) in [
        ("retries: {attempts: 0}", 1),
        ("retries: {attempts: 2, retryOn: 5xx}", 3),
        ("mirror: {host: shadow}", 1),
    ] {
        for method in METHODS {
            let (test, api, shadow) = world(rule).await;
            api.fail_next(tries - 1, 503);
            let request = Request::builder().method(method).uri("http://api/").body(chunked(&body, 1_000));
            assert_eq!(test.send(request.unwrap()).await.status(), 200, "{method} {rule}");
            let mut arrivals = api.arrivals();
            assert_eq!(arrivals.len(), tries, "{method} {rule}");
            if rule.starts_with("mirror") {
                shadow.arrived(1).await;
                pass(Duration::from_secs(1)).await;
                arrivals.extend(shadow.arrivals());
            }
            for arrival in arrivals {
                assert_eq!(arrival.header("transfer-encoding"), "chunked", "{method} {rule}");
                assert_eq!(arrival.body.hash, Received::hash_of(&body), "{method} {rule}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rfc_9112_6_1_no_body_has_no_transfer_encoding_and_a_known_length_stays_one() {
    let (test, api, _) = world("retries: {attempts: 0}").await;
    for method in METHODS {
        let request = || Request::builder().method(method).uri("http://api/");
        assert_eq!(test.send(request().body(Body::empty()).unwrap()).await.status(), 200, "{method}");
        assert_eq!(test.send(request().body(Body::from("abc")).unwrap()).await.status(), 200, "{method}");
    }
    for (arrival, length) in api.arrivals().iter().zip([0, 3].into_iter().cycle()) {
        assert_eq!(arrival.header("transfer-encoding"), "", "{}", arrival.method);
        assert_eq!(arrival.body.length, length, "{}", arrival.method);
        assert!(length == 0 || arrival.header("content-length") == "3", "{}", arrival.method);
    }
}

/// Around a user's handler that hyper serves: one answer, and the server reads no more bytes.
#[tokio::test(start_paused = true)]
async fn rfc_9112_6_1_what_a_server_refuses_ends_its_connection() {
    let test = MeshTest::new("").start().await;
    let handler =
        tower::service_fn(async |_| Ok::<_, Infallible>(Response::new(Body::from("a handler's answer"))));
    let service = TowerToHyperService::new(test.mesh().layer().layer(handler));
    let long = "A".repeat(200);
    for (head, body, status) in [
        ("GET / HTTP/1.1\r\nhost: me@x", "", 400),
        ("GET x HTTP/1.1\r\nhost: x", "", 400),
        ("GET * HTTP/1.1\r\nhost: x", "", 400),
        ("CONNECT x:80 HTTP/1.1\r\nhost: x", "", 405),
        (&*format!("{long} / HTTP/1.1\r\nhost: x"), "", 400),
        (
            "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: , chunked\r\ncontent-length: 3",
            "3\r\nabc\r\n0\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked",
            "3\r\nabc\r\n0\r\n\r\n",
            400,
        ),
        ("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked", "0\r\n\r\n", 501),
    ] {
        let (ours, mut caller) = tokio::io::duplex(1 << 16);
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(ours), service.clone());
        tokio::spawn(connection);
        let behind = "GET /behind HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        caller.write_all(format!("{head}\r\n\r\n{body}{behind}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        caller.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head:?}: {answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{head:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head:?}: {answer}");
    }
}

/// RFC 9110 9.3.2: hyper writes any body that it is given over HTTP/2, and DATA breaks the stream of a HEAD.
#[tokio::test(start_paused = true)]
async fn rfc_9110_9_3_2_an_error_of_a_server_has_no_body_for_head_over_http2() {
    let test = MeshTest::new("").start().await;
    let handler = tower::service_fn(async |_| Err::<Response<Body>, BoxError>("broken".into()));
    let service = TowerToHyperService::new(test.mesh().layer().layer(handler));
    let (ours, caller) = tokio::io::duplex(1 << 16);
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    tokio::spawn(server.serve_connection(TokioIo::new(ours), service));
    let client = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(caller));
    let (mut sender, connection) = client.await.unwrap();
    tokio::spawn(connection);
    for method in ["GET", "HEAD"] {
        let request = Request::builder().method(method).uri("http://x/").body(Body::empty()).unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        assert!(head.status.is_server_error(), "{method} {head:?}");
        assert_eq!(body.collect().await.unwrap().to_bytes().is_empty(), method == "HEAD", "{method}");
    }
}
