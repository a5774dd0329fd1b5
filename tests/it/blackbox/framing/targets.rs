//! Targets and authorities without a path, or with user information: 400 over either protocol.

use http::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_tests::backend::Backend;
use mesh_tests::proxy::Proxy;
use mesh_tests::raw::exchange;
use mesh_tower::Body;
use tokio::net::TcpStream;

use crate::blackbox::{GATEWAY, PROXY, edge};

async fn proxy(backend: &Backend) -> Proxy {
    Proxy::start(PROXY, &edge(backend.address(), "HTTP", ""), GATEWAY).await
}

async fn status(proxy: &Proxy, line: &str, host: &str) -> String {
    let request = format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    exchange(proxy.address("gateway|80"), &request).await.get(9..12).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn rfc_9112_3_2_a_target_without_a_path_is_400() {
    let backend = Backend::text("fine").await;
    let proxy = proxy(&backend).await;
    for line in ["GET x", "GET x:80", "POST x", "OPTIONS x", "GET *", "HEAD *", "POST *"] {
        assert_eq!(status(&proxy, line, "x").await, "400", "{line}");
    }
    assert_eq!(backend.served(), 0);
    for line in ["GET /", "GET http://x/", "GET http://x", "GET http://x?q", "OPTIONS *", "OPTIONS /"] {
        assert_eq!(status(&proxy, line, "x").await, "200", "{line}");
    }
}

#[tokio::test]
async fn rfc_9110_4_2_4_userinfo_in_an_authority_is_400() {
    let backend = Backend::text("fine").await;
    let proxy = proxy(&backend).await;
    for (line, host) in [
        ("GET /", "me@x"),
        ("GET /", "me:secret@x:80"),
        ("GET /", "@x"),
        ("GET http://me@x/", "x"),
        ("GET http://me:secret@x:80/", "x"),
    ] {
        assert_eq!(status(&proxy, line, host).await, "400", "{line} {host}");
    }
    assert_eq!(status(&proxy, "GET http://x/", "me@x").await, "200", "the target's authority stands");
    assert_eq!(backend.served(), 1);
}

#[tokio::test]
async fn rfc_9113_8_3_1_what_http2_names_is_judged_alike() {
    let backend = Backend::text("fine").await;
    let proxy = proxy(&backend).await;
    let stream = TcpStream::connect(proxy.address("gateway|80")).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let star = || http::Uri::builder().scheme("http").authority("x").path_and_query("*").build().unwrap();
    let long = "A".repeat(200);
    for (method, uri, expected) in [
        ("GET", "http://x/".parse().unwrap(), StatusCode::OK),
        ("GET", "http://me@x/".parse().unwrap(), StatusCode::BAD_REQUEST),
        ("GET", star(), StatusCode::BAD_REQUEST),
        ("OPTIONS", star(), StatusCode::OK),
        (&*long, "http://x/".parse().unwrap(), StatusCode::BAD_REQUEST),
        ("GET", "http://x/".parse().unwrap(), StatusCode::OK),
    ] {
        let request = Request::builder().method(method).uri(&uri).body(Body::empty()).unwrap();
        let answer = sender.send_request(request).await.expect("the connection goes on");
        assert_eq!(answer.status(), expected, "{method} {uri}");
    }
}
