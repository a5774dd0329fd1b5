//! Opening a connection: dial, TLS, HTTP handshake, all within the connect timeout.

use std::sync::{Arc, Weak};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mesh_core::endpoint;
use mesh_core::outcome::Reset;

use super::connection::{Facts, Http1};
use super::http2::{self, Http2};
use super::{EndpointPool, Protocol};
use crate::clock::now;
use crate::error::BoxError;
use crate::upstream::state::ConnectionPermit;
use crate::upstream::transport::{Counted, DialError, Refused};

/// How much is read ahead of what is understood: hyper's own figure, rounded; and what is besides a head.
const READ_AHEAD: usize = 400 * 1024;
const SLACK: usize = 8 * 1024;

pub(super) enum Connection {
    Http1(Http1),
    Http2(Arc<Http2>),
}

/// A dial under way, of which the pool learns how it ended: one that breaks off, because its task panicked or its
/// runtime ended, has failed.
pub(super) struct Dialing {
    pool: Arc<EndpointPool>,
    protocol: Protocol,
    told: bool,
}

impl Dialing {
    /// The pool has counted it.
    pub(super) const fn new(pool: Arc<EndpointPool>, protocol: Protocol) -> Self {
        Self { pool, protocol, told: false }
    }

    pub(super) async fn run(mut self, permit: ConnectionPermit) {
        let outcome = dial(&self.pool, self.protocol, permit).await;
        self.told = true;
        self.pool.dialled(self.protocol, outcome);
    }
}

impl Drop for Dialing {
    fn drop(&mut self) {
        if !self.told {
            let source = Arc::new("the dial broke off".into());
            self.pool.dialled(self.protocol, Err(DialError { reset: Reset::ConnectFailure, source }));
        }
    }
}

async fn dial(
    endpoint: &Arc<EndpointPool>,
    protocol: Protocol,
    permit: ConnectionPermit,
) -> Result<Connection, DialError> {
    let limit = endpoint.policy().circuit.connect_timeout;
    let target = endpoint.target();
    match tokio::time::timeout(limit, open(endpoint, &target, protocol, permit)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(source)) => Err(DialError { reset: Reset::ConnectFailure, source: Arc::new(source) }),
        Err(_) => Err(DialError {
            reset: Reset::ConnectTimeout,
            source: Arc::new(format!("no connection to {} within {limit:?}", target.address).into()),
        }),
    }
}

async fn open(
    endpoint: &Arc<EndpointPool>,
    target: &Arc<endpoint::Endpoint>,
    protocol: Protocol,
    permit: ConnectionPermit,
) -> Result<Connection, BoxError> {
    let circuit = &endpoint.policy().circuit;
    let stream = endpoint
        .connector()
        .connect(&target.address, circuit.tcp_keepalive.as_ref())
        .await
        .map_err(|error| Refused { address: target.address.to_string(), source: error })?;
    let local = stream.local_addr();
    let stream = endpoint.secure(stream, protocol).await?;
    match protocol {
        Protocol::Http1 => {
            let (io, written) = Counted::new(stream);
            let limit = endpoint.policy().circuit.max_fields.bytes();
            let mut http = http1::Builder::new();
            // The parser looks at what is buffered: a head of the largest size must fit.
            http.max_header_size(limit).max_buf_size(limit.max(READ_AHEAD) + SLACK);
            let (mut sender, connection) = http.handshake(TokioIo::new(io)).await?;
            let ended = Ended::of(endpoint, Protocol::Http1);
            let task = tokio::spawn(async move {
                let _ended = ended;
                // An error reaches the request that met it; between requests it is just a close.
                let _ = connection.with_upgrades().await;
            });
            // Ready once its task has been polled; before that it would look like a dead one.
            sender.ready().await?;
            let facts = Facts { target: target.clone(), local, since: now(), _permit: permit };
            Ok(Connection::Http1(Http1::new(sender, task, written, facts)))
        }
        Protocol::Http2 => {
            Ok(Connection::Http2(Arc::new(http2::open(endpoint, target, stream, permit).await?)))
        }
    }
}

/// Tells the pool that a connection's task is over, however it ended.
pub(super) struct Ended {
    owner: Weak<EndpointPool>,
    protocol: Protocol,
}

impl Ended {
    pub(super) fn of(endpoint: &Arc<EndpointPool>, protocol: Protocol) -> Self {
        endpoint.connection_begun(protocol);
        Self { owner: Arc::downgrade(endpoint), protocol }
    }

    /// The peer allows more streams than before.
    pub(super) fn has_room(&self) {
        if let Some(endpoint) = self.owner.upgrade() {
            endpoint.room_was_made();
        }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(endpoint) = self.owner.upgrade() {
            endpoint.connection_ended(self.protocol);
        }
    }
}
