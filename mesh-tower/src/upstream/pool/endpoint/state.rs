//! What a pool knows, under its lock.
//!
//! A task that is decided on under the lock is spawned after it: a runtime that has ended drops a task at the moment at
//! which it is spawned, and a dial that is dropped locks the pool to report it.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, MutexGuard};

use super::super::http2::Http2;
use super::super::idle::Idle;
use super::super::lane::Lane;
use super::dialing::Dialing;
use super::restore::Restoring;
use super::{EndpointPool, Lease};
use crate::upstream::state::ConnectionPermit;
use crate::upstream::transport::Protocol;

#[derive(Debug, Default)]
pub(super) struct PoolState {
    /// Ready HTTP/1.1 connections.
    pub(super) idle: Idle,
    /// HTTP/2 connections that may take more streams.
    pub(super) shared: Vec<Arc<Http2>>,
    /// HTTP/1.1 connections that have become tunnels.
    pub(super) tunnels: usize,
    pub(super) http1: Lane<Lease>,
    pub(super) http2: Lane<Lease>,
    /// To be begun when the state is unlocked.
    pub(super) due: Vec<Due>,
}

/// A task of the pool, to be spawned within a runtime.
#[derive(Debug)]
pub(super) enum Due {
    Dial(Protocol, ConnectionPermit),
    Restore(Protocol),
}

impl PoolState {
    pub(super) fn lane(&mut self, protocol: Protocol) -> &mut Lane<Lease> {
        match protocol {
            Protocol::Http1 => &mut self.http1,
            Protocol::Http2 => &mut self.http2,
        }
    }

    /// Gives a lease to the first request that still waits. Without one, an HTTP/1.1 connection becomes idle.
    pub(super) fn hand_over(&mut self, protocol: Protocol, lease: Lease) {
        let back = self.lane(protocol).hand_over(lease);
        if let Some(connection) = back.and_then(Lease::into_http1) {
            self.idle.put(connection);
        }
    }
}

impl Due {
    fn begin(self, pool: &Arc<EndpointPool>) {
        match self {
            Self::Dial(protocol, permit) => {
                tokio::spawn(Dialing::new(pool.clone(), protocol).run(permit));
            }
            Self::Restore(protocol) => {
                tokio::spawn(Restoring::new(pool, protocol).run());
            }
        }
    }
}

/// The locked state; what is [due](PoolState::due) begins when this is dropped.
pub(super) struct Locked<'a> {
    pool: &'a Arc<EndpointPool>,
    /// There until it is dropped.
    state: Option<MutexGuard<'a, PoolState>>,
}

impl<'a> Locked<'a> {
    pub(super) const fn new(pool: &'a Arc<EndpointPool>, state: MutexGuard<'a, PoolState>) -> Self {
        Self { pool, state: Some(state) }
    }
}

const LOCKED: &str = "locked until it is dropped";

impl Deref for Locked<'_> {
    type Target = PoolState;

    fn deref(&self) -> &PoolState {
        self.state.as_ref().expect(LOCKED)
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut PoolState {
        self.state.as_mut().expect(LOCKED)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let due = std::mem::take(&mut self.due);
        self.state = None;
        due.into_iter().for_each(|due| due.begin(self.pool));
    }
}
