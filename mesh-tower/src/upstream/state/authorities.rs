//! The clusters of hosts that only requests name, process-wide.
//!
//! An authority is a cluster of its own: made when it is first called, kept until no worker has called it for a
//! while and its last request is over. Its limits, budget and ejections are facts about the destination like any
//! other's; so they count all workers' requests (CB-8, CB-10).

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, Weak};

use mesh_core::balance::BalancePolicy;
use mesh_core::endpoint::Endpoint;
use mesh_core::hash::WordHash;
use mesh_core::headers::FieldLimit;
use mesh_core::plan::{ClusterKey, ClusterPlan, DnsTarget};
use tokio::runtime::Handle;

use super::Cluster;
use crate::upstream::discover::{Following, Names};

/// When this many are known, those that are not in use any more are forgotten.
const MANY: usize = 1024;

/// The host that a request names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Authority {
    /// In lower case, with the port if the request has one.
    name: String,
    https: bool,
    /// The cluster whose policy holds, if the registry has one.
    cluster: Option<ClusterKey>,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Authorities {
    names: Names,
    istio_runtime: bool,
    /// How large the fields of a host may be where no policy sets it.
    max_fields: FieldLimit,
    /// The mesh's runtime: tasks on it outlive the worker that calls an authority first.
    runtime: Handle,
    known: Mutex<HashMap<Authority, Known>>,
}

#[derive(Debug)]
struct Known {
    policy: Policy,
    cluster: Weak<Cluster>,
}

/// The policy that an authority's cluster is made by, as it stands in the plan; `None` for hosts that the
/// registry does not know.
#[derive(Clone, Debug)]
pub(crate) struct Policy(Option<Arc<ClusterPlan>>);

impl Policy {
    pub(crate) fn new(policy: Option<&Arc<ClusterPlan>>) -> Self {
        Self(policy.cloned())
    }

    /// Whether a cluster that was made for one serves the other.
    pub(crate) fn is(&self, other: Option<&Arc<ClusterPlan>>) -> bool {
        match (&self.0, other) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a.same_policy(b),
            _ => false,
        }
    }
}

impl Authority {
    pub(crate) fn new(name: &str, https: bool, policy: Option<&Arc<ClusterPlan>>) -> Self {
        let cluster = policy.map(|policy| policy.key.clone());
        Self { name: name.to_ascii_lowercase(), https, cluster }
    }

    /// The seed of the draws of a worker for it: the same texts give the same seed in every process (OU-1).
    pub(crate) fn seed(&self, of_worker: u64) -> u64 {
        let cluster = self.cluster.as_ref().map(ToString::to_string);
        WordHash::default().hash_one((of_worker, &self.name, self.https, cluster))
    }

    fn host(&self) -> &str {
        mesh_core::route::host_of(&self.name)
    }

    /// The host as it is looked up, and as its certificate calls it.
    pub(crate) fn bare_host(&self) -> &str {
        self.host().trim_start_matches('[').trim_end_matches(']')
    }

    fn port(&self) -> Option<u16> {
        self.name.get(self.host().len() + 1..)?.parse().ok()
    }
}

impl Authorities {
    /// Follows names on the current runtime, whichever thread calls an authority.
    pub(crate) fn new(names: Names, istio_runtime: bool, max_fields: FieldLimit) -> Self {
        Self { names, istio_runtime, max_fields, runtime: Handle::current(), known: Mutex::default() }
    }

    /// The cluster of `authority`, whose name is followed from now on.
    pub(crate) fn cluster(&self, authority: &Authority, policy: Option<&Arc<ClusterPlan>>) -> Arc<Cluster> {
        let mut known = self.known.lock().expect("no panic while the map is held");
        if let Some(one) = known.get_mut(authority)
            && one.policy.is(policy)
            && let Some(cluster) = one.cluster.upgrade()
        {
            one.policy = Policy::new(policy);
            return cluster;
        }
        if known.len() >= MANY {
            known.retain(|_, one| one.cluster.strong_count() > 0);
        }
        let cluster = self.start(authority, policy);
        if let Some(earlier) = known.get(authority).and_then(|one| one.cluster.upgrade()) {
            cluster.inherit(&earlier);
        }
        let one = Known { policy: Policy::new(policy), cluster: Arc::downgrade(&cluster) };
        known.insert(authority.clone(), one);
        cluster
    }

    fn start(&self, authority: &Authority, policy: Option<&Arc<ClusterPlan>>) -> Arc<Cluster> {
        let _runtime = self.runtime.enter();
        let host = authority.bare_host();
        let scheme_port = if authority.https { 443 } else { 80 };
        let port = authority.port().unwrap_or_else(|| policy.map_or(scheme_port, |policy| policy.port));
        let mut plan =
            policy.map_or_else(|| ClusterPlan::passthrough(host, port), |policy| ClusterPlan::clone(policy));
        plan.circuit.max_fields = self.max_fields;
        // All addresses of the name alike, whatever was chosen for endpoints that are listed.
        plan.balance = BalancePolicy::RoundRobin;
        // Hosts that only requests name are not checked.
        plan.health = None;
        plan.locality = None;
        if authority.https && plan.tls.is_none() {
            plan.tls = Some(Box::default());
        }
        let cluster = Arc::new(Cluster::new(Arc::new(plan), &[], self.istio_runtime));
        let template = Endpoint::new(([0, 0, 0, 0], port).into());
        let target = DnsTarget { name: host.into(), port, template };
        let endpoints: Weak<Cluster> = Arc::downgrade(&cluster);
        cluster.set_following(Following::authority(endpoints, target, &self.names));
        Cluster::keep_ticking(&cluster);
        cluster
    }
}
