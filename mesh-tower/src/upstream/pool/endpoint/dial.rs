//! When the pool opens another connection.

use std::mem;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::EndpointPool;
use super::state::{Due, PoolState};
use crate::upstream::transport::Protocol;

impl EndpointPool {
    /// Starts a dial if one is worth it and allowed, for the requests in line and `newcomers` more.
    pub(super) fn try_dial(
        self: &Arc<Self>,
        state: &mut PoolState,
        protocol: Protocol,
        newcomers: usize,
    ) -> bool {
        let tunnels = if protocol == Protocol::Http1 { state.tunnels } else { 0 };
        let lane = state.lane(protocol);
        if !lane.wants_dial(protocol == Protocol::Http2, newcomers) {
            return false;
        }
        // A response may be dropped outside of any runtime; the next checkout dials then.
        if Handle::try_current().is_err() {
            return false;
        }
        // CB-6: one connection is always allowed, or an endpoint could never be reached while
        // others of the cluster hold all places.
        let first = lane.open + lane.dialing + tunnels == 0;
        let permit = self.cluster.try_connection(first).or_else(|| {
            // An idle connection makes room for it: the request that wants a new one has refused the idle one.
            let old = if protocol == Protocol::Http1 { state.idle.give_up() } else { None };
            old.and_then(|old| {
                drop(old);
                self.cluster.try_connection(first)
            })
        });
        let Some(permit) = permit else { return false };
        state.lane(protocol).dialing += 1;
        state.due.push(Due::Dial(protocol, permit));
        true
    }

    /// Dials in the background until the endpoint is back, or gone from the configuration.
    pub(super) fn restore(&self, state: &mut PoolState, protocol: Protocol) {
        if Handle::try_current().is_err() {
            // Outside of any runtime that is for the next request to do.
            self.host.set_unreachable(false);
        } else if !mem::replace(&mut state.lane(protocol).restoring, true) {
            state.due.push(Due::Restore(protocol));
        }
    }
}
