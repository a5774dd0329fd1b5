//! How a cluster wakes the task that asks its endpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// What a cluster tells the task that asks its endpoints.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Notify,
    used: AtomicBool,
}

impl Bell {
    /// Resolves once the cluster has rung since the last time.
    pub(crate) async fn rung(&self) {
        self.rung.notified().await;
    }

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

    /// Whether anybody has called the cluster.
    pub(crate) fn is_used(&self) -> bool {
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
