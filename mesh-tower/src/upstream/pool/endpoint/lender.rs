//! How what was lent comes back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::http1::Http1;
use super::super::lease::Lender;
use super::{EndpointPool, Lease};
use crate::clock::now;
use crate::upstream::transport::Protocol;

impl Lender for EndpointPool {
    fn has_served_enough(&self, served: u32) -> bool {
        self.policy().circuit.max_requests_per_connection.is_some_and(|max| served >= max)
    }

    fn is_too_old(&self, since: Instant) -> bool {
        let max = self.policy().circuit.max_connection_duration;
        max.is_some_and(|max| now().saturating_duration_since(since) >= max)
    }

    fn give_back(self: &Arc<Self>, mut connection: Box<Http1>) {
        connection.idle_since = now();
        let mut state = self.lock();
        state.idle.returned(&mut connection);
        if state.http1.waiters.is_empty() {
            state.idle.put(connection);
        } else {
            state.hand_over(Protocol::Http1, Lease::http1(self, connection));
        }
    }

    fn take_back(self: &Arc<Self>, mut connection: Box<Http1>) {
        connection.waited = Duration::ZERO;
        let mut state = self.lock();
        state.idle.put(connection);
        self.lend(&mut state, Protocol::Http1);
    }

    fn tunnel_begun(self: &Arc<Self>) {
        self.lock().tunnels += 1;
    }

    fn tunnel_ended(self: &Arc<Self>) {
        let mut state = self.lock();
        state.tunnels -= 1;
        self.serve_waiters(&mut state);
    }

    fn stream_ended(self: &Arc<Self>) {
        // After the stream has freed its place; see `checkout` for the order of the two.
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut state = self.lock();
        self.serve_waiters(&mut state);
    }
}
