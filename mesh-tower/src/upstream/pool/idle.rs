//! The idle HTTP/1.1 connections to one endpoint.

use std::time::{Duration, Instant};

use mesh_core::circuit::IdleLimit;

use super::http1::Http1;
use crate::clock::now;

/// Ready connections, and how long the endpoint keeps them, as their ends have shown.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// The latest used last: it is the likeliest to be alive.
    #[expect(clippy::vec_box, reason = "moved in and out of leases whole")]
    connections: Vec<Box<Http1>>,
    idle_limit: IdleLimit,
}

impl Idle {
    /// A connection has served a request; the caller puts it back or lends it on.
    pub(super) fn returned(&mut self, connection: &mut Http1) {
        self.idle_limit.served(std::mem::take(&mut connection.waited));
        if let Some(timeout) = connection.announced.take() {
            self.idle_limit.announced(timeout);
        }
    }

    pub(super) fn put(&mut self, connection: Box<Http1>) {
        let earlier = self.connections.iter().rposition(|other| other.idle_since <= connection.idle_since);
        self.connections.insert(earlier.map_or(0, |last| last + 1), connection);
    }

    /// An open connection. A request that must not be sent twice gets none whose time is nearly up: the endpoint
    /// might close it before it has seen the request, and we could not know whether it had.
    pub(super) fn take(&mut self, repeatable: bool) -> Option<Box<Http1>> {
        while let Some(mut connection) = self.connections.pop() {
            if !connection.is_open() {
                self.idle_limit.closed(idle(&connection, now()));
                continue;
            }
            if self.idle_limit.is_known() {
                connection.waited = idle(&connection, now());
                if !repeatable && !self.idle_limit.trusts(connection.waited) {
                    // All others have been idle for longer. They stay for requests that may be sent twice, and
                    // to show when the endpoint closes them.
                    self.connections.push(connection);
                    return None;
                }
            }
            return Some(connection);
        }
        None
    }

    /// Takes out the one that has been idle for longest, to be closed.
    pub(super) fn give_up(&mut self) -> Option<Box<Http1>> {
        if self.connections.is_empty() { None } else { Some(self.connections.remove(0)) }
    }

    /// The endpoint cannot be reached. When it is back, it may keep idle connections for another time than before.
    pub(super) fn forget_patience(&mut self) {
        self.idle_limit = IdleLimit::default();
    }

    /// Forgets those that the endpoint has closed.
    pub(super) fn forget_closed(&mut self) {
        let Self { connections, idle_limit } = self;
        connections.retain(|connection| {
            let open = connection.is_open();
            if !open {
                idle_limit.closed(idle(connection, now()));
            }
            open
        });
    }

    /// Closes those that have been idle for `limit`.
    pub(super) fn close_after(&mut self, limit: Duration, now: Instant) {
        self.connections.retain(|connection| idle(connection, now) < limit && connection.is_open());
    }
}

fn idle(connection: &Http1, now: Instant) -> Duration {
    now.saturating_duration_since(connection.idle_since)
}
