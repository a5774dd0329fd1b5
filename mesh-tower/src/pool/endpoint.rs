//! The connections of one worker to one endpoint.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use mesh_core::endpoint;
use mesh_core::outcome::Reset;
use mesh_core::plan::ClusterPlan;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::connection::Http1;
use super::dial::{Connection, DialError};
use super::http2::StreamPermit;
use super::lane::Waiter;
use super::lease::Lease;
use super::state::{Due, Locked, State};
use super::{Connect, Protocol, Stream};
use crate::clock::now;
use crate::cluster::{Cluster, Host};
use crate::error::BoxError;
use crate::tls::ClientTls;

/// See the [module](super).
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(super) host: Host,
    /// What new connections are made to: the latest facts of the host.
    target: ArcSwap<endpoint::Endpoint>,
    pub(super) cluster: Arc<Cluster>,
    connector: Arc<dyn Connect>,
    tls: Option<ClientTls>,
    /// Of the jitter of reconnects (OU-1).
    pub(super) seed: u64,
    /// How many wait, readable without the lock.
    waiting: AtomicUsize,
    state: Mutex<State>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum CheckoutError {
    /// A circuit limit (CB-5).
    Overflow,
    /// The dial failed.
    Dial(DialError),
}

impl Endpoint {
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

    /// A connection for one request: ready, newly dialled, or waited for. For one that is not `repeatable`
    /// it is none that may be closed on the way (see [`Idle::take`]).
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

    /// Whether a connection has served enough (CB-3) or long enough.
    pub(super) fn is_worn_out(&self, served: u32, since: Instant) -> bool {
        let circuit = &self.policy().circuit;
        circuit.max_requests_per_connection.is_some_and(|max| served >= max)
            || circuit
                .max_connection_duration
                .is_some_and(|max| now().saturating_duration_since(since) >= max)
    }

    /// A connection's task is about to start.
    pub(super) fn connection_begun(self: &Arc<Self>, protocol: Protocol) {
        self.lock().lane(protocol).open += 1;
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

    fn ready(self: &Arc<Self>, state: &mut State, protocol: Protocol, repeatable: bool) -> Option<Lease> {
        let lease = match protocol {
            Protocol::Http1 => Lease::http1(self, state.idle.take(repeatable)?),
            Protocol::Http2 => Lease::http2(self, self.least_loaded(state)?),
        };
        state.lane(protocol).used = true;
        Some(lease)
    }

    fn least_loaded(&self, state: &mut State) -> Option<StreamPermit> {
        let cap = usize::try_from(self.policy().circuit.max_concurrent_streams).unwrap_or(usize::MAX);
        let best = state
            .shared
            .iter()
            .filter(|connection| connection.has_room(cap))
            .min_by_key(|connection| connection.streams());
        let permit = best.map(StreamPermit::take)?;
        let served = permit.connection.served.load(Ordering::Relaxed);
        if self.is_worn_out(u32::try_from(served).unwrap_or(u32::MAX), permit.connection.facts.since) {
            permit.connection.draining.store(true, Ordering::Relaxed);
        }
        // A draining connection lives on in its streams' permits.
        state.shared.retain(|connection| !connection.draining.load(Ordering::Relaxed));
        Some(permit)
    }

    /// Starts a dial if one is worth it and allowed.
    fn try_dial(self: &Arc<Self>, state: &mut State, protocol: Protocol, newcomers: usize) -> bool {
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
        let first = lane.open + lane.dialing == 0;
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
        self.cluster.dialled(outcome.as_ref().err());
        if outcome.is_ok() {
            self.cluster.connected(&self.host);
        }
        let mut state = self.lock();
        // One that refuses one more connection is in service while those that it has are.
        let open = state.http1.open + state.http2.open;
        self.host.set_unreachable(outcome.is_err() && open == 0);
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

    fn serve_waiters(self: &Arc<Self>, state: &mut State) {
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

    pub(super) fn lock(self: &Arc<Self>) -> Locked<'_> {
        Locked::new(self, self.state.lock().expect("no panic while a pool is locked"))
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

const NO_STREAMS: &str = "the peer allowed no stream on its connection, and closed it";

/// From here on the line is cleared of those who have left, when they are most of it.
const MANY_WAITERS: usize = 32;

/// How often a worker looks for idle connections to close.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
