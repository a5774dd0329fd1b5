//! The detector of one cluster: outcomes in, ejections out.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::counters::{Change, Changes};
use super::host::Ejection;
use super::{HostState, OutlierPolicy, Reason};
use crate::outcome::{Outcome, Reset};

/// The consequence of a row of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The host is left out from now on: rebuild the set of usable hosts.
    Ejected {
        /// When that is over; it returns at the first tick after.
        until: Instant,
        /// Why.
        reason: Reason,
        /// Which ejection this is, less the ticks in service.
        multiplier: u32,
    },
    /// The host would have been ejected, but too many are out already (OD-6).
    Overflow {
        /// Why it would have been.
        reason: Reason,
    },
}

/// Watches the hosts of one cluster (OD).
///
/// Outcomes are recorded without a lock; one is taken to eject, and at a tick. State is per client
/// process (OD-9) and survives a reload while the policy is equal.
#[derive(Debug)]
pub struct Detector {
    policy: Arc<OutlierPolicy>,
    /// How many hosts are out; every change of a host's ejection happens under this lock.
    ejected: Mutex<usize>,
    total: AtomicU64,
    overflow: AtomicU64,
}

impl Detector {
    /// A detector that has seen nothing.
    #[must_use]
    pub fn new(policy: impl Into<Arc<OutlierPolicy>>) -> Self {
        Self {
            policy: policy.into(),
            ejected: Mutex::default(),
            total: AtomicU64::default(),
            overflow: AtomicU64::default(),
        }
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &OutlierPolicy {
        &self.policy
    }

    /// Takes note of how an attempt on `host` ended; `hosts` is the size of the whole cluster.
    ///
    /// A failure before an endpoint was tried must not be recorded (OD-2); a caller that left
    /// and a stream that we reset say nothing.
    #[must_use]
    pub fn record(&self, host: &HostState, outcome: &Outcome, hosts: usize, now: Instant) -> Option<Event> {
        let changes = self.changes(outcome)?;
        self.apply(host, changes, hosts, now)
    }

    /// Takes note of a connection made for HTTP. It ends a row of local failures where these are
    /// counted apart; otherwise only a response speaks.
    pub fn record_connected(&self, host: &HostState) {
        if self.policy.split_local_origin {
            host.counters.apply([Change::Keep, Change::Keep, Change::Reset], [0; 3]);
        }
    }

    /// The tick, once per [`interval`](OutlierPolicy::interval), over all hosts of the cluster
    /// (OD-8). Returns how many came back; if any, rebuild the set of usable hosts.
    pub fn tick<'a>(&self, hosts: impl IntoIterator<Item = &'a HostState>, now: Instant) -> usize {
        let mut ejected = self.ejected();
        // Counted anew: hosts may have joined and left the cluster.
        *ejected = 0;
        let mut returned = 0;
        for host in hosts {
            returned += usize::from(self.turn(host, now));
            *ejected += usize::from(host.is_ejected());
        }
        returned
    }

    /// The tick of one host, where nothing knows them all. `true` if it came back.
    pub fn tick_one(&self, host: &HostState, now: Instant) -> bool {
        let mut ejected = self.ejected();
        let returned = self.turn(host, now);
        *ejected = ejected.saturating_sub(usize::from(returned));
        returned
    }

    /// Whether a tick returned the host.
    fn turn(&self, host: &HostState, now: Instant) -> bool {
        let mut history = host.history();
        match history.ejection {
            // Ejected => (Ejected | Serving)
            Some(ejection) if now < ejection.until => false,
            Some(_) => {
                drop(history);
                put_back(host, now);
                true
            }
            // Serving => Serving
            None => {
                let rested = |at| now.saturating_duration_since(at) >= self.policy.interval;
                if history.returned_at.is_some_and(rested) {
                    history.multiplier = history.multiplier.saturating_sub(1);
                }
                false
            }
        }
    }

    /// Takes a host back before its time, as a successful active health check does (HC-2).
    /// `false` if it was in service; its counters are cleared either way.
    pub fn take_back(&self, host: &HostState, now: Instant) -> bool {
        let mut ejected = self.ejected();
        let was_ejected = host.is_ejected();
        if was_ejected {
            put_back(host, now);
            *ejected = ejected.saturating_sub(1);
        } else {
            host.counters.clear();
        }
        was_ejected
    }

    /// Counts the ejections of hosts that another detector watched before, as after a reload that
    /// changed the policy; they last as long as they were meant to.
    pub fn adopt<'a>(&self, hosts: impl IntoIterator<Item = &'a HostState>) {
        *self.ejected() = hosts.into_iter().filter(|host| host.is_ejected()).count();
    }

    /// Notes that a host left the cluster, so that it no longer counts as ejected.
    pub fn forget(&self, host: &HostState) {
        let mut ejected = self.ejected();
        if host.is_ejected() {
            *ejected = ejected.saturating_sub(1);
        }
    }

    /// Hosts that are out now (`outlier_detection_ejections_active`).
    #[must_use]
    pub fn active(&self) -> usize {
        *self.ejected()
    }

    /// Ejections so far (`outlier_detection_ejections_enforced_total`).
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Relaxed)
    }

    /// Ejections refused so far (`outlier_detection_ejections_overflow`).
    #[must_use]
    pub fn overflow(&self) -> u64 {
        self.overflow.load(Relaxed)
    }

    /// OD-2, OD-3: what an outcome does to the counters.
    fn changes(&self, outcome: &Outcome) -> Option<Changes> {
        let split = self.policy.split_local_origin;
        match *outcome {
            Outcome::Cancelled | Outcome::Reset { reset: Reset::LocalReset, .. } => None,
            Outcome::Reset { .. } | Outcome::PerTryTimeout | Outcome::Timeout => Some(if split {
                [Change::Keep, Change::Keep, Change::Add]
            } else {
                // 503 and 504: gateway errors, whatever statuses a *response* must have to be one.
                [Change::Add, Change::Add, Change::Keep]
            }),
            Outcome::Response { .. } => {
                let code = outcome.http_code();
                let error = self.policy.is_error(code);
                let change = |error| if error { Change::Add } else { Change::Reset };
                let local = if split { Change::Reset } else { Change::Keep };
                Some([change(error), change(error && (502..=504).contains(&code)), local])
            }
        }
    }

    fn apply(&self, host: &HostState, changes: Changes, hosts: usize, now: Instant) -> Option<Event> {
        let policy = &self.policy;
        let thresholds = [policy.consecutive_5xx, policy.consecutive_gateway, policy.consecutive_local];
        let reason = match host.counters.apply(changes, thresholds) {
            [_, true, _] => Reason::ConsecutiveGateway,
            [true, ..] => Reason::Consecutive5xx,
            [.., true] => Reason::ConsecutiveLocal,
            [false, false, false] => return None,
        };
        self.eject(host, reason, hosts, now)
    }

    fn eject(&self, host: &HostState, reason: Reason, hosts: usize, now: Instant) -> Option<Event> {
        let mut ejected = self.ejected();
        if host.is_ejected() {
            return None;
        }
        if !self.policy.has_room(*ejected, hosts) {
            self.overflow.fetch_add(1, Relaxed);
            return Some(Event::Overflow { reason });
        }
        *ejected += 1;
        self.total.fetch_add(1, Relaxed);
        let mut history = host.history();
        let (base, max) = (self.policy.base_ejection_time, self.policy.max_ejection_time());
        if base.saturating_mul(history.multiplier) < max.saturating_add(base) {
            history.multiplier += 1;
        }
        let multiplier = history.multiplier;
        let time = self.policy.ejection_time(multiplier);
        // An instant too far to name is as good as the far future.
        let until = now.checked_add(time).unwrap_or(now + OutlierPolicy::default().max_ejection_time());
        history.ejection = Some(Ejection { until, reason });
        history.ejections += 1;
        host.ejected.store(true, Relaxed);
        Some(Event::Ejected { until, reason, multiplier })
    }

    fn ejected(&self) -> MutexGuard<'_, usize> {
        // A tick that panicked half-way left a count that the next one makes right.
        self.ejected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Back in service: counters 0, multiplier kept (OD-8).
fn put_back(host: &HostState, now: Instant) {
    let mut history = host.history();
    history.ejection = None;
    history.returned_at = Some(now);
    host.counters.clear();
    host.ejected.store(false, Relaxed);
}

#[cfg(test)]
mod tests;
