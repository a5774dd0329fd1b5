//! The line for connections of one protocol to one endpoint.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use crate::upstream::transport::DialError;

/// At most this many HTTP/2 connections to one endpoint, per worker, however many streams wait.
const MAX_HTTP2_CONNECTIONS: usize = 64;

/// One request in line.
#[derive(Debug)]
pub(super) struct Waiter<L> {
    pub(super) sender: oneshot::Sender<Result<L, DialError>>,
    /// Whether its request may be sent twice.
    pub(super) repeatable: bool,
}

/// The line, and what decides whether another connection is dialled for it; `L` is a lent connection.
#[derive(Debug)]
pub(super) struct Lane<L> {
    /// Dials under way.
    pub(super) dialing: usize,
    /// Established connections, lent ones included.
    pub(super) open: usize,
    /// Requests that wait, first come first served.
    pub(super) waiters: VecDeque<Waiter<L>>,
    /// Failed dials since the last success.
    pub(super) failures: u32,
    /// Whether a request was served since the last dial: the endpoint is in use.
    pub(super) used: bool,
    /// Whether the background task that restores the connection runs.
    pub(super) restoring: bool,
    /// The latest HTTP/2 connection allowed no stream at all; more of them would not help.
    pub(super) useless: bool,
}

// Not derived: that would ask it of `L`.
impl<L> Default for Lane<L> {
    fn default() -> Self {
        Self {
            dialing: 0,
            open: 0,
            waiters: VecDeque::new(),
            failures: 0,
            used: false,
            restoring: false,
            useless: false,
        }
    }
}

impl<L> Lane<L> {
    /// Whether a dial is worth starting for the requests that wait, and for `newcomers` more.
    pub(super) fn wants_dial(&self, shared: bool, newcomers: usize) -> bool {
        if shared {
            self.dialing == 0 && !self.useless && self.open < MAX_HTTP2_CONNECTIONS
        } else {
            self.dialing < self.waiters.len() + newcomers
        }
    }

    /// Gives a lease to the first request that still waits; returns it if none does.
    pub(super) fn hand_over(&mut self, lease: L) -> Option<L> {
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

    /// Gives this error to the first `many` requests in line.
    pub(super) fn fail(&mut self, many: usize, error: &DialError) {
        for waiter in self.waiters.drain(..many.min(self.waiters.len())) {
            // A request that was given up needs no answer.
            let _ = waiter.sender.send(Err(error.clone()));
        }
    }

    /// Takes requests that were given up out of the line.
    pub(super) fn forget_gone(&mut self) {
        self.waiters.retain(|waiter| !waiter.sender.is_closed());
    }
}
