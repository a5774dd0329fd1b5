//! Data that a caller sends correctly and its endpoint does not read.

use std::net::SocketAddr;

use http::{Method, Response};
use mesh_tests::http2::{Caller, END_HEADERS, END_STREAM, frame, kind, request};
use tokio::net::TcpListener;

use super::super::gateway;

/// The most unread bytes of one stream.
const STREAM_WINDOW: usize = 256 * 1024;

/// An HTTP/2 server that answers requests without a body, and never reads the body of others.
async fn endpoint() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut unread = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                if request.method() == Method::POST {
                    unread.push((request, respond));
                } else {
                    respond.send_response(Response::new(()), true).unwrap();
                }
            }
        }
    });
    address
}

/// `h2` counts each frame of a few bytes that waits unread as 256 bytes of overhead.
#[tokio::test]
async fn small_messages_that_their_endpoint_does_not_read_leave_the_connection_open() {
    let proxy = gateway(endpoint().await, "HTTP2", "").await;
    let mut caller = Caller::connect(proxy.address("gateway|80")).await;
    let before = proxy.own_memory();
    // The caller waits until there is room for them.
    caller.until(kind::WINDOW_UPDATE, 0).await.expect("the connection's window");
    caller.send(&frame(kind::HEADERS, END_HEADERS, 1, &request("POST", &[]))).await;
    let message = [7; 15];
    caller.send(&frame(kind::DATA, 0, 1, &message).repeat(STREAM_WINDOW / message.len())).await;
    caller.send(&frame(kind::HEADERS, END_STREAM | END_HEADERS, 3, &request("GET", &[]))).await;
    caller.until(kind::HEADERS, 3).await.expect("the connection lives, and its other streams");
    let grown = proxy.own_memory().saturating_sub(before);
    assert!(grown < 8 << 20, "{} KiB for one stream that stands still", grown >> 10);
}
