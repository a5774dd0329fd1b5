//! The clusters of a plan, numbered in the order in which they are asked for.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::callable::Callable;
use crate::balance::HashSource;
use crate::diagnostic::Diagnostics;
use crate::endpoint::ClusterId;
use crate::error::Origin;
use crate::plan::{ClusterIds, ClusterKey, ClusterNode, ClusterPlan, Plan};

/// The begin of what is not there yet.
const NONE: u32 = u32::MAX;

/// The clusters of the plan under construction.
#[derive(Debug)]
pub(crate) struct Clusters {
    findings: Diagnostics,
    /// Where something was found: a rule stands for many clusters.
    found_at: HashSet<Origin>,
    nodes: Vec<ClusterNode>,
    /// By key, from the first time that one is asked for by its key.
    ids: OnceCell<ClusterIds>,
    /// Whether one is there that no service of the registry has.
    has_others: bool,
    /// Of each service of the registry where its part of `numbers` begins; [`NONE`] before one is asked for.
    first: Vec<u32>,
    /// The clusters that are there, by variant.
    numbers: Vec<ClusterId>,
    /// What those hash that balance by hash.
    keys: HashMap<ClusterId, HashSource>,
}

/// The places of clusters, by key.
fn ids(nodes: &[ClusterNode]) -> ClusterIds {
    let ids = (0..).map(ClusterId);
    nodes.iter().zip(ids).map(|(node, id)| (node.policy.key.clone(), id)).collect()
}

impl Clusters {
    /// No clusters yet, of this many services.
    pub(crate) fn new(services: usize) -> Self {
        Self {
            findings: Diagnostics::new(),
            found_at: HashSet::new(),
            nodes: Vec::new(),
            ids: OnceCell::new(),
            has_others: false,
            first: vec![NONE; services],
            numbers: Vec::new(),
            keys: HashMap::new(),
        }
    }

    /// What is probably not meant.
    pub(crate) fn take_findings(&mut self) -> Diagnostics {
        std::mem::take(&mut self.findings)
    }

    /// The clusters and their places by key; those of the last plan, if they are the same.
    pub(crate) fn into_parts(mut self, last: Option<&Plan>) -> (Vec<ClusterNode>, Arc<ClusterIds>) {
        let is_same = |(now, before): (&ClusterNode, &ClusterNode)| {
            Arc::ptr_eq(&now.policy, &before.policy) || now.policy.key == before.policy.key
        };
        let same = last.filter(|last| {
            last.clusters.len() == self.nodes.len() && self.nodes.iter().zip(&last.clusters).all(is_same)
        });
        let ids = match (same, self.ids.take()) {
            (Some(last), _) => Arc::clone(&last.cluster_ids),
            (None, Some(ids)) => Arc::new(ids),
            (None, None) => Arc::new(ids(&self.nodes)),
        };
        (self.nodes, ids)
    }

    pub(crate) fn get(&self, key: &ClusterKey) -> Option<ClusterId> {
        self.ids.get_or_init(|| ids(&self.nodes)).get(key).copied()
    }

    pub(crate) fn node(&self, id: ClusterId) -> Option<&ClusterNode> {
        self.nodes.get(id.index()?)
    }

    /// What the requests to a cluster are hashed by (LB-5).
    pub(crate) fn key(&self, id: ClusterId) -> Option<&HashSource> {
        self.keys.get(&id)
    }

    /// Adds a cluster that is none of a service of the registry as it is.
    pub(crate) fn insert(&mut self, node: ClusterNode) -> ClusterId {
        self.has_others = true;
        self.push(node)
    }

    fn push(&mut self, node: ClusterNode) -> ClusterId {
        let id = ClusterId(u32::try_from(self.nodes.len()).expect("clusters are numbered in 32 bits"));
        if let Some(ids) = self.ids.get_mut() {
            ids.insert(node.policy.key.clone(), id);
        }
        self.nodes.push(node);
        id
    }

    /// Changes the plans of the clusters that are called and that `choose` finds something for; those of listeners stay.
    /// One that is then as it was in the last plan is that one.
    pub(crate) fn each<T>(
        &mut self,
        last: Option<&Plan>,
        choose: impl Fn(&ClusterPlan) -> Option<T>,
        mut change: impl FnMut(&mut ClusterPlan, T),
    ) {
        for node in self.nodes.iter_mut().filter(|node| node.policy.key.is_outbound()) {
            let Some(chosen) = choose(&node.policy) else { continue };
            change(Arc::make_mut(&mut node.policy), chosen);
            let before = last.and_then(|last| last.cluster(*last.cluster_ids.get(&node.policy.key)?));
            if let Some(before) = before.filter(|before| before.policy == node.policy) {
                node.policy = Arc::clone(&before.policy);
            }
        }
    }

    /// The clusters of all ports and subsets of the service at this place.
    pub(crate) fn add_all(&mut self, service: usize, callable: &Callable) {
        let per_port = 1 + callable.subsets.len();
        for port in &callable.service.ports {
            let Some(first) = callable.variant(port.number, "") else { continue };
            for variant in first..callable.variants.len().min(first + per_port) {
                self.ensure(service, callable, variant);
            }
        }
    }

    /// The cluster of a variant of the service at this place, added if it is not there yet.
    pub(crate) fn ensure(&mut self, service: usize, callable: &Callable, variant: usize) -> ClusterId {
        if self.first[service] == NONE {
            self.first[service] =
                u32::try_from(self.numbers.len()).expect("clusters are numbered in 32 bits");
            self.numbers.resize(self.numbers.len() + callable.variants.len(), ClusterId::UNKNOWN);
        }
        let place = self.first[service] as usize + variant;
        if self.numbers[place] != ClusterId::UNKNOWN {
            return self.numbers[place];
        }
        let made = &callable.variants[variant];
        // One that was kept from the last plan may have the key.
        if let Some(kept) = self.has_others.then(|| self.get(&made.node.policy.key)).flatten() {
            self.numbers[place] = kept;
            return kept;
        }
        let id = self.push(made.node.clone());
        self.numbers[place] = id;
        self.findings.extend(made.refused.iter().cloned());
        if let Some(finding) = &made.finding
            && self.found_at.insert(finding.origin.clone())
        {
            self.findings.push(finding.clone());
        }
        if let Some(key) = &made.hash {
            self.keys.insert(id, key.clone());
        }
        id
    }
}
