//! Asks a service through the proxy, over one connection that is opened again when it breaks.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mesh_benches::documents::REVISION;
use tokio::net::TcpStream;

use crate::backend::VERSION;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The parts of a correct answer that depend on the configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    /// The version of the endpoint.
    pub(crate) version: String,
    /// The revision that the route sets in a header.
    pub(crate) revision: Option<String>,
}

/// The caller of the proxy.
#[derive(Debug)]
pub(crate) struct Caller {
    proxy: SocketAddr,
    connection: Option<http1::SendRequest<Empty<Bytes>>>,
}

impl Caller {
    /// Not connected yet.
    pub(crate) const fn new(proxy: SocketAddr) -> Self {
        Self { proxy, connection: None }
    }

    /// Asks the service of this host once; any answer but a right one is an error.
    pub(crate) async fn ask(&mut self, host: &str) -> anyhow::Result<Answer> {
        let outcome = tokio::time::timeout(LIMIT, self.exchange(host)).await.context("no answer").flatten();
        if outcome.is_err() {
            self.connection = None;
        }
        outcome
    }

    async fn exchange(&mut self, host: &str) -> anyhow::Result<Answer> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(connect(self.proxy).await?),
        };
        connection.ready().await?;
        let request = Request::get("/").header("host", host).header("user-agent", "config-bench");
        let (head, body) = connection.send_request(request.body(Empty::new())?).await?.into_parts();
        body.collect().await?;
        anyhow::ensure!(head.status == StatusCode::OK, "status {}", head.status);
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let version = header(VERSION).context("the answer is not our server's")?;
        Ok(Answer { version, revision: header(REVISION) })
    }
}

async fn connect(proxy: SocketAddr) -> anyhow::Result<http1::SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(proxy).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
