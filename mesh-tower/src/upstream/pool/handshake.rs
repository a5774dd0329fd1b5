//! Opening a connection: connect, TLS, HTTP handshake. The caller bounds the time.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mesh_core::circuit::CircuitPolicy;
use mesh_core::endpoint::Endpoint;

use super::connection::{Facts, Lifeline};
use super::http1::Http1;
use super::http2::{self, Http2};
use crate::clock::now;
use crate::error::BoxError;
use crate::upstream::state::ConnectionPermit;
use crate::upstream::transport::{ClientTls, Connect, Counted, Protocol, Refused, Stream};

/// How many bytes are read before they are parsed: hyper's own figure, rounded.
const READ_AHEAD: usize = 400 * 1024;
/// Room for what may stand in the buffer besides the largest head.
const SLACK: usize = 8 * 1024;

/// An open connection, of which the handshake is done.
pub(super) enum Connection {
    Http1(Http1),
    Http2(Arc<Http2>),
}

/// What a connection is opened to, and how.
pub(super) struct Dial<'a> {
    pub(super) target: &'a Arc<Endpoint>,
    pub(super) protocol: Protocol,
    pub(super) circuit: &'a CircuitPolicy,
    pub(super) connector: &'a dyn Connect,
    pub(super) tls: Option<&'a ClientTls>,
    pub(super) permit: ConnectionPermit,
}

impl Dial<'_> {
    /// Opens the connection. Its task holds what `begin` returns; `begin` is called just before that task starts,
    /// and not at all if the dial fails earlier.
    pub(super) async fn open<L: Lifeline>(
        self,
        begin: impl FnOnce() -> L + Send,
    ) -> Result<Connection, BoxError> {
        let (stream, local) = self.stream().await?;
        let Self { target, protocol, circuit, permit, .. } = self;
        match protocol {
            Protocol::Http1 => {
                let (io, written) = Counted::new(stream);
                let limit = circuit.max_fields.bytes();
                let mut http = http1::Builder::new();
                // The parser looks at what is buffered: a head of the largest size must fit.
                http.max_header_size(limit).max_buf_size(limit.max(READ_AHEAD) + SLACK);
                let (mut sender, connection) = http.handshake(TokioIo::new(io)).await?;
                let lifeline = begin();
                let task = tokio::spawn(async move {
                    let _lifeline = lifeline;
                    // An error reaches the request that met it; between requests it is just a close.
                    let _ = connection.with_upgrades().await;
                });
                // Ready once its task has been polled; before that it would look like a dead one.
                sender.ready().await?;
                let facts = Facts { target: target.clone(), local, since: now(), _permit: permit };
                Ok(Connection::Http1(Http1::new(sender, task, written, facts)))
            }
            Protocol::Http2 => {
                let connection = http2::open(circuit, target, stream, local, permit, begin).await?;
                Ok(Connection::Http2(Arc::new(connection)))
            }
        }
    }

    /// The byte stream, secured where TLS is spoken, and our address on it.
    async fn stream(&self) -> Result<(Stream, Option<SocketAddr>), BoxError> {
        let address = &self.target.address;
        let stream = self
            .connector
            .connect(address, self.circuit.tcp_keepalive.as_ref())
            .await
            .map_err(|error| Refused { address: address.to_string(), source: error })?;
        let local = stream.local_addr();
        let stream = match self.tls {
            None => stream,
            Some(tls) => tls.handshake(stream, self.protocol).await?,
        };
        Ok((stream, local))
    }
}
