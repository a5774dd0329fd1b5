//! A dial under way, and the connection that it opened: each reports its end to the pool.

use std::sync::{Arc, Weak};

use mesh_core::outcome::Reset;

use super::super::connection::Lifeline;
use super::super::handshake::{Connection, Dial};
use super::EndpointPool;
use crate::upstream::state::ConnectionPermit;
use crate::upstream::transport::{DialError, Protocol};

/// A dial under way. One that breaks off, because its task panicked or its runtime ended, has failed.
pub(super) struct Dialing {
    pool: Arc<EndpointPool>,
    protocol: Protocol,
    reported: bool,
}

impl Dialing {
    /// The pool has counted it.
    pub(super) const fn new(pool: Arc<EndpointPool>, protocol: Protocol) -> Self {
        Self { pool, protocol, reported: false }
    }

    /// Dials, within the connect timeout (CB-2).
    pub(super) async fn run(mut self, permit: ConnectionPermit) {
        let outcome = self.dial(permit).await;
        self.reported = true;
        self.pool.dialled(self.protocol, outcome);
    }

    async fn dial(&self, permit: ConnectionPermit) -> Result<Connection, DialError> {
        let Self { pool, protocol, .. } = self;
        let circuit = &pool.policy().circuit;
        let (limit, target) = (circuit.connect_timeout, pool.target());
        let dial = Dial {
            target: &target,
            protocol: *protocol,
            circuit,
            connector: &*pool.connector,
            tls: pool.tls.as_ref(),
            permit,
        };
        match tokio::time::timeout(limit, dial.open(|| OpenConnection::of(pool, *protocol))).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(source)) => Err(DialError { reset: Reset::ConnectFailure, source: Arc::new(source) }),
            Err(_) => Err(DialError {
                reset: Reset::ConnectTimeout,
                source: Arc::new(format!("no connection to {} within {limit:?}", target.address).into()),
            }),
        }
    }
}

impl Drop for Dialing {
    fn drop(&mut self) {
        if !self.reported {
            let source = Arc::new("the dial broke off".into());
            self.pool.dialled(self.protocol, Err(DialError { reset: Reset::ConnectFailure, source }));
        }
    }
}

/// Counts a connection as open until its task is over, however that ends.
struct OpenConnection {
    owner: Weak<EndpointPool>,
    protocol: Protocol,
}

impl OpenConnection {
    fn of(pool: &Arc<EndpointPool>, protocol: Protocol) -> Self {
        pool.connection_begun(protocol);
        Self { owner: Arc::downgrade(pool), protocol }
    }
}

impl Lifeline for OpenConnection {
    fn room_was_made(&self) {
        if let Some(pool) = self.owner.upgrade() {
            pool.room_was_made();
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        if let Some(pool) = self.owner.upgrade() {
            pool.connection_ended(self.protocol);
        }
    }
}
