//! How a cluster wakes the task that checks its endpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Wakes the health checks of a cluster before their interval is over.
#[derive(Debug, Default)]
pub(crate) struct HealthCheckTrigger {
    fired: Notify,
    used: AtomicBool,
}

impl HealthCheckTrigger {
    /// Resolves once the cluster has fired since the last time.
    pub(crate) async fn fired(&self) {
        self.fired.notified().await;
    }

    /// The endpoints have changed.
    pub(crate) fn fire(&self) {
        self.fired.notify_one();
    }

    /// A request uses the cluster: from now on its endpoints are checked more often.
    pub(crate) fn used(&self) {
        if !self.used.swap(true, Ordering::Relaxed) {
            self.fire();
        }
    }

    /// Whether a request has used the cluster.
    pub(crate) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }
}

/// The cluster's end of a [`HealthCheckTrigger`]: fires a last time when the cluster is dropped.
#[derive(Debug, Default)]
pub(crate) struct TriggerOnDrop(Arc<HealthCheckTrigger>);

impl TriggerOnDrop {
    pub(crate) fn trigger(&self) -> &Arc<HealthCheckTrigger> {
        &self.0
    }
}

impl Drop for TriggerOnDrop {
    fn drop(&mut self) {
        self.0.fire();
    }
}
