//! The line for connections of one protocol to one endpoint.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::lease::Lease;
use crate::upstream::transport::DialError;

/// At most this many HTTP/2 connections to one endpoint, per worker, however many streams wait.
const MAX_HTTP2_CONNECTIONS: usize = 64;

#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) sender: oneshot::Sender<Result<Lease, DialError>>,
    /// Whether its request may be sent twice.
    pub(super) repeatable: bool,
}

#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Dials under way.
    pub(super) dialing: usize,
    /// Established connections, lent ones included.
    pub(super) open: usize,
    /// Who waits, first come first served.
    pub(super) waiters: VecDeque<Waiter>,
    /// Failed dials since the last success.
    pub(super) failures: u32,
    /// Whether a request was served since the last dial: the endpoint is in use.
    pub(super) used: bool,
    /// Whether the background task that restores the connection runs.
    pub(super) restoring: bool,
    /// The latest HTTP/2 connection allowed no stream at all; more of them would not help.
    pub(super) useless: bool,
}

impl Lane {
    /// Whether a dial is worth starting for those who wait, and for so many who come now.
    pub(super) fn wants_dial(&self, shared: bool, newcomers: usize) -> bool {
        if shared {
            self.dialing == 0 && !self.useless && self.open < MAX_HTTP2_CONNECTIONS
        } else {
            self.dialing < self.waiters.len() + newcomers
        }
    }

    /// Gives a lease to the first who still waits; back if nobody does.
    pub(super) fn hand_over(&mut self, lease: Lease) -> Option<Lease> {
        let mut lease = lease;
        while let Some(waiter) = self.waiters.pop_front() {
            match waiter.sender.send(Ok(lease)) {
                Ok(()) => return None,
                Err(Ok(back)) => lease = back,
                Err(Err(_)) => unreachable!("a lease was sent"),
            }
        }
        Some(lease)
    }

    /// Gives this error to so many of those who wait.
    pub(super) fn fail(&mut self, many: usize, error: &DialError) {
        for waiter in self.waiters.drain(..many.min(self.waiters.len())) {
            // One who has left needs no answer.
            let _ = waiter.sender.send(Err(error.clone()));
        }
    }

    /// Drops those who have stopped waiting.
    pub(super) fn forget_gone(&mut self) {
        self.waiters.retain(|waiter| !waiter.sender.is_closed());
    }
}
