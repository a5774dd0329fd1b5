//! Answers of HTTP/1.1 endpoints without a certain end, at the proxy and in process.
//!
//! Envoy 1.40 was compared too: it gives the same answers, except for HTTP/1.0 with a transfer coding, which it
//! passes on.

use http::Request;
use http_body_util::BodyExt;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_core::api::Documents;
use mesh_tests::config::entry;
use mesh_tests::proxy::Proxy;
use mesh_tests::raw::{RawEndpoint, exchange};
use mesh_tower::{Body, Mesh};
use tokio::net::TcpStream;

use crate::blackbox::{GATEWAY, HOST, PROXY, edge};

/// Heads that are answered with 502, by the path of the request.
const FAULTY: [(&str, &str); 19] = [
    ("chunked-and-length", "200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5"),
    ("length-and-chunked", "200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked"),
    ("gzip", "200 OK\r\ntransfer-encoding: gzip"),
    ("gzip-chunked", "200 OK\r\ntransfer-encoding: gzip, chunked"),
    ("identity", "200 OK\r\ntransfer-encoding: identity"),
    ("chunked-twice", "200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked"),
    ("chunked-list", "200 OK\r\ntransfer-encoding: chunked, chunked"),
    ("empty-element", "200 OK\r\ntransfer-encoding: , chunked"),
    ("empty-coding", "200 OK\r\ntransfer-encoding: \r\ncontent-length: 5"),
    ("chunked-in-1.0", "200 OK\r\ntransfer-encoding: chunked"),
    ("same-length-twice", "200 OK\r\ncontent-length: 5\r\ncontent-length: 5"),
    ("same-length-list", "200 OK\r\ncontent-length: 5, 5"),
    ("two-lengths", "200 OK\r\ncontent-length: 5\r\ncontent-length: 6"),
    ("two-lengths-list", "200 OK\r\ncontent-length: 5, 6"),
    ("no-number", "200 OK\r\ncontent-length: five"),
    ("signed", "200 OK\r\ncontent-length: +5"),
    ("too-large", "200 OK\r\ncontent-length: 18446744073709551616"),
    ("chunked-204", "204 No Content\r\ntransfer-encoding: chunked"),
    ("length-of-204", "204 No Content\r\ncontent-length: 5"),
];

/// The bytes after each head: five bytes or one chunk, depending on the reader.
const BODY: &str = "5\r\nabcde\r\n0\r\n\r\n";

fn answer(request: &str) -> String {
    let path = request.split(' ').nth(1).unwrap().trim_start_matches('/');
    let head =
        FAULTY.iter().find(|(name, _)| *name == path).map_or("200 OK\r\ncontent-length: 0", |(_, head)| head);
    let version = if path == "chunked-in-1.0" { "1.0" } else { "1.1" };
    let body = if request.starts_with("HEAD") { "" } else { BODY };
    format!("HTTP/{version} {head}\r\n\r\n{body}")
}

const REASON: &str = "upstream_reset_before_response_started{protocol_error}";

#[tokio::test]
async fn rfc_9112_6_3_an_answer_whose_end_is_uncertain_is_502_at_the_proxy() {
    let endpoint = RawEndpoint::start(answer).await;
    let yaml = edge(endpoint.address(), "HTTP", "    retries: {attempts: 0}");
    let proxy = Proxy::start(PROXY, &yaml, GATEWAY).await;
    for (name, _) in FAULTY {
        for method in ["GET", "HEAD"] {
            let request = format!("{method} /{name} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            let answer = exchange(proxy.address("gateway|80"), &request).await;
            assert!(answer.starts_with("HTTP/1.1 502 "), "{method} {name}: {answer:?}");
            assert!(answer.contains(&format!("x-mesh-reason: {REASON}\r\n")), "{method} {name}: {answer}");
        }
    }
}

async fn over_http2(proxy: &Proxy) -> SendRequest<Body> {
    let stream = TcpStream::connect(proxy.address("gateway|80")).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// DATA would break the stream.
#[tokio::test]
async fn rfc_9110_9_3_2_no_answer_to_head_over_http2_has_a_body() {
    let endpoint = RawEndpoint::start(answer).await;
    let yaml = edge(endpoint.address(), "HTTP", "").replace(
        "  http:\n",
        "  http:\n  - match: [{uri: {exact: /told}}]
    directResponse: {status: 418, body: {string: told}}
  - match: [{uri: {exact: /nowhere}}]
    route: [{destination: {host: nowhere.test}}]\n",
    );
    let proxy = Proxy::start(PROXY, &yaml, GATEWAY).await;
    let mut sender = over_http2(&proxy).await;
    for (path, status, has_body) in
        [("told", 418, true), ("gzip", 502, true), ("nowhere", 503, false), ("fine", 200, false)]
    {
        for method in ["GET", "HEAD"] {
            let request = Request::builder().method(method).uri(format!("http://x/{path}"));
            let answer = sender.send_request(request.body(Body::empty()).unwrap()).await.expect(path);
            assert_eq!(answer.status(), status, "{method} {path}");
            let body = answer.into_body().collect().await.expect(path).to_bytes();
            assert_eq!(!body.is_empty(), has_body && method == "GET", "{method} {path}: {body:?}");
        }
    }
}

#[tokio::test]
async fn rfc_9112_6_3_an_answer_whose_end_is_uncertain_is_502_to_a_caller_of_http2() {
    let endpoint = RawEndpoint::start(answer).await;
    let yaml = edge(endpoint.address(), "HTTP", "    retries: {attempts: 0}");
    let proxy = Proxy::start(PROXY, &yaml, GATEWAY).await;
    let mut sender = over_http2(&proxy).await;
    for (name, _) in FAULTY {
        for method in ["GET", "HEAD"] {
            let request = Request::builder().method(method).uri(format!("http://x/{name}"));
            let request = request.body(Body::empty()).unwrap();
            let (head, body) = sender.send_request(request).await.expect(name).into_parts();
            assert_eq!(head.status, 502, "{method} {name}");
            assert_eq!(head.headers["x-mesh-reason"], REASON, "{method} {name}");
            let body = body.collect().await.expect(name).to_bytes();
            assert_eq!(body.is_empty(), method == "HEAD", "{method} {name}: {body:?}");
            assert!(!body.starts_with(b"abcde"), "{method} {name}: nothing of the endpoint's");
        }
    }
}

#[tokio::test]
async fn rfc_9112_6_3_an_answer_whose_end_is_uncertain_is_an_error_in_process() {
    let endpoint = RawEndpoint::start(answer).await;
    let (documents, findings) =
        Documents::parse([("mesh.yaml", entry(HOST, "HTTP", 8080, &[endpoint.address()]))]);
    assert!(!findings.has_errors(), "{findings}");
    let client = Mesh::from_documents(documents).start().await.unwrap().client();
    for (name, _) in FAULTY {
        for method in ["GET", "HEAD"] {
            let request = Request::builder().method(method).uri(format!("http://{HOST}:8080/{name}"));
            let error = client.request(request.body(Body::empty()).unwrap()).await.expect_err(name);
            let reply = error.reply();
            assert_eq!((reply.status.as_u16(), &*reply.details), (502, REASON), "{method} {name}");
            assert!(reply.flags.to_string().contains("UPE"), "{method} {name}: {error}");
        }
    }
}

#[tokio::test]
async fn rfc_9112_6_3_an_answer_with_one_framing_is_passed_on() {
    let answers = [
        ("length", "200 OK\r\ncontent-length: 5\r\n\r\nabcde", "\r\ncontent-length: 5\r\n", "abcde"),
        (
            "chunked",
            "200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
            "\r\ntransfer-encoding: chunked\r\n",
            "5\r\nabcde\r\n0\r\n\r\n",
        ),
        ("204", "204 No Content\r\ncontent-length: 0\r\n\r\n", "", ""),
        ("304", "304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n", "", ""),
    ];
    let endpoint = RawEndpoint::start(move |request| {
        let path = request.split(' ').nth(1).unwrap().trim_start_matches('/');
        let (_, answer, ..) = answers.iter().find(|(name, ..)| *name == path).unwrap();
        let whole = format!("HTTP/1.1 {answer}");
        let end = whole.find("\r\n\r\n").unwrap() + 4;
        if request.starts_with("HEAD") { whole[..end].to_owned() } else { whole }
    })
    .await;
    let proxy = Proxy::start(PROXY, &edge(endpoint.address(), "HTTP", ""), GATEWAY).await;
    for (name, sent, framing, body) in answers {
        for method in ["GET", "HEAD"] {
            let request = format!("{method} /{name} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            let answer = exchange(proxy.address("gateway|80"), &request).await;
            let (head, came) = answer.split_once("\r\n\r\n").unwrap();
            assert_eq!(head[9..12], sent[..3], "{method} {name}");
            let is_head = method == "HEAD";
            // A HEAD need not show the framing of a GET (RFC 9110 section 9.3.2), except a known length.
            if !is_head || name == "length" {
                assert!(format!("{head}\r\n").contains(framing), "{method} {name}: {head}");
            }
            if name == "204" {
                assert!(!head.contains("content-length"), "RFC 9110 section 8.6: {head}");
            }
            assert_eq!(came, if is_head { "" } else { body }, "{method} {name}");
        }
    }
}
