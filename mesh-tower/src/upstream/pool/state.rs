//! What a pool knows, under its lock.
//!
//! What is decided under the lock begins after it: a runtime that has ended drops a task in the moment in which it
//! is spawned, and a dial that is dropped wants to tell the pool so.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, MutexGuard};

use super::dial::Dialing;
use super::http2::Http2;
use super::idle::Idle;
use super::lane::Lane;
use super::restore::Restoring;
use super::{EndpointPool, Protocol};
use crate::upstream::state::ConnectionPermit;

#[derive(Debug, Default)]
pub(super) struct State {
    /// Ready HTTP/1.1 connections.
    pub(super) idle: Idle,
    /// HTTP/2 connections that may take more streams.
    pub(super) shared: Vec<Arc<Http2>>,
    /// HTTP/1.1 connections that carry something else now.
    pub(super) tunnels: usize,
    pub(super) http1: Lane,
    pub(super) http2: Lane,
    /// To be begun when the state is unlocked.
    pub(super) due: Vec<Due>,
}

/// A task of the pool's, from within a runtime.
#[derive(Debug)]
pub(super) enum Due {
    Dial(Protocol, ConnectionPermit),
    Restore(Protocol),
}

impl State {
    pub(super) fn lane(&mut self, protocol: Protocol) -> &mut Lane {
        match protocol {
            Protocol::Http1 => &mut self.http1,
            Protocol::Http2 => &mut self.http2,
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

/// The locked state; what is [due](State::due) begins when this is dropped.
pub(super) struct Locked<'a> {
    pool: &'a Arc<EndpointPool>,
    /// There until it is dropped.
    state: Option<MutexGuard<'a, State>>,
}

impl<'a> Locked<'a> {
    pub(super) const fn new(pool: &'a Arc<EndpointPool>, state: MutexGuard<'a, State>) -> Self {
        Self { pool, state: Some(state) }
    }
}

const LOCKED: &str = "locked until it is dropped";

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        self.state.as_ref().expect(LOCKED)
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
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
