//! A plan at work: the plan and the running clusters it names, swapped as one pointer.

use std::sync::{Arc, Weak};

use mesh_core::endpoint::{ClusterId, Endpoint};
use mesh_core::plan::{ClusterNode, Discovery, DnsTarget, Plan, Settings};

use crate::clock::SharedRng;
use crate::upstream::discover::{Following, Names};
use crate::upstream::health;
use crate::upstream::state::Cluster;
use crate::upstream::transport::Connect;

/// The parts that background tasks of clusters share.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) connector: Arc<dyn Connect>,
    pub(crate) rng: SharedRng,
    pub(crate) names: Names,
}

/// The plan in force and its running state.
///
/// A cluster whose policy did not change is the same object as before: its counts, ejections and
/// budget survive the reload, and the workers keep their connections.
#[derive(Debug)]
pub struct Live {
    plan: Arc<Plan>,
    clusters: Vec<Arc<Cluster>>,
}

impl Live {
    /// Links a plan to running state, taking over from `previous` what did not change.
    ///
    /// Spawns the background tasks of new clusters (ejection ticks, health checks, DNS) on the current runtime;
    /// they end when the cluster is not in use any more.
    pub(crate) fn link(plan: Arc<Plan>, previous: Option<&Self>, tools: &Tools) -> Self {
        tools.names.set_refresh_rate(plan.settings.dns_refresh_rate);
        let link = |(place, node): (usize, &ClusterNode)| {
            let Some((before, cluster)) = previous.and_then(|live| live.earlier(place, node)) else {
                return start(node, None, &plan.settings, tools);
            };
            let same_policy =
                Arc::ptr_eq(&before.policy, &node.policy) || cluster.plan().same_policy(&node.policy);
            match (&before.discovery, &node.discovery) {
                (Discovery::Static(known), Discovery::Static(endpoints)) if same_policy => {
                    let is_same = |(known, now): (&Arc<Endpoint>, &Arc<Endpoint>)| Arc::ptr_eq(known, now);
                    let is_changed =
                        known.len() != endpoints.len() || !known.iter().zip(endpoints).all(is_same);
                    if is_changed && cluster.pushed().is_none() {
                        cluster.update_endpoints(endpoints);
                    }
                    Arc::clone(cluster)
                }
                (known, now) if same_policy && known == now => Arc::clone(cluster),
                _ => start(node, Some(cluster), &plan.settings, tools),
            }
        };
        let clusters = plan.clusters.iter().enumerate().map(link).collect();
        Self { plan, clusters }
    }

    /// What a cluster was before, which will be at `place`: mostly it stood there too.
    fn earlier(&self, place: usize, node: &ClusterNode) -> Option<(&ClusterNode, &Arc<Cluster>)> {
        let stayed = |known: &&ClusterNode| Arc::ptr_eq(&known.policy, &node.policy);
        let place = match self.plan.clusters.get(place).filter(stayed) {
            Some(_) => place,
            None => self.plan.cluster_ids.get(&node.policy.key)?.index()?,
        };
        Some((self.plan.clusters.get(place)?, self.clusters.get(place)?))
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The running clusters, in the plan's order.
    #[must_use]
    pub fn clusters(&self) -> &[Arc<Cluster>] {
        &self.clusters
    }

    /// The running cluster of this id.
    #[must_use]
    pub fn cluster(&self, id: ClusterId) -> Option<&Arc<Cluster>> {
        self.clusters.get(id.index()?)
    }
}

fn start(
    node: &ClusterNode,
    earlier: Option<&Arc<Cluster>>,
    settings: &Settings,
    tools: &Tools,
) -> Arc<Cluster> {
    let endpoints: &[Arc<Endpoint>] = match &node.discovery {
        Discovery::Static(endpoints) => endpoints,
        Discovery::Dns(_) | Discovery::DnsFirst(_) | Discovery::Authority => &[],
    };
    let cluster = Arc::new(Cluster::new(node.policy.clone(), endpoints, settings.istio_runtime));
    if let (Discovery::Static(_), Some(pushed)) = (&node.discovery, earlier.and_then(|one| one.pushed())) {
        cluster.push_endpoints(&pushed);
    }
    // Names that an earlier cluster follows are known: their addresses hold until the next lookup.
    match &node.discovery {
        Discovery::Dns(targets) => follow(&cluster, targets, false, &tools.names),
        Discovery::DnsFirst(target) => follow(&cluster, std::slice::from_ref(&**target), true, &tools.names),
        Discovery::Static(_) | Discovery::Authority => {}
    }
    if let Some(earlier) = earlier {
        cluster.inherit(earlier);
    }
    Cluster::keep_ticking(&cluster);
    health::follow(&cluster, &tools.connector, &tools.rng);
    cluster
}

/// The names' addresses are the cluster's endpoints from now on.
fn follow(cluster: &Arc<Cluster>, targets: &[DnsTarget], first_only: bool, names: &Names) {
    let endpoints: Weak<Cluster> = Arc::downgrade(cluster);
    cluster.set_following(Following::start(endpoints, targets, first_only, names));
}
