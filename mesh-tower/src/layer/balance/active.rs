//! What one service has to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use http::Extensions;
use mesh_core::balance::{BalancePolicy, Latency};
use mesh_core::outcome::Outcome;

use crate::clock::now;
use crate::request::expiry::Clocks;

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
    /// Where the policy goes by latency, until it is known.
    timed: Option<Box<Timed>>,
}

/// A request whose latency is to be known.
#[derive(Debug)]
struct Timed {
    decay: Duration,
    start: Instant,
    clocks: Clocks,
}

impl Active {
    pub(super) fn begin(work: Arc<Work>, policy: BalancePolicy, request: &Extensions) -> Self {
        work.active.fetch_add(1, Ordering::Relaxed);
        let timed = match policy {
            BalancePolicy::PeakEwma { decay } => {
                Some(Box::new(Timed { decay, start: now(), clocks: Clocks::of(request) }))
            }
            _ => None,
        };
        Self { work, timed }
    }

    /// Notes that the answer is here, or that there will be none; `failed` judges it, where that counts.
    pub(super) fn ended(&mut self, failed: impl FnOnce(&Clocks) -> bool) {
        if let Some(timed) = self.timed.take() {
            let Timed { decay, start, clocks } = *timed;
            let now = now();
            let took = now.saturating_duration_since(start);
            if failed(&clocks) {
                self.work.latency.failed(took, decay, now);
            } else {
                self.work.latency.answered(took, decay, now);
            }
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        if self.timed.as_ref().is_some_and(|timed| timed.clocks.ending() != Outcome::Cancelled) {
            self.ended(|_| true);
        }
        self.work.active.fetch_sub(1, Ordering::Relaxed);
    }
}
