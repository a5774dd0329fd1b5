//! What a cluster admits: requests, connections and retries, within its circuit limits and its budget.

use std::sync::Arc;
use std::time::Instant;

use mesh_core::circuit::{Limits, Permit, Resource};
use mesh_core::retry::{self, GiveUp};

use super::Cluster;
use crate::clock::now;

/// A place among the cluster's connections.
pub(crate) type ConnectionPermit = Permit;

/// A retry in flight; its place is freed when this is dropped.
#[derive(Debug)]
pub(crate) struct Retrying(Arc<Limits>);

impl Drop for Retrying {
    fn drop(&mut self) {
        self.0.release_retry();
    }
}

impl Cluster {
    pub(crate) fn try_request(&self) -> Option<Permit> {
        if let Some(recent) = &self.recent {
            recent.note(now());
        }
        let permit = Permit::try_take(&self.limits, Resource::Requests, &self.plan.circuit);
        if permit.is_none() {
            self.stats().upstream_rq_pending_overflow.increment(1);
        }
        permit
    }

    pub(crate) fn try_pending(&self) -> Option<Permit> {
        let permit = Permit::try_take(&self.limits, Resource::Pending, &self.plan.circuit);
        if permit.is_none() {
            self.stats().upstream_rq_pending_overflow.increment(1);
        }
        permit
    }

    pub(crate) fn try_connection(&self, pool_is_empty: bool) -> Option<ConnectionPermit> {
        let permit = Permit::try_connection(&self.limits, &self.plan.circuit, pool_is_empty);
        if permit.is_none() {
            self.stats().upstream_cx_overflow.increment(1);
        }
        permit
    }

    /// A dial has ended.
    pub(crate) fn dialled(&self, failed: bool) {
        self.stats().upstream_cx_total.increment(1);
        if failed {
            self.stats().upstream_cx_connect_fail.increment(1);
            if let Some(following) = self.following() {
                following.ask_again();
            }
        }
    }

    /// Whether one more retry is allowed: a token, unless it is `free` of that, *and* room (CB-8, CB-10,
    /// RT-13).
    pub(crate) fn try_retry(&self, now: Instant, free: bool) -> Result<Retrying, GiveUp> {
        let budget = self.budget.as_ref().filter(|_| !free);
        let recent = self.recent.as_ref().map_or(0, |recent| recent.count(now));
        match retry::admit(&self.limits, &self.plan.circuit, budget, recent, now) {
            Ok(()) => {
                self.stats().upstream_rq_retry.increment(1);
                Ok(Retrying(self.limits.clone()))
            }
            Err(reason) => {
                match reason {
                    GiveUp::Overflow => self.stats().upstream_rq_retry_overflow_concurrency.increment(1),
                    _ => self.stats().upstream_rq_retry_overflow_budget.increment(1),
                }
                Err(reason)
            }
        }
    }
}
