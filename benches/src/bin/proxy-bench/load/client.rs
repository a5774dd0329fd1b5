//! One client of the load generator: sends the scenario's request, checks the answer.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::scenario::{
    FLAKY_PATH, GRPC_PATH, HOST, PLAIN_PATH, REQUEST_ID_SEEN, Scenario, grpc_message, plain_body,
};

/// A request and its right answer.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    scenario: Scenario,
    uri: Uri,
    /// The message of a gRPC call.
    message: Option<Bytes>,
    answer: Bytes,
}

impl Expected {
    /// Those of `scenario`.
    pub(crate) fn of(scenario: Scenario) -> Self {
        let path = if scenario.is_grpc() { GRPC_PATH } else { PLAIN_PATH };
        let uri = if scenario.is_http2() { format!("http://{HOST}{path}") } else { path.to_owned() };
        let message = scenario.is_grpc().then(grpc_message);
        let answer = message.clone().unwrap_or_else(plain_body);
        Self { scenario, uri: uri.try_into().expect("a valid address"), message, answer }
    }

    /// Those of a request that is answered with success only if the proxy retries.
    pub(crate) fn retried(scenario: Scenario) -> Self {
        let plain = Self::of(scenario.plain());
        let uri =
            if scenario.is_http2() { format!("http://{HOST}{FLAKY_PATH}") } else { FLAKY_PATH.to_owned() };
        Self { message: None, uri: uri.try_into().expect("a valid address"), answer: Bytes::new(), ..plain }
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::builder().uri(self.uri.clone());
        if self.message.is_some() {
            request =
                request.method("POST").header("content-type", "application/grpc").header("te", "trailers");
        }
        if !self.scenario.is_http2() {
            request = request.header("host", HOST);
        }
        let request = request.header("user-agent", "proxy-bench");
        request.body(Full::new(self.message.clone().unwrap_or_default())).expect("a valid request")
    }

    async fn check(&self, response: Response<Incoming>) -> anyhow::Result<()> {
        let (head, body) = response.into_parts();
        let body = body.collect().await?;
        anyhow::ensure!(head.status == StatusCode::OK, "status {}", head.status);
        if self.scenario.has_mesh_features() {
            anyhow::ensure!(head.headers.contains_key(REQUEST_ID_SEEN), "the proxy gave the request no id");
        }
        if self.message.is_some() {
            let status = body.trailers().and_then(|trailers| trailers.get("grpc-status"));
            anyhow::ensure!(
                status.is_some_and(|status| status == "0"),
                "gRPC status in trailers: {status:?}"
            );
        }
        anyhow::ensure!(body.to_bytes() == self.answer, "the body is not the backend's");
        Ok(())
    }
}

/// A connection, or one stream of it.
#[derive(Debug)]
pub(crate) enum Client {
    /// The connection is this client's alone.
    Http1(http1::SendRequest<Full<Bytes>>),
    /// Shared with other clients.
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    /// Opens a connection.
    pub(crate) async fn connect(target: SocketAddr, scenario: Scenario) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(target).await?;
        stream.set_nodelay(true)?;
        let stream = TokioIo::new(stream);
        if scenario.is_http2() {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            Ok(Self::Http2(sender))
        } else {
            let (sender, connection) = http1::handshake(stream).await?;
            tokio::spawn(connection);
            Ok(Self::Http1(sender))
        }
    }

    /// Another client on the same connection, where the protocol allows it.
    pub(crate) fn another_stream(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(sender) => Some(Self::Http2(sender.clone())),
        }
    }

    /// Sends the request once and checks the answer.
    pub(crate) async fn ask(&mut self, expected: &Expected) -> anyhow::Result<()> {
        let response = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(expected.request()).await?
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(expected.request()).await?
            }
        };
        expected.check(response).await
    }
}
