//! Destinations: one cluster for each service, port and subset (VA-1, DR-5, DR-6).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::destination_rules::{Blocks, Rule, Rules, with_mesh_defaults};
use super::keys;
use super::locality;
use super::missing::Missing;
use super::policies;
use crate::api::istio::Subset;
use crate::balance::{BalancePolicy, HashSource};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::endpoint::ClusterId;
use crate::error::Origin;
use crate::hash::WordHash;
use crate::identity::{Labels, Workload};
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::settings::Mesh;
use crate::plan::compile::registry::{self, Port, Registry, Service};
use crate::plan::{ClusterKey, ClusterNode, ClusterPlan, Discovery, UpstreamProtocol};

/// Envoy's threshold where no outlier detection says another (LB-14).
const DEFAULT_PANIC: u32 = 50;

/// The clusters of the plan under construction.
#[derive(Debug)]
pub(crate) struct Clusters {
    workload: Arc<Workload>,
    /// What the program says, by host.
    picks: HashMap<String, BalancePolicy>,
    findings: Diagnostics,
    /// Where something was found: a rule stands for many clusters.
    found_at: HashSet<Origin>,
    nodes: Vec<ClusterNode>,
    ids: HashMap<ClusterKey, ClusterId, WordHash>,
    /// The names of subsets, each text once.
    subsets: HashSet<Arc<str>>,
    /// What those hash that balance by hash.
    keys: HashMap<ClusterId, HashSource>,
}

/// Where a cluster's endpoints come from: its port, or where each request wants to go (LB-1).
pub(crate) fn discovery_of(balance: BalancePolicy, port: &Port, labels: Option<&Labels>) -> Discovery {
    registry::distinct(match (balance, labels) {
        (BalancePolicy::Passthrough, _) => Discovery::Authority,
        (_, Some(labels)) => registry::subset(&port.discovery, labels),
        (_, None) => port.discovery.clone(),
    })
}

impl Clusters {
    /// No clusters yet; they will be seen from `workload`.
    pub(crate) fn new(workload: Arc<Workload>, picks: HashMap<String, BalancePolicy>) -> Self {
        Self {
            workload,
            picks,
            findings: Diagnostics::new(),
            found_at: HashSet::new(),
            nodes: Vec::new(),
            ids: HashMap::default(),
            subsets: HashSet::new(),
            keys: HashMap::new(),
        }
    }

    /// What is probably not meant.
    pub(crate) fn take_findings(&mut self) -> Diagnostics {
        std::mem::take(&mut self.findings)
    }

    pub(crate) fn into_parts(self) -> (Vec<ClusterNode>, HashMap<ClusterKey, ClusterId, WordHash>) {
        (self.nodes, self.ids)
    }

    pub(crate) fn get(&self, key: &ClusterKey) -> Option<ClusterId> {
        self.ids.get(key).copied()
    }

    pub(crate) fn node(&self, id: ClusterId) -> Option<&ClusterNode> {
        self.nodes.get(id.index()?)
    }

    /// What the requests to a cluster are hashed by (LB-5).
    pub(crate) fn key(&self, id: ClusterId) -> Option<&HashSource> {
        self.keys.get(&id)
    }

    pub(crate) fn insert(&mut self, node: ClusterNode) -> ClusterId {
        let id = ClusterId(u32::try_from(self.nodes.len()).expect("clusters are numbered in 32 bits"));
        self.ids.insert(node.policy.key.clone(), id);
        self.nodes.push(node);
        id
    }

    /// Changes the plans of the clusters that are called; those of listeners stay.
    pub(crate) fn each(&mut self, mut change: impl FnMut(&mut ClusterPlan)) {
        for node in &mut self.nodes {
            if node.policy.key.is_outbound() {
                change(Arc::make_mut(&mut node.policy));
            }
        }
    }

    /// The document without which a service must not be called, if there is one (Y-12).
    fn shut(service: &Service, rule: Option<&Rule<'_>>) -> Option<Arc<str>> {
        service.refused.clone().or_else(|| rule?.refused.clone())
    }

    /// Makes the clusters of all ports and subsets of a service.
    pub(crate) fn add_service<'a>(&mut self, service: &Service, rules: &Rules<'a>, mesh: &Mesh<'a>) {
        let rule = rules.find(&service.identity.host, &service.identity.namespace);
        if Self::shut(service, rule).is_some() {
            return;
        }
        for port in &service.ports {
            self.ensure(service, port.number, None, rule, mesh);
            for (_, subset) in rule.iter().flat_map(|rule| &rule.subsets) {
                self.ensure(service, port.number, Some(subset), rule, mesh);
            }
        }
    }

    /// The cluster of a destination, made if it is not there yet.
    pub(crate) fn destination<'a>(
        &mut self,
        registry: &Registry,
        rules: &Rules<'a>,
        mesh: &Mesh<'a>,
        host: &str,
        port: u16,
        subset: &str,
    ) -> Result<ClusterId, Missing> {
        let named = registry.find_visible(host).ok_or(Missing::Host)?;
        let service = self.concrete(registry, rules, mesh, named, port).unwrap_or(named);
        let rule = rules.find(&service.identity.host, &service.identity.namespace);
        if let Some(document) = Self::shut(service, rule) {
            return Err(Missing::Refused(document));
        }
        if service.port(port).is_none() {
            return Err(Missing::Port(service.ports.iter().map(|port| port.number).collect()));
        }
        let chosen = if subset.is_empty() {
            None
        } else {
            let known = rule.map(|rule| rule.subsets.as_slice()).unwrap_or_default();
            let found = known.iter().find(|(_, known)| known.name == subset).map(|(_, subset)| *subset);
            Some(found.ok_or_else(|| {
                let names = known.iter().map(|(_, subset)| subset.name.clone()).collect();
                Missing::Subset(names, rule.map(Rule::origin))
            })?)
        };
        Ok(self.ensure(service, port, chosen, rule, mesh))
    }

    /// The service itself where this is another name of one: what its rules say, above all of encryption, holds by
    /// that name too (SE-1). What is written for the other name holds for those who use it.
    fn concrete<'r>(
        &self,
        registry: &'r Registry,
        rules: &Rules<'_>,
        mesh: &Mesh<'_>,
        named: &'r Service,
        port: u16,
    ) -> Option<&'r Service> {
        let end = named.alias.as_deref()?;
        let host = &*named.identity.host;
        let is_own = |rule: &Rule<'_>| {
            let resource = rule.resource;
            let suffix = &mesh.settings.domain_suffix;
            names::resolve(&resource.spec.host, &resource.meta.namespace, suffix) == host
        };
        let own = rules.find(host, &named.identity.namespace).is_some_and(is_own);
        if own || self.picks.contains_key(host) {
            return None;
        }
        let service = registry.find_visible(end)?;
        (*service.identity.host == *end && service.port(port).is_some()).then_some(service)
    }

    /// The text as all clusters share it.
    fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.subsets.get(name) {
            return Arc::clone(known);
        }
        let name = Arc::<str>::from(name);
        self.subsets.insert(Arc::clone(&name));
        name
    }

    fn ensure<'a>(
        &mut self,
        service: &Service,
        port: u16,
        subset: Option<&'a Subset>,
        rule: Option<&Rule<'a>>,
        mesh: &Mesh<'a>,
    ) -> ClusterId {
        let subset_name = self.shared(subset.map_or("", |subset| subset.name.as_str()));
        let key = ClusterKey::outbound(Arc::clone(&service.identity.host), port, Arc::clone(&subset_name));
        if let Some(id) = self.get(&key) {
            return id;
        }
        let written = service.port(port).expect("asked for a port of the service");
        let mut blocks = Blocks::default();
        let origin = match rule {
            Some(rule) => {
                blocks = rule.blocks(port, subset, mesh);
                rule.origin()
            }
            None => {
                with_mesh_defaults(&mut blocks, mesh);
                service.origin.clone()
            }
        };
        let at =
            |origin: Origin| rule.map_or_else(|| origin.clone(), |rule| rule.resource.locate(origin.clone()));
        let pool_origin = blocks.pool.map_or_else(|| origin.clone(), |pool| at(pool.at.origin()));
        let mut refused = Vec::new();
        let circuit = policies::circuit(&blocks, mesh, &pool_origin, &mut refused);
        let mut outlier = policies::outlier(&blocks, &mut refused);
        if let (Some(policy), Some(written)) = (&mut outlier, blocks.outlier) {
            policy.origin = at(written.at.origin());
        }
        let protocol = match written.protocol.upstream() {
            _ if circuit.use_client_protocol && written.protocol.is_routed() => UpstreamProtocol::Downstream,
            UpstreamProtocol::Http1 if circuit.h2_upgrade => UpstreamProtocol::Http2,
            protocol => protocol,
        };
        let told = self.picks.get(&*service.identity.host).copied();
        let balance = told.unwrap_or_else(|| policies::balance(&blocks));
        let warm_up = policies::warm_up(&blocks, balance, &mut refused);
        for finding in refused {
            self.findings.push(Diagnostic { origin: at(finding.origin.clone()), ..finding });
        }
        let labels = subset.map(|subset| &subset.labels);
        let discovery = discovery_of(balance, written, labels);
        let locality = locality::policy(&blocks, service, &self.workload, mesh, at);
        let finding = locality::findings(&blocks, service, mesh, locality.as_ref(), &discovery, at);
        if let Some(finding) = finding.filter(|finding| self.found_at.insert(finding.origin.clone())) {
            self.findings.push(finding);
        }
        let percent = match &outlier {
            _ if service.unready => 0,
            Some(outlier) => outlier.min_health_percent,
            None => DEFAULT_PANIC,
        };
        let hashed = blocks.balancer.and_then(|balancer| keys::source(balancer.consistent_hash.as_ref()?));
        let id = self.insert(ClusterNode {
            policy: Arc::new(ClusterPlan {
                name: key.to_string().into(),
                key,
                service: service.identity.clone(),
                port,
                subset: subset_name,
                subset_labels: subset.map(|subset| subset.labels.clone()).unwrap_or_default(),
                protocol,
                balance,
                panic_threshold: percent,
                locality,
                warm_up,
                circuit,
                outlier,
                health: None,
                headless: service.headless,
                tls: policies::tls(&blocks, &service.subject_alt_names),
                origin,
            }),
            discovery,
        });
        if let Some(hashed) = hashed {
            self.keys.insert(id, hashed);
        }
        id
    }
}
