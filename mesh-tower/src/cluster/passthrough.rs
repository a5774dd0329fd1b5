//! Destinations that the request itself names: hosts that the registry does not know, under
//! `ALLOW_ANY` (H-8), and services without endpoints of their own (SE-7: `NONE`, `DYNAMIC_DNS`).
//!
//! An authority is a cluster of its own, made when it is first called and forgotten when it is not
//! called any more; as long as it is known, its name is followed like any other.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use mesh_core::balance::BalancePolicy;
use mesh_core::circuit::CircuitPolicy;
use mesh_core::endpoint::Endpoint;
use mesh_core::error::Origin;
use mesh_core::hash::WordHash;
use mesh_core::plan::{self, ClusterPlan, DnsTarget, ServiceIdentity, UpstreamProtocol};

use super::{Cluster, ClusterPool};
use crate::clock::{FastRng, now};
use crate::discover::{Following, Names};
use crate::pool::Connect;
use crate::tls::ClientTls;

/// How many authorities are kept; beyond, an arbitrary one is forgotten with its idle connections.
const MAX_AUTHORITIES: usize = 1024;

/// An authority that was not called for this long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(300);

/// The authorities called lately, one cluster each.
#[derive(Debug)]
pub(crate) struct Passthrough {
    connector: Arc<dyn Connect>,
    names: Names,
    /// Of the balancers; each draws from its own, so that which is called first does not matter (OU-1).
    seed: u64,
    known: Mutex<HashMap<Key, Known>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    authority: String,
    https: bool,
    /// The cluster whose policy holds, if the registry has one.
    cluster: Option<Arc<str>>,
}

#[derive(Debug)]
struct Known {
    /// The policy that it was made by, as it stands in the plan.
    policy: Option<Arc<ClusterPlan>>,
    pool: Arc<ClusterPool>,
    used: Instant,
    ticked: Instant,
}

impl Passthrough {
    pub(crate) fn new(connector: Arc<dyn Connect>, names: Names, seed: u64) -> Self {
        Self { connector, names, seed, known: Mutex::default() }
    }

    /// The pool for `authority`, by the policy of its cluster if the registry has one.
    pub(crate) fn pool(
        &self,
        policy: Option<&Arc<ClusterPlan>>,
        authority: &str,
        https: bool,
    ) -> Arc<ClusterPool> {
        let cluster = policy.map(|policy| policy.name.clone());
        let key = Key { authority: authority.to_ascii_lowercase(), https, cluster };
        let mut known = self.lock();
        if let Some(one) = known.get_mut(&key)
            && same(one.policy.as_ref(), policy)
        {
            one.used = now();
            return one.pool.clone();
        }
        let pool = Arc::new(self.make(policy, &key));
        if known.len() >= MAX_AUTHORITIES
            && !known.contains_key(&key)
            && let Some(victim) = known.keys().next().cloned()
        {
            known.remove(&victim);
        }
        let one = Known { policy: policy.cloned(), pool: pool.clone(), used: now(), ticked: now() };
        known.insert(key, one);
        pool
    }

    /// Closes connections that have been idle for too long, and forgets who is not called any more.
    pub(crate) fn sweep(&self) {
        let now = now();
        let mut known = self.lock();
        known.retain(|_, one| now.saturating_duration_since(one.used) < FORGET_AFTER);
        for one in known.values_mut() {
            one.pool.sweep();
            let interval = one.pool.cluster().tick_interval();
            if interval.is_some_and(|interval| now.saturating_duration_since(one.ticked) >= interval) {
                one.ticked = now;
                one.pool.cluster().tick();
            }
        }
    }

    fn make(&self, policy: Option<&Arc<ClusterPlan>>, key: &Key) -> ClusterPool {
        let host = mesh_core::route::host_of(&key.authority);
        let port = key.authority.get(host.len() + 1..).and_then(|port| port.parse().ok());
        let scheme_port = if key.https { 443 } else { 80 };
        let port = port.unwrap_or_else(|| policy.map_or(scheme_port, |policy| policy.port));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut plan = policy.map_or_else(|| unknown(host, port), |policy| ClusterPlan::clone(policy));
        // All addresses of the name alike, whatever was chosen for endpoints that are listed.
        plan.balance = BalancePolicy::RoundRobin;
        // Nobody asks hosts that only requests know.
        plan.health = None;
        plan.locality = None;
        if key.https && plan.tls.is_none() {
            plan.tls = Some(plan::ClientTls::default());
        }
        let tls = plan.tls.as_ref().map(|tls| ClientTls::new(tls, host));
        let cluster = Arc::new(Cluster::new(Arc::new(plan), &[], false));
        let template = Endpoint::new(([0, 0, 0, 0], port).into());
        let target = DnsTarget { name: host.into(), port, template };
        Following::authority(&cluster, target, &self.names);
        let rng = FastRng::seeded(WordHash::default().hash_one((self.seed, key)));
        ClusterPool::new(cluster, self.connector.clone(), tls, rng)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Known>> {
        self.known.lock().expect("no panic while the map is held")
    }
}

/// Whether what was made for one holds for the other.
fn same(a: Option<&Arc<ClusterPlan>>, b: Option<&Arc<ClusterPlan>>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a.same_policy(b),
        _ => false,
    }
}

/// The policy for a host that nobody has described.
fn unknown(host: &str, port: u16) -> ClusterPlan {
    let service = ServiceIdentity {
        host: host.into(),
        name: "PassthroughCluster".into(),
        namespace: "unknown".into(),
        external: true,
    };
    ClusterPlan {
        name: "PassthroughCluster".into(),
        service,
        port,
        subset: "".into(),
        subset_labels: Default::default(),
        protocol: UpstreamProtocol::Downstream,
        balance: BalancePolicy::RoundRobin,
        panic_threshold: 0,
        locality: None,
        warm_up: None,
        circuit: CircuitPolicy::default(),
        outlier: None,
        health: None,
        headless: false,
        tls: None,
        origin: Origin::default(),
    }
}
