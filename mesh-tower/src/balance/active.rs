//! What one service has to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mesh_core::balance::{BalancePolicy, Latency};

use crate::clock::now;

/// What is known of one service's work.
#[derive(Debug, Default)]
pub(super) struct Work {
    active: AtomicU32,
    latency: Latency,
}

impl Work {
    /// Its load under a policy.
    pub(super) fn load(&self, policy: BalancePolicy) -> u64 {
        let active = self.active.load(Ordering::Relaxed);
        match policy {
            BalancePolicy::PeakEwma { decay } => self.latency.load(active, decay, now()),
            _ => active.into(),
        }
    }

    #[cfg(test)]
    pub(super) fn active(&self) -> u32 {
        self.active.load(Ordering::Relaxed)
    }
}

/// Counts as an active request until dropped.
#[derive(Debug)]
pub struct Active {
    work: Arc<Work>,
    /// Where the policy goes by latency: its decay, and when the request began.
    timed: Option<(Duration, Instant)>,
}

impl Active {
    pub(super) fn begin(work: Arc<Work>, policy: BalancePolicy) -> Self {
        work.active.fetch_add(1, Ordering::Relaxed);
        let timed = match policy {
            BalancePolicy::PeakEwma { decay } => Some((decay, now())),
            _ => None,
        };
        Self { work, timed }
    }

    /// Notes that the answer is here, or that there will be none; `failed` judges it, where that counts.
    pub(super) fn ended(&self, failed: impl FnOnce() -> bool) {
        if let Some((decay, start)) = self.timed {
            let now = now();
            let took = now.saturating_duration_since(start);
            if failed() {
                self.work.latency.failed(took, decay, now);
            } else {
                self.work.latency.answered(took, decay, now);
            }
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.work.active.fetch_sub(1, Ordering::Relaxed);
    }
}
