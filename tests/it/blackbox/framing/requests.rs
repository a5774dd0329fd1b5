//! Requests that two readers could split differently: 400, and the proxy reads no more from their connection.

use mesh_tests::backend::Backend;
use mesh_tests::proxy::Proxy;
use mesh_tests::raw::{RawEndpoint, exchange};

use crate::blackbox::{GATEWAY, PROXY, edge};

/// The bytes that a reader takes for the next request if it ends this one too early.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn proxy(backend: &Backend) -> Proxy {
    Proxy::start(PROXY, &edge(backend.address(), "HTTP", ""), GATEWAY).await
}

/// Sends the request and another after it: one answer with this status, then the end.
async fn refused(proxy: &Proxy, request: &str, status: &str) -> String {
    let answer = exchange(proxy.address("gateway|80"), &format!("{request}{SMUGGLED}")).await;
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer:?}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{request:?}: {answer:?}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{request:?}: {answer:?}");
    answer
}

#[tokio::test]
async fn rfc_9112_6_1_transfer_codings_other_than_one_chunked_are_refused_and_the_connection_closes() {
    let backend = Backend::text("fine").await;
    let proxy = proxy(&backend).await;
    for (fields, status) in [
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked", "400"),
        ("transfer-encoding: identity\r\ntransfer-encoding: chunked", "400"),
        ("transfer-encoding: \r\ntransfer-encoding: chunked", "400"),
        ("transfer-encoding: , chunked", "400"),
        ("transfer-encoding: chunked,", "400"),
        ("transfer-encoding: chunked, , chunked", "400"),
        ("transfer-encoding: gzip", "400"),
        // As Envoy does, and as RFC 9112 section 6.1 asks for an unknown coding.
        ("transfer-encoding: chunked, chunked", "501"),
        ("transfer-encoding: gzip, chunked", "501"),
    ] {
        let mut framings = vec![fields.to_owned(), format!("{fields}\r\ncontent-length: 3")];
        framings.push(format!("content-length: 3\r\n{fields}"));
        for framing in framings {
            let request = format!("POST / HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
            refused(&proxy, &request, status).await;
        }
    }
    assert_eq!(backend.served(), 0);
}

/// RFC 9112 section 6.3: the length is ignored and not passed on; the connection ends with the answer.
#[tokio::test]
async fn rfc_9112_6_3_a_length_beside_chunked_goes_and_the_connection_closes() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let mut endpoint = RawEndpoint::start(|_| answer.to_owned()).await;
    let proxy = Proxy::start(PROXY, &edge(endpoint.address(), "HTTP", ""), GATEWAY).await;
    for framing in
        ["content-length: 3\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 3"]
    {
        let request = format!("POST / HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n4\r\nabcd\r\n0\r\n\r\n");
        refused(&proxy, &request, "200").await;
        let request = endpoint.next().await;
        assert!(
            request.contains("transfer-encoding: chunked") && !request.contains("content-length"),
            "{request}"
        );
        assert!(request.ends_with("\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"), "{request}");
    }
    assert!(endpoint.is_idle());
}

#[tokio::test]
async fn a_refused_connect_ends_its_connection() {
    let backend = Backend::text("fine").await;
    let proxy = proxy(&backend).await;
    refused(&proxy, "CONNECT x:443 HTTP/1.1\r\nhost: x:443\r\n\r\n", "405").await;
    assert_eq!(backend.served(), 0);
}

#[tokio::test]
async fn a_method_longer_than_any_is_refused() {
    let backend = Backend::text("fine").await;
    let proxy = proxy(&backend).await;
    for length in [33, 200, 9_000] {
        let method = "A".repeat(length);
        refused(&proxy, &format!("{method} / HTTP/1.1\r\nhost: x\r\n\r\n"), "400").await;
    }
    assert_eq!(backend.served(), 0);
    let longest = "UPDATEREDIRECTREF / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = exchange(proxy.address("gateway|80"), longest).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "of those that are registered: {answer}");
}

/// A request without a readable head has no line in the access log, but it is counted.
#[tokio::test]
async fn requests_that_cannot_be_read_are_counted() {
    let backend = Backend::text("fine").await;
    let proxy = proxy(&backend).await;
    let large = format!("GET / HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n", "v".repeat(70 << 10));
    for (request, status) in [("GET / HTTP/1.1\r\nno field\r\n\r\n", "400"), (&large, "431")] {
        refused(&proxy, request, status).await;
    }
    let metric = "\nenvoy_http_downstream_cx_protocol_error 2\n";
    proxy.until("/stats/prometheus", |_, text| text.contains(metric)).await;
}
