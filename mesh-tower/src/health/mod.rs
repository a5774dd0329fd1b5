//! Asks endpoints how they are (HC-1, HC-2).
//!
//! One task for each cluster that has a policy, on the runtime of the other background work: it
//! remembers when each endpoint is due, asks at most [`MAX_RUNNING`] of them at once, and hands the
//! answers to the cluster, where [`mesh_core::health`] says what they mean.
//!
//! ```text
//!  due ─▶ dial (the mesh's connector, the cluster's TLS) ─▶ ask ─▶ finding ─▶ Cluster::checked ─▶ balancer
//!   ▲                                                                 │             └▶ outlier: taken back
//!   └──────────────── interval + jitter ◀─────────────────────────────┘
//! ```
//!
//! Every question has a connection of its own, which neither counts towards limits nor comes from the
//! pool: that an endpoint still takes connections is half of the answer.
//!
//! Our own workload is asked in the same way where its WorkloadGroup says how ([`readiness`]).
//!
//! # Cancellation
//! The task holds the cluster weakly and ends with it.
//!
//! # Metrics
//! `envoy_cluster_health_check_{attempt,success,failure}`, gauge `envoy_cluster_health_check_healthy`.

mod exec;
mod probe;
pub(crate) mod readiness;
mod task;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

pub(crate) use probe::IMMEDIATE_FAIL;
pub(crate) use task::follow;

/// Questions under way at once, for each cluster.
pub(crate) const MAX_RUNNING: usize = 64;

/// What a cluster tells the task that asks its endpoints.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Notify,
    used: AtomicBool,
}

impl Bell {
    /// The endpoints have changed.
    pub(crate) fn ring(&self) {
        self.rung.notify_one();
    }

    /// Somebody calls the cluster: from now on it is asked about more often.
    pub(crate) fn used(&self) {
        if !self.used.swap(true, Ordering::Relaxed) {
            self.ring();
        }
    }

    fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }
}

/// The cluster's end of a [`Bell`]: rings a last time when the cluster is dropped.
#[derive(Debug, Default)]
pub(crate) struct BellRope(Arc<Bell>);

impl BellRope {
    pub(crate) fn bell(&self) -> &Arc<Bell> {
        &self.0
    }
}

impl Drop for BellRope {
    fn drop(&mut self) {
        self.0.ring();
    }
}
