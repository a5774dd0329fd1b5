//! One worker's machinery for hosts that requests name: those that the registry does not know, under
//! `ALLOW_ANY` (H-8), and services without endpoints of their own (SE-7: `NONE`, `DYNAMIC_DNS`).
//!
//! A pool is made when an authority is first called and forgotten when it is not called any more; as long as
//! some worker has one, the [cluster](crate::upstream::state) lives and its name is followed like any other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use mesh_core::plan::ClusterPlan;

use super::ClusterPool;
use crate::clock::{FastRng, now};
use crate::upstream::state::{Authorities, Authority, Cluster, Policy};
use crate::upstream::transport::{ClientTls, Connect};

/// How many authorities are kept; beyond, an arbitrary one is forgotten with its idle connections.
const MAX_AUTHORITIES: usize = 1024;

/// An authority that was not called for this long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(300);

/// The authorities that this worker called lately.
#[derive(Debug)]
pub(crate) struct Passthrough {
    connector: Arc<dyn Connect>,
    authorities: Arc<Authorities>,
    /// Of the balancers; each draws from its own, so that the order of first calls does not matter (OU-1).
    seed: u64,
    known: Mutex<HashMap<Authority, Known>>,
}

#[derive(Debug)]
struct Known {
    policy: Policy,
    pool: Arc<ClusterPool>,
    used: Instant,
}

impl Passthrough {
    pub(crate) fn new(connector: Arc<dyn Connect>, authorities: Arc<Authorities>, seed: u64) -> Self {
        Self { connector, authorities, seed, known: Mutex::default() }
    }

    /// The pool for `authority`, by the policy of its cluster if the registry has one.
    pub(crate) fn pool(
        &self,
        policy: Option<&Arc<ClusterPlan>>,
        authority: &str,
        https: bool,
    ) -> Arc<ClusterPool> {
        let authority = Authority::new(authority, https, policy);
        if let Some(pool) = self.known(&authority, policy) {
            return pool;
        }
        // Outside of the lock, for which other requests wait. If two make one at once, the later takes the place of
        // the earlier; the cluster is the same.
        let pool = Arc::new(self.make(self.authorities.cluster(&authority, policy), &authority));
        let mut known = self.lock();
        if known.len() >= MAX_AUTHORITIES
            && !known.contains_key(&authority)
            && let Some(victim) = known.keys().next().cloned()
        {
            known.remove(&victim);
        }
        let one = Known { policy: Policy::new(policy), pool: pool.clone(), used: now() };
        known.insert(authority, one);
        pool
    }

    fn known(&self, authority: &Authority, policy: Option<&Arc<ClusterPlan>>) -> Option<Arc<ClusterPool>> {
        let mut known = self.lock();
        let one = known.get_mut(authority).filter(|one| one.policy.is(policy))?;
        // After a reload the next comparison is one of pointers again.
        one.policy = Policy::new(policy);
        one.used = now();
        Some(one.pool.clone())
    }

    /// Closes connections that have been idle for too long, and forgets authorities that are not called any more.
    pub(crate) fn sweep(&self) {
        let now = now();
        let mut known = self.lock();
        known.retain(|_, one| now.saturating_duration_since(one.used) < FORGET_AFTER);
        known.values().for_each(|one| one.pool.sweep());
    }

    fn make(&self, cluster: Arc<Cluster>, authority: &Authority) -> ClusterPool {
        let tls = cluster.plan().tls.as_ref().map(|tls| ClientTls::new(tls, authority.bare_host()));
        let rng = FastRng::seeded(authority.seed(self.seed));
        ClusterPool::new(cluster, self.connector.clone(), tls, rng)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Authority, Known>> {
        self.known.lock().expect("no panic while the map is held")
    }
}
