//! The connections of one worker to one endpoint.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use mesh_core::endpoint;
use mesh_core::outcome::Reset;
use mesh_core::plan::ClusterPlan;
use tokio::runtime::Handle;

use super::dial::Connection;
use super::lease::Lease;
use super::state::{Due, Locked, State};
use super::{Connect, Protocol, Stream};
use crate::clock::now;
use crate::error::BoxError;
use crate::upstream::state::{Cluster, Host};
use crate::upstream::transport::{ClientTls, DialError};

/// See the [module](super); how requests use it is in `checkout`.
#[derive(Debug)]
pub(crate) struct EndpointPool {
    pub(super) host: Host,
    /// What new connections are made to: the latest facts of the host.
    target: ArcSwap<endpoint::Endpoint>,
    pub(super) cluster: Arc<Cluster>,
    connector: Arc<dyn Connect>,
    tls: Option<ClientTls>,
    /// Of the jitter of reconnects (OU-1).
    pub(super) seed: u64,
    /// How many wait, readable without the lock.
    pub(super) waiting: AtomicUsize,
    state: Mutex<State>,
}

impl EndpointPool {
    pub(crate) fn new(
        host: Host,
        cluster: Arc<Cluster>,
        connector: Arc<dyn Connect>,
        tls: Option<ClientTls>,
        seed: u64,
    ) -> Self {
        let target = ArcSwap::new(host.endpoint().clone());
        let (waiting, state) = (AtomicUsize::new(0), Mutex::default());
        Self { host, target, cluster, connector, tls, seed, waiting, state }
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Whether TLS is spoken.
    pub(crate) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn policy(&self) -> &ClusterPlan {
        self.cluster.plan()
    }

    /// What new connections are made to, as it is known now.
    pub(crate) fn target(&self) -> Arc<endpoint::Endpoint> {
        self.target.load_full()
    }

    /// From now on new connections are made there; open ones stay.
    pub(crate) fn move_to(&self, target: &Arc<endpoint::Endpoint>) {
        if !Arc::ptr_eq(&self.target.load(), target) {
            self.target.store(target.clone());
        }
    }

    /// Whether its connections are such as this host's would be: what else is known of it may change.
    pub(crate) fn is_for(&self, host: &Host) -> bool {
        let (target, endpoint) = (self.target.load(), host.endpoint());
        self.host.shares_state(host)
            && target.address == endpoint.address
            && target.identity == endpoint.identity
    }

    pub(super) fn connector(&self) -> &dyn Connect {
        &*self.connector
    }

    pub(super) async fn secure(&self, stream: Stream, protocol: Protocol) -> Result<Stream, BoxError> {
        match &self.tls {
            None => Ok(stream),
            Some(tls) => tls.handshake(stream, protocol).await,
        }
    }

    /// Whether a connection has served as many requests as it may (CB-3).
    pub(super) fn has_served_enough(&self, served: u32) -> bool {
        self.policy().circuit.max_requests_per_connection.is_some_and(|max| served >= max)
    }

    /// Whether a connection has stood long enough (CB-2).
    pub(super) fn is_too_old(&self, since: Instant) -> bool {
        let max = self.policy().circuit.max_connection_duration;
        max.is_some_and(|max| now().saturating_duration_since(since) >= max)
    }

    /// A connection's task is about to start.
    pub(super) fn connection_begun(self: &Arc<Self>, protocol: Protocol) {
        self.lock().lane(protocol).open += 1;
    }

    /// A connection has become a tunnel: its task ends, but its place stays taken.
    pub(super) fn tunnel_begun(self: &Arc<Self>) {
        self.lock().tunnels += 1;
    }

    /// A tunnel has ended, and given its place back.
    pub(super) fn tunnel_ended(self: &Arc<Self>) {
        let mut state = self.lock();
        state.tunnels -= 1;
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
        if lane.open == 0 && std::mem::take(&mut lane.useless) {
            // To dial it at once for those who wait would go on without end.
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

    /// Closes connections that have been idle too long (CB-3); returns how many are open.
    pub(crate) fn sweep(self: &Arc<Self>) -> usize {
        let now = now();
        let mut state = self.lock();
        if let Some(limit) = self.policy().circuit.idle_timeout {
            state.idle.close_after(limit, now);
            let before = state.shared.len();
            state.shared.retain(|connection| !connection.is_idle(now, limit));
            if state.shared.len() < before {
                // Its end is no loss that would have to be made good.
                state.http2.used = false;
            }
        }
        state.http1.open + state.http2.open
    }

    /// Starts a dial if one is worth it and allowed.
    pub(super) fn try_dial(
        self: &Arc<Self>,
        state: &mut State,
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
            // Room for it, if there is an idle connection that whoever wants this one has refused.
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

    pub(super) fn dialled(self: &Arc<Self>, protocol: Protocol, outcome: Result<Connection, DialError>) {
        self.cluster.dialled(outcome.is_err());
        if outcome.is_ok() {
            self.cluster.connected(&self.host);
        }
        let mut state = self.lock();
        // One that refuses one more connection is in service while those that it has are. A connection whose peer
        // has not greeted yet, this dial's own perhaps, is none of them.
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
                        // It is for who has waited, whatever they think of the others.
                        let lease = Lease::http1(self, Box::new(connection));
                        let back = lane.hand_over(lease);
                        if let Some(connection) = back.and_then(Lease::into_http1) {
                            state.idle.put(connection);
                        }
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
                // An HTTP/1.1 dial was for one request; the one HTTP/2 dial was for all.
                // With nothing left to wait for, nobody waits.
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

    pub(super) fn lock(self: &Arc<Self>) -> Locked<'_> {
        Locked::new(self, self.state.lock().expect("no panic while a pool is locked"))
    }
}

const NO_STREAMS: &str = "the peer allowed no stream on its connection, and closed it";

/// How often a worker looks for idle connections to close.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
