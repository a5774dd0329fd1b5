//! A request keeps its body, whatever its method, towards an endpoint of HTTP/1.1 (RFC 9112 section 6.1).

use http::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_tests::body::chunked;
use mesh_tests::config::entry;
use mesh_tests::proxy::Proxy;
use mesh_tests::raw::{RawEndpoint, exchange};
use tokio::net::TcpStream;

use crate::blackbox::{GATEWAY, HOST, PROXY, front};

const METHODS: [&str; 6] = ["GET", "HEAD", "DELETE", "OPTIONS", "POST", "REPORT"];

const ONCE: &str = "retries: {attempts: 0}";
// One retry for each method: a new budget has ten.
const AGAIN: &str = "retries: {attempts: 1, retryOn: 5xx}";
const MIRRORED: &str = "mirror: {host: mirror.test}";

async fn endpoint(status: &'static str) -> RawEndpoint {
    RawEndpoint::start(move |_| format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")).await
}

/// A gateway before an endpoint and its mirror, by this rule.
async fn proxy(rule: &str, endpoint: &RawEndpoint, mirror: &RawEndpoint) -> Proxy {
    let route = format!("  - route: [{{destination: {{host: {HOST}}}}}]\n    {rule}");
    let yaml = entry(HOST, "HTTP", 8080, &[endpoint.address()])
        + &entry("mirror.test", "HTTP", 8080, &[mirror.address()])
        + &front(&route);
    Proxy::start(PROXY, &yaml, GATEWAY).await
}

/// Checks that the request is this method's, framed, and has its whole body.
#[track_caller]
fn is_whole(request: &str, method: &str) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("{method} /x HTTP/1.1\r\n")), "{head}");
    assert_eq!(head.matches("\r\ntransfer-encoding: chunked").count(), 1, "{head}");
    assert!(!head.contains("content-length"), "{head}");
    let pieces: String = body.split("\r\n").skip(1).step_by(2).collect();
    assert_eq!(pieces, "abcdef", "{method}: {body:?}");
}

#[tokio::test]
async fn rfc_9112_6_1_a_chunked_body_of_any_method_is_passed_on() {
    for (rule, tries, mirrored) in [(ONCE, 1, false), (AGAIN, 2, false), (MIRRORED, 1, true)] {
        let status = if tries > 1 { "503 Busy" } else { "200 OK" };
        let (mut api, mut mirror) = (endpoint(status).await, endpoint("200 OK").await);
        let proxy = proxy(rule, &api, &mirror).await;
        for method in METHODS {
            let head = format!("{method} /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
            let request =
                format!("{head}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
            let answer = exchange(proxy.address("gateway|80"), &request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {}", &status[..3])), "{method} {rule}: {answer}");
            for _ in 0..tries {
                is_whole(&api.next().await, method);
            }
            if mirrored {
                is_whole(&mirror.next().await, method);
            }
        }
    }
}

#[tokio::test]
async fn rfc_9112_6_1_a_body_that_came_over_http2_without_a_length_is_passed_on() {
    for (rule, tries, mirrored) in [(ONCE, 1, false), (AGAIN, 2, false), (MIRRORED, 1, true)] {
        let status = if tries > 1 { "503 Busy" } else { "200 OK" };
        let (mut api, mut mirror) = (endpoint(status).await, endpoint("200 OK").await);
        let proxy = proxy(rule, &api, &mirror).await;
        let stream = TcpStream::connect(proxy.address("gateway|80")).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        for method in METHODS {
            let request = Request::builder().method(method).uri("http://x/x");
            let request = request.body(chunked(&"abcdef".into(), 3)).unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!(answer.status().as_str(), &status[..3], "{method} {rule}");
            for _ in 0..tries {
                is_whole(&api.next().await, method);
            }
            if mirrored {
                is_whole(&mirror.next().await, method);
            }
        }
    }
}

#[tokio::test]
async fn rfc_9112_6_1_a_request_without_a_body_has_no_transfer_encoding() {
    for rule in [ONCE, AGAIN, MIRRORED] {
        let (mut api, mut mirror) = (endpoint("200 OK").await, endpoint("200 OK").await);
        let proxy = proxy(rule, &api, &mirror).await;
        let stream = TcpStream::connect(proxy.address("gateway|80")).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        for method in METHODS {
            let request = format!("{method} /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            exchange(proxy.address("gateway|80"), &request).await;
            let request = Request::builder().method(method).uri("http://x/x");
            sender.send_request(request.body(mesh_tower::Body::empty()).unwrap()).await.unwrap();
            for _ in 0..2 {
                let request = api.next().await;
                assert!(!request.contains("transfer-encoding"), "{request}");
                if rule == MIRRORED {
                    assert!(!mirror.next().await.contains("transfer-encoding"), "{method}");
                }
            }
        }
    }
}

/// hyper's client would speak HTTP/1.0 to a peer that has answered with it, and HTTP/1.0 has no chunks.
#[tokio::test]
async fn a_body_of_unknown_length_survives_an_endpoint_that_answers_in_http_1_0() {
    let answer = "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n";
    let mut api = RawEndpoint::start(|_| answer.to_owned()).await;
    let mirror = endpoint("200 OK").await;
    let proxy = proxy(ONCE, &api, &mirror).await;
    for method in ["POST", "POST", "GET"] {
        let head = format!("{method} /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        let request = format!("{head}transfer-encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n");
        let answer = exchange(proxy.address("gateway|80"), &request).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        is_whole(&api.next().await, method);
    }
}
