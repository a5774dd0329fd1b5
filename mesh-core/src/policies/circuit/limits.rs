//! The counters behind the limits.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::CircuitPolicy;

/// A resource with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Open connections.
    Connections,
    /// Requests that wait for a connection.
    Pending,
    /// Requests under way.
    Requests,
    /// Retries under way.
    Retries,
}

impl Resource {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Connections, Self::Pending, Self::Requests, Self::Retries];

    /// Envoy's name of the gauge that says whether the limit is reached (ME-7).
    #[must_use]
    pub const fn open_name(self) -> &'static str {
        match self {
            Self::Connections => "envoy_cluster_circuit_breakers_default_cx_open",
            Self::Pending => "envoy_cluster_circuit_breakers_default_rq_pending_open",
            Self::Requests => "envoy_cluster_circuit_breakers_default_rq_open",
            Self::Retries => "envoy_cluster_circuit_breakers_default_rq_retry_open",
        }
    }
}

/// One count on a cache line of its own, so that the four do not slow each other down.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Count {
    active: AtomicU32,
    overflow: AtomicU64,
}

/// The counts of one cluster, shared by all threads.
///
/// Every ordering is `Relaxed`: the counts guard no other data, and the single modification order
/// of each atomic is enough to keep it exact. Running state: survives a reload, as the policy is
/// an argument.
#[derive(Debug, Default)]
pub struct Limits {
    counts: [Count; 4],
}

impl Limits {
    /// Takes one of `resource`; `false`, counted as overflow, if its limit is reached. Pair it
    /// with [`release`](Self::release).
    pub fn try_take(&self, resource: Resource, policy: &CircuitPolicy) -> bool {
        self.take_below(resource, self.limit(resource, policy))
    }

    fn take_below(&self, resource: Resource, limit: u32) -> bool {
        let count = self.count(resource);
        if limit == u32::MAX {
            // Nothing to compare with: one instruction in place of a loop.
            count.active.fetch_add(1, Relaxed);
            return true;
        }
        let room = |active: u32| (active < limit).then(|| active + 1);
        let admitted = count.active.fetch_update(Relaxed, Relaxed, room).is_ok();
        if !admitted {
            count.overflow.fetch_add(1, Relaxed);
        }
        admitted
    }

    /// Gives one back.
    pub fn release(&self, resource: Resource) {
        let before = self.count(resource).active.fetch_sub(1, Relaxed);
        debug_assert!(before > 0, "{resource:?} was released more often than taken");
    }

    /// Counts one of `resource` whatever its limit: CB-6 allows each pool one connection.
    pub fn take(&self, resource: Resource) {
        self.count(resource).active.fetch_add(1, Relaxed);
    }

    /// How many are taken (`upstream_cx_active`, `upstream_rq_active`, …).
    #[must_use]
    pub fn active(&self, resource: Resource) -> u32 {
        self.count(resource).active.load(Relaxed)
    }

    /// How many were refused so far.
    #[must_use]
    pub fn overflow(&self, resource: Resource) -> u64 {
        self.count(resource).overflow.load(Relaxed)
    }

    /// Whether the limit is reached; the metric is [`Resource::open_name`].
    #[must_use]
    pub fn is_open(&self, resource: Resource, policy: &CircuitPolicy) -> bool {
        self.active(resource) >= self.limit(resource, policy)
    }

    /// The limit in force now.
    #[must_use]
    pub fn limit(&self, resource: Resource, policy: &CircuitPolicy) -> u32 {
        match resource {
            Resource::Connections => policy.max_connections,
            Resource::Pending => policy.max_pending_requests,
            Resource::Requests => policy.max_requests,
            Resource::Retries => {
                policy.concurrency().allowed(self.active(Resource::Requests), self.active(Resource::Pending))
            }
        }
    }

    /// Takes a connection. With `pool_is_empty` it is given beyond the limit too (CB-6), which
    /// still counts as overflow.
    pub fn try_connection(&self, policy: &CircuitPolicy, pool_is_empty: bool) -> bool {
        if self.try_take(Resource::Connections, policy) {
            return true;
        }
        if pool_is_empty {
            self.take(Resource::Connections);
        }
        pool_is_empty
    }

    /// Gives a connection back.
    pub fn release_connection(&self) {
        self.release(Resource::Connections);
    }

    /// Takes a place in the queue for a connection.
    pub fn try_pending(&self, policy: &CircuitPolicy) -> bool {
        self.try_take(Resource::Pending, policy)
    }

    /// Leaves the queue.
    pub fn release_pending(&self) {
        self.release(Resource::Pending);
    }

    /// Begins a request.
    pub fn try_request(&self, policy: &CircuitPolicy) -> bool {
        self.try_take(Resource::Requests, policy)
    }

    /// Ends a request.
    pub fn release_request(&self) {
        self.release(Resource::Requests);
    }

    /// Begins a retry.
    pub fn try_retry(&self, policy: &CircuitPolicy) -> bool {
        self.try_take(Resource::Retries, policy)
    }

    /// Begins a retry where requests started of late add to the load (CB-8 `budgetInterval`).
    pub fn try_retry_with(&self, policy: &CircuitPolicy, recent: u32) -> bool {
        let waiting = self.active(Resource::Pending).saturating_add(recent);
        let limit = policy.concurrency().allowed(self.active(Resource::Requests), waiting);
        self.take_below(Resource::Retries, limit)
    }

    /// Ends a retry.
    pub fn release_retry(&self) {
        self.release(Resource::Retries);
    }

    fn count(&self, resource: Resource) -> &Count {
        &self.counts[resource as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::RetryBudget;

    fn policy() -> CircuitPolicy {
        CircuitPolicy {
            max_connections: 1,
            max_pending_requests: 2,
            max_requests: 3,
            max_retries: 4,
            ..CircuitPolicy::default()
        }
    }

    #[test]
    fn cb_5_each_limit_refuses_and_counts() {
        let (limits, policy) = (Limits::default(), policy());
        for (resource, limit) in Resource::ALL.into_iter().zip([1, 2, 3, 4]) {
            for _ in 0..limit {
                assert!(!limits.is_open(resource, &policy));
                assert!(limits.try_take(resource, &policy));
            }
            assert!(limits.is_open(resource, &policy));
            assert!(!limits.try_take(resource, &policy));
            assert_eq!((limits.active(resource), limits.overflow(resource)), (limit, 1));
            limits.release(resource);
            assert!(limits.try_take(resource, &policy));
        }
    }

    #[test]
    fn cb_6_an_empty_pool_gets_its_connection() {
        let (limits, policy) = (Limits::default(), policy());
        assert!(limits.try_connection(&policy, true));
        assert!(!limits.try_connection(&policy, false));
        assert!(limits.try_connection(&policy, true));
        assert_eq!((limits.active(Resource::Connections), limits.overflow(Resource::Connections)), (2, 2));
    }

    #[test]
    fn cb_8_the_retry_budget_replaces_max_retries() {
        let limits = Limits::default();
        let policy = CircuitPolicy { retry_budget: Some(RetryBudget::default()), max_retries: 0, ..policy() };
        let policy = CircuitPolicy { max_requests: u32::MAX, ..policy };
        assert_eq!(limits.limit(Resource::Retries, &policy), 3);
        for _ in 0..50 {
            assert!(limits.try_request(&policy));
        }
        assert_eq!((0..20).filter(|_| limits.try_retry(&policy)).count(), 10);
    }

    #[test]
    fn cb_3_defaults_refuse_nothing() {
        let (limits, policy) = (Limits::default(), CircuitPolicy::default());
        for resource in Resource::ALL {
            assert!((0..10_000).all(|_| limits.try_take(resource, &policy)));
            assert!(!limits.is_open(resource, &policy));
        }
    }

    #[test]
    fn cb_1_threads_never_exceed_a_limit() {
        let (limits, policy) = (Limits::default(), CircuitPolicy { max_requests: 3, ..policy() });
        let most = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        if limits.try_request(&policy) {
                            most.fetch_max(limits.active(Resource::Requests), Relaxed);
                            limits.release_request();
                        }
                    }
                });
            }
        });
        assert!(most.into_inner() <= 3);
        assert_eq!(limits.active(Resource::Requests), 0);
    }

    #[test]
    fn counts_do_not_share_cache_lines() {
        assert_eq!(size_of::<Limits>(), 4 * 64);
    }
}
