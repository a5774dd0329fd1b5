//! How a request gets a connection, and gives it back.
//!
//! What is ready is lent at once; else the request stands in line, and whatever comes free or is newly dialled
//! goes to the first in line that can use it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use super::connection::Http1;
use super::http2::StreamPermit;
use super::lane::Waiter;
use super::lease::Lease;
use super::state::State;
use super::{EndpointPool, Protocol};
use crate::clock::now;
use crate::upstream::transport::DialError;

/// From here on the line is cleared of those who have left, when they are most of it.
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
    /// A connection for one request: ready, newly dialled, or waited for. For one that is not `repeatable`
    /// it is none that may be closed on the way (see `Idle::take`).
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
                // A stream may have ended since room was looked for. Whoever ends one makes room, then looks for
                // those who wait; who waits says so, then looks for room: in one order of all (`SeqCst`), one
                // of the two sees the other.
                self.lend(&mut state, protocol);
            }
            (waiting, pending)
        };
        receiver.wait().await.map_err(CheckoutError::Dial)
    }

    /// A response ended, or was dropped: its stream's place may serve one who waits.
    pub(super) fn stream_ended(self: &Arc<Self>) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut state = self.lock();
        self.serve_waiters(&mut state);
    }

    /// A peer allows more streams than before.
    pub(super) fn room_was_made(self: &Arc<Self>) {
        let mut state = self.lock();
        state.http2.useless = false;
        self.serve_waiters(&mut state);
    }

    /// An HTTP/1.1 connection is ready for another request.
    pub(super) fn give_back(self: &Arc<Self>, mut connection: Box<Http1>) {
        connection.idle_since = now();
        let mut state = self.lock();
        state.idle.returned(&mut connection);
        let lease = Lease::http1(self, connection);
        let back = if state.http1.waiters.is_empty() { Some(lease) } else { state.http1.hand_over(lease) };
        if let Some(connection) = back.and_then(Lease::into_http1) {
            state.idle.put(connection);
        }
    }

    /// An HTTP/1.1 connection was lent in vain: it is as it was before.
    pub(super) fn take_back(self: &Arc<Self>, mut connection: Box<Http1>) {
        connection.waited = Duration::ZERO;
        let mut state = self.lock();
        state.idle.put(connection);
        self.lend(&mut state, Protocol::Http1);
    }

    fn ready(self: &Arc<Self>, state: &mut State, protocol: Protocol, repeatable: bool) -> Option<Lease> {
        let lease = match protocol {
            Protocol::Http1 => loop {
                let connection = state.idle.take(repeatable)?;
                // It may have grown old while it was idle. Dropping it ends it in good order.
                if !self.is_too_old(connection.facts.since) {
                    break Lease::http1(self, connection);
                }
            },
            Protocol::Http2 => Lease::http2(self, self.least_loaded(state)?),
        };
        state.lane(protocol).used = true;
        Some(lease)
    }

    fn least_loaded(&self, state: &mut State) -> Option<StreamPermit> {
        let cap = usize::try_from(self.policy().circuit.max_concurrent_streams).unwrap_or(usize::MAX);
        // What grew old lives on in its streams' permits.
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

    pub(super) fn serve_waiters(self: &Arc<Self>, state: &mut State) {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            if self.lend(state, protocol) {
                self.try_dial(state, protocol, 0);
            }
        }
    }

    /// Lends what is ready to those who wait; whether somebody still does.
    fn lend(self: &Arc<Self>, state: &mut State, protocol: Protocol) -> bool {
        while let Some(first) = state.lane(protocol).waiters.front() {
            let repeatable = first.repeatable;
            let Some(lease) = self.ready(state, protocol, repeatable) else { return true };
            // Back if nobody is left to take it.
            let back = state.lane(protocol).hand_over(lease);
            if let Some(connection) = back.and_then(Lease::into_http1) {
                state.idle.put(connection);
            }
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
