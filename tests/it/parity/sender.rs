//! The caller of a proxy.

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// A caller's connection.
pub(super) enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Sender {
    pub(super) async fn connect(address: std::net::SocketAddr, http2: bool) -> Self {
        let stream = TokioIo::new(TcpStream::connect(address).await.expect("the proxy listens"));
        if http2 {
            let (sender, connection) =
                http2::handshake(TokioExecutor::new(), stream).await.expect("a handshake");
            tokio::spawn(connection);
            return Self::Two(sender);
        }
        let (sender, connection) = http1::handshake(stream).await.expect("a handshake");
        tokio::spawn(connection);
        Self::One(sender)
    }

    pub(super) async fn is_ready(&mut self) -> bool {
        match self {
            Self::One(sender) => sender.ready().await.is_ok(),
            Self::Two(sender) => sender.ready().await.is_ok(),
        }
    }

    pub(super) async fn send(&mut self, request: http::Request<Full<Bytes>>) -> Response<Incoming> {
        let answer = match self {
            Self::One(sender) => sender.send_request(request).await,
            Self::Two(sender) => sender.send_request(request).await,
        };
        answer.expect("the proxy answers")
    }
}
