//! The connections of one worker to one endpoint: one machine with one lock.
//!
//! ```text
//! checkout ─▶ dial ─▶ state, locked ─▶ (unlocked) dialing and restore: tasks of their own
//!                       ▲                                 │ a dial or a connection has ended
//!       lender ─────────┴──── turnover ◀──────────────────┘
//!         ▲ connections come back, streams end
//! ```
//!
//! `checkout` lends what is ready or puts a request in line, `dial` decides whether a connection is opened, `turnover`
//! follows dials and connections to their ends, `lender` takes back what was lent.

mod checkout;
mod dial;
mod dialing;
mod lender;
mod restore;
mod state;
mod turnover;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use mesh_core::endpoint::Endpoint;
use mesh_core::plan::{ClusterPlan, UpstreamProtocol};

pub(crate) use self::checkout::CheckoutError;
use self::state::{Locked, PoolState};
use crate::clock::now;
use crate::upstream::state::{Cluster, Host};
use crate::upstream::transport::{ClientTls, Connect, Protocol};

/// How often a worker looks for idle connections to close.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// A connection that an [`EndpointPool`] has lent.
pub(crate) type Lease = super::lease::Lease<EndpointPool>;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct EndpointPool {
    host: Host,
    /// What new connections are made to: the latest facts of the host.
    target: ArcSwap<Endpoint>,
    cluster: Arc<Cluster>,
    connector: Arc<dyn Connect>,
    tls: Option<ClientTls>,
    /// Of the jitter of reconnects (OU-1).
    seed: u64,
    /// How many requests wait, readable without the lock.
    waiting: AtomicUsize,
    state: Mutex<PoolState>,
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

    /// The destination that it belongs to.
    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// The protocol for a request of this version (CB-7).
    pub(crate) fn protocol(&self, version: http::Version) -> Protocol {
        match self.cluster.plan().protocol {
            UpstreamProtocol::Http1 => Protocol::Http1,
            UpstreamProtocol::Http2 => Protocol::Http2,
            UpstreamProtocol::Downstream if version == http::Version::HTTP_2 => Protocol::Http2,
            UpstreamProtocol::Downstream => Protocol::Http1,
        }
    }

    /// Whether TLS is spoken.
    pub(crate) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// What new connections are made to, as it is known now.
    pub(crate) fn target(&self) -> Arc<Endpoint> {
        self.target.load_full()
    }

    /// From now on new connections are made there; open ones stay.
    pub(crate) fn move_to(&self, target: &Arc<Endpoint>) {
        if !Arc::ptr_eq(&self.target.load(), target) {
            self.target.store(target.clone());
        }
    }

    /// Whether its connections are the same as this host's would be: other facts of the host may differ.
    pub(crate) fn is_for(&self, host: &Host) -> bool {
        let (target, endpoint) = (self.target.load(), host.endpoint());
        self.host.shares_state(host)
            && target.address == endpoint.address
            && target.identity == endpoint.identity
    }

    /// Closes connections that have been idle for the cluster's limit (CB-3).
    pub(crate) fn sweep(self: &Arc<Self>) {
        let Some(limit) = self.policy().circuit.idle_timeout else { return };
        let now = now();
        let mut state = self.lock();
        state.idle.close_after(limit, now);
        let before = state.shared.len();
        state.shared.retain(|connection| !connection.is_idle(now, limit));
        if state.shared.len() < before {
            // Its end is no loss that would have to be made good.
            state.http2.used = false;
        }
    }

    fn policy(&self) -> &ClusterPlan {
        self.cluster.plan()
    }

    fn lock(self: &Arc<Self>) -> Locked<'_> {
        Locked::new(self, self.state.lock().expect("no panic while a pool is locked"))
    }
}
