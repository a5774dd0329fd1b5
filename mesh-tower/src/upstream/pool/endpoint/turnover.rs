//! Connections come and go: what the pool does when a dial, or a connection, has ended.

use std::mem;
use std::sync::Arc;

use mesh_core::outcome::Reset;

use super::super::handshake::Connection;
use super::{EndpointPool, Lease};
use crate::upstream::transport::{DialError, Protocol};

/// Why requests in line fail when an HTTP/2 connection that could not serve them closes.
const NO_STREAMS: &str = "the peer allowed no stream on its connection, and closed it";

impl EndpointPool {
    /// A dial has ended.
    pub(super) fn dialled(self: &Arc<Self>, protocol: Protocol, outcome: Result<Connection, DialError>) {
        self.cluster.dialled(outcome.is_err());
        if outcome.is_ok() {
            self.cluster.connected(&self.host);
        }
        let mut state = self.lock();
        // An endpoint with open connections still serves even if another dial fails. A connection whose peer has
        // not greeted yet, this dial's own perhaps, is none of them.
        let serves = state.http1.open > 0 || !state.shared.is_empty();
        self.host.set_unreachable(outcome.is_err() && !serves);
        let lane = state.lane(protocol);
        lane.dialing -= 1;
        match outcome {
            Ok(connection) => {
                lane.failures = 0;
                lane.used = false;
                match connection {
                    Connection::Http1(connection) => {
                        // It goes to the first in line, also if that request could use an idle one.
                        state.hand_over(protocol, Lease::http1(self, Box::new(connection)));
                    }
                    Connection::Http2(connection) => {
                        lane.useless = connection.max_streams() == 0;
                        state.shared.push(connection);
                    }
                }
                self.serve_waiters(&mut state);
            }
            Err(error) => {
                lane.failures = lane.failures.saturating_add(1);
                if protocol == Protocol::Http1 {
                    state.idle.forget_patience();
                }
                let lane = state.lane(protocol);
                // An HTTP/1.1 dial was for one request; the one HTTP/2 dial was for all. When no connection is
                // open or on its way, no request may go on waiting for one.
                let all = protocol == Protocol::Http2 || lane.open + lane.dialing == 0;
                let many = if all { usize::MAX } else { 1 };
                lane.forget_gone();
                lane.fail(many, &error);
                if lane.open == 0 {
                    self.restore(&mut state, protocol);
                }
            }
        }
    }

    /// A connection's task is about to start.
    pub(super) fn connection_begun(self: &Arc<Self>, protocol: Protocol) {
        self.lock().lane(protocol).open += 1;
    }

    /// A peer allows more streams than before.
    pub(super) fn room_was_made(self: &Arc<Self>) {
        let mut state = self.lock();
        state.http2.useless = false;
        self.serve_waiters(&mut state);
    }

    /// A connection's task has ended: once for each that began, also if the dial failed after all.
    pub(super) fn connection_ended(self: &Arc<Self>, protocol: Protocol) {
        let mut state = self.lock();
        state.idle.forget_closed();
        state.shared.retain(|connection| !connection.is_closed());
        let lane = state.lane(protocol);
        lane.open -= 1;
        lane.forget_gone();
        if lane.open == 0 && mem::take(&mut lane.useless) {
            // To dial at once for the requests in line would go on without end.
            let reset = Reset::ConnectFailure;
            lane.fail(usize::MAX, &DialError { reset, source: Arc::new(NO_STREAMS.into()) });
        }
        if !lane.waiters.is_empty() {
            self.try_dial(&mut state, protocol, 0);
        } else if lane.open == 0
            && lane.dialing == 0
            && (lane.failures > 0 || (protocol == Protocol::Http2 && lane.used))
        {
            // An HTTP/1.1 connection that ends between requests says nothing: servers close idle
            // ones. Only a dial that fails does, and then the endpoint is restored from there.
            self.restore(&mut state, protocol);
        }
    }
}
