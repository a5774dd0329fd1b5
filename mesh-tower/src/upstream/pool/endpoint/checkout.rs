//! How a request gets a connection.
//!
//! What is ready is lent at once; else the request stands in line, and a connection that comes free or is newly dialled
//! goes to the first in line that can use it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

use super::super::http2::StreamPermit;
use super::super::lane::Waiter;
use super::super::lease::Lender as _;
use super::state::PoolState;
use super::{EndpointPool, Lease};
use crate::upstream::transport::{DialError, Protocol};

/// In a longer line, requests that were given up are taken out when they are most of it.
const MANY_WAITERS: usize = 32;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum CheckoutError {
    /// A circuit limit (CB-5).
    Overflow,
    /// The dial failed.
    Dial(DialError),
}

impl EndpointPool {
    /// A connection for one request: ready, newly dialled, or waited for. A request that is not `repeatable` gets
    /// no idle connection that the endpoint may be about to close (see `Idle::take`).
    pub(crate) async fn checkout(
        self: &Arc<Self>,
        protocol: Protocol,
        repeatable: bool,
    ) -> Result<Lease, CheckoutError> {
        let (receiver, _pending) = {
            let mut state = self.lock();
            if let Some(lease) = self.ready(&mut state, protocol, repeatable) {
                return Ok(lease);
            }
            let dialled = self.try_dial(&mut state, protocol, 1);
            let pending = if dialled { None } else { Some(self.cluster.try_pending()) };
            if matches!(pending, Some(None)) {
                return Err(CheckoutError::Overflow);
            }
            let (sender, receiver) = oneshot::channel();
            let lane = state.lane(protocol);
            if lane.waiters.len() > MANY_WAITERS + 2 * self.waiting.load(Ordering::Relaxed) {
                lane.forget_gone();
            }
            lane.waiters.push_back(Waiter { sender, repeatable });
            self.waiting.fetch_add(1, Ordering::SeqCst);
            let waiting = Waiting { receiver, waiting: &self.waiting };
            if protocol == Protocol::Http2 {
                // A stream may have ended since this request looked for room. A finishing stream frees its place,
                // then reads `waiting`; a request counts itself in `waiting`, then looks for room. All four are in
                // one order (`SeqCst`): so one of the two sees the other.
                self.lend(&mut state, protocol);
            }
            (waiting, pending)
        };
        receiver.wait().await.map_err(CheckoutError::Dial)
    }

    fn ready(self: &Arc<Self>, state: &mut PoolState, protocol: Protocol, repeatable: bool) -> Option<Lease> {
        let lease = match protocol {
            Protocol::Http1 => loop {
                let connection = state.idle.take(repeatable)?;
                // It may have grown too old while it was idle. Dropping it ends it gracefully.
                if !self.is_too_old(connection.facts.since) {
                    break Lease::http1(self, connection);
                }
            },
            Protocol::Http2 => Lease::http2(self, self.least_loaded(state)?),
        };
        state.lane(protocol).used = true;
        Some(lease)
    }

    fn least_loaded(&self, state: &mut PoolState) -> Option<StreamPermit<Lease>> {
        let cap = usize::try_from(self.policy().circuit.max_concurrent_streams).unwrap_or(usize::MAX);
        // A connection that is too old lives on in its streams' permits.
        state.shared.retain(|connection| !self.is_too_old(connection.facts.since));
        let best = state
            .shared
            .iter()
            .filter(|connection| connection.has_room(cap))
            .min_by_key(|connection| connection.streams());
        let permit = best.map(StreamPermit::take)?;
        let served = permit.connection.served.load(Ordering::Relaxed);
        if self.has_served_enough(u32::try_from(served).unwrap_or(u32::MAX)) {
            permit.connection.draining.store(true, Ordering::Relaxed);
        }
        // A draining connection lives on in its streams' permits.
        state.shared.retain(|connection| !connection.draining.load(Ordering::Relaxed));
        Some(permit)
    }

    /// Lends what is ready, and dials for the requests that are still in line.
    pub(super) fn serve_waiters(self: &Arc<Self>, state: &mut PoolState) {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            if self.lend(state, protocol) {
                self.try_dial(state, protocol, 0);
            }
        }
    }

    /// Lends what is ready to the requests in line; whether any is left there.
    pub(super) fn lend(self: &Arc<Self>, state: &mut PoolState, protocol: Protocol) -> bool {
        while let Some(first) = state.lane(protocol).waiters.front() {
            let repeatable = first.repeatable;
            let Some(lease) = self.ready(state, protocol, repeatable) else { return true };
            state.hand_over(protocol, lease);
        }
        false
    }
}

/// Counts itself out however the wait ends.
struct Waiting<'a> {
    receiver: oneshot::Receiver<Result<Lease, DialError>>,
    waiting: &'a AtomicUsize,
}

impl Waiting<'_> {
    async fn wait(mut self) -> Result<Lease, DialError> {
        (&mut self.receiver).await.expect("a waiter is answered before its sender is dropped")
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
