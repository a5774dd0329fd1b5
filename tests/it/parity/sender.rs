//! The caller of a proxy.

use http::Response;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::request::Outgoing;

/// A caller's connection, which ends with this.
pub(super) struct Sender {
    protocol: Protocol,
    _connection: JoinSet<()>,
}

enum Protocol {
    One(http1::SendRequest<Outgoing>),
    Two(http2::SendRequest<Outgoing>),
}

impl Sender {
    pub(super) async fn connect(address: std::net::SocketAddr, http2: bool) -> Self {
        let stream = TokioIo::new(TcpStream::connect(address).await.expect("the proxy listens"));
        let mut running = JoinSet::new();
        let protocol = if http2 {
            let (sender, connection) =
                http2::handshake(TokioExecutor::new(), stream).await.expect("a handshake");
            running.spawn(async { drop(connection.await) });
            Protocol::Two(sender)
        } else {
            let (sender, connection) = http1::handshake(stream).await.expect("a handshake");
            running.spawn(async { drop(connection.await) });
            Protocol::One(sender)
        };
        Self { protocol, _connection: running }
    }

    pub(super) async fn is_ready(&mut self) -> bool {
        match &mut self.protocol {
            Protocol::One(sender) => sender.ready().await.is_ok(),
            Protocol::Two(sender) => sender.ready().await.is_ok(),
        }
    }

    pub(super) async fn send(&mut self, request: http::Request<Outgoing>) -> Response<Incoming> {
        let answer = match &mut self.protocol {
            Protocol::One(sender) => sender.send_request(request).await,
            Protocol::Two(sender) => sender.send_request(request).await,
        };
        answer.expect("the proxy answers")
    }

    /// Whether the connection lives on after the caller gives up a response: HTTP/1.1 can only close it.
    pub(super) fn outlives_a_response(&self) -> bool {
        matches!(self.protocol, Protocol::Two(_))
    }
}
