//! A running endpoint: the state that all workers share.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mesh_core::balance::Latency;
use mesh_core::endpoint::Endpoint;
use mesh_core::health::{HostHealth, State as Health};
use mesh_core::outlier::HostState;

use crate::clock::now;

/// One endpoint of a running cluster.
///
/// Its counts survive updates while its address stays (LB-17), also when its weight or labels
/// change.
#[derive(Clone, Debug)]
pub struct Host {
    endpoint: Arc<Endpoint>,
    state: Arc<HostShared>,
}

/// Aligned to a cache line of its own: the active count is written for every request.
#[derive(Debug)]
#[repr(align(64))]
struct HostShared {
    active: AtomicU32,
    unreachable: AtomicBool,
    outlier: HostState,
    health: HostHealth,
    /// How long answers took, where the balancer asks.
    latency: Latency,
    /// Since when it has been in service (LB-15).
    since: Mutex<Instant>,
}

impl Host {
    pub(crate) fn new(endpoint: Arc<Endpoint>) -> Self {
        let state = HostShared {
            active: AtomicU32::new(0),
            unreachable: AtomicBool::new(false),
            outlier: HostState::new(),
            health: HostHealth::default(),
            latency: Latency::new(),
            since: Mutex::new(now()),
        };
        Self { endpoint, state: Arc::new(state) }
    }

    /// The same host with newer facts.
    pub(crate) fn updated(&self, endpoint: Arc<Endpoint>) -> Self {
        Self { endpoint, state: self.state.clone() }
    }

    /// Its facts from configuration or discovery.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Whether both are one host, also if its address or its facts differ.
    pub(crate) fn shares_state(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }

    /// Its health by its answers to health checks (HC-1).
    #[must_use]
    pub fn health(&self) -> Health {
        self.state.health.state()
    }

    pub(crate) fn checks(&self) -> &HostHealth {
        &self.state.health
    }

    /// Requests in flight, over all workers.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.state.active.load(Ordering::Relaxed)
    }

    /// Whether outlier detection keeps it out.
    #[must_use]
    pub fn is_ejected(&self) -> bool {
        self.state.outlier.is_ejected()
    }

    /// Whether it is in service: neither ejected nor failing its health checks.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !self.is_ejected() && self.health() != Health::Unhealthy
    }

    /// Since when it has been in service: first seen, or well again by active checks (LB-15).
    #[must_use]
    pub fn since(&self) -> Instant {
        *self.lock_since()
    }

    /// It warms up from now on.
    pub(crate) fn restart_warm_up(&self) {
        *self.lock_since() = now();
    }

    fn lock_since(&self) -> MutexGuard<'_, Instant> {
        // An instant is whole even if its writer panicked.
        self.state.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a dial failed while there was no connection, and none has succeeded since.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.state.unreachable.load(Ordering::Relaxed)
    }

    pub(crate) fn set_unreachable(&self, unreachable: bool) {
        if self.is_unreachable() != unreachable {
            self.state.unreachable.store(unreachable, Ordering::Relaxed);
        }
    }

    pub(crate) fn outlier(&self) -> &HostState {
        &self.state.outlier
    }

    /// How long its answers took.
    pub(crate) fn latency(&self) -> &Latency {
        &self.state.latency
    }

    // Relaxed for both: a count that least-request reads as a hint; it orders nothing.
    pub(crate) fn begin(&self) {
        self.state.active.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.state.active.fetch_sub(1, Ordering::Relaxed);
    }
}
