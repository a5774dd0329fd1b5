//! Which DestinationRule holds for a service, and what it says for a port and subset (DR-2 to DR-6).

use std::collections::HashMap;
use std::sync::Arc;

use crate::api::istio::{
    ClientTlsSettings, ConnectionPoolSettings, DestinationRule, LoadBalancerSettings, OutlierDetection,
    PortTrafficPolicy, RetryBudget, Subset, TrafficPolicy,
};
use crate::api::{Documents, Resource};
use crate::error::Origin;
use crate::identity::Workload;
use crate::plan::Plan;
use crate::plan::compile::inputs::labels::has_labels;
use crate::plan::compile::inputs::names::{self, Visibility};
use crate::plan::compile::inputs::refusal;
use crate::plan::compile::inputs::settings::Mesh;
use crate::route::HostMap;

/// Rules of one host, namespace and audience, merged (DR-3).
#[derive(Clone, Debug)]
pub(crate) struct Rule<'a> {
    pub(crate) resource: &'a Resource<DestinationRule>,
    pub(crate) subsets: Vec<(&'a Resource<DestinationRule>, &'a Subset)>,
    pub(crate) policy: Option<(&'a Resource<DestinationRule>, &'a TrafficPolicy)>,
    /// One of them that is refused, and may say that calls are encrypted (Y-12).
    pub(crate) refused: Option<Arc<str>>,
}

/// The blocks in force for one port and subset.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Blocks<'a> {
    pub(crate) balancer: Option<&'a LoadBalancerSettings>,
    pub(crate) pool: Option<&'a ConnectionPoolSettings>,
    pub(crate) outlier: Option<&'a OutlierDetection>,
    pub(crate) tls: Option<&'a ClientTlsSettings>,
    pub(crate) budget: Option<&'a RetryBudget>,
}

impl<'a> Blocks<'a> {
    fn of_port(entry: &'a PortTrafficPolicy) -> Self {
        Self {
            balancer: entry.load_balancer.as_ref(),
            pool: entry.connection_pool.as_ref(),
            outlier: entry.outlier_detection.as_ref(),
            tls: entry.tls.as_ref(),
            budget: None,
        }
    }

    fn of_policy(policy: &'a TrafficPolicy) -> Self {
        Self {
            balancer: policy.load_balancer.as_ref(),
            pool: policy.connection_pool.as_ref(),
            outlier: policy.outlier_detection.as_ref(),
            tls: policy.tls.as_ref(),
            budget: policy.retry_budget.as_ref(),
        }
    }

    /// With the blocks that a subset's policy has in place of these.
    fn under(self, subset: &'a TrafficPolicy) -> Self {
        let own = Self::of_policy(subset);
        Self {
            balancer: own.balancer.or(self.balancer),
            pool: own.pool.or(self.pool),
            outlier: own.outlier.or(self.outlier),
            tls: own.tls.or(self.tls),
            budget: own.budget.or(self.budget),
        }
    }

    /// The names of those that are here and not in `entry`.
    fn missing_in(&self, entry: &Self) -> Vec<&'static str> {
        let blocks = [
            ("loadBalancer", self.balancer.is_some(), entry.balancer.is_some()),
            ("connectionPool", self.pool.is_some(), entry.pool.is_some()),
            ("outlierDetection", self.outlier.is_some(), entry.outlier.is_some()),
            ("tls", self.tls.is_some(), entry.tls.is_some()),
            ("retryBudget", self.budget.is_some(), entry.budget.is_some()),
        ];
        blocks.into_iter().filter(|(_, here, there)| *here && !there).map(|(name, ..)| name).collect()
    }
}

/// A rule's blocks for a port, without those of a subset.
fn of_rule<'a>(policy: Option<&'a TrafficPolicy>, port: u16, mesh: &Mesh<'a>) -> Blocks<'a> {
    let mut blocks = policy.map_or_else(Blocks::default, |policy| {
        port_entry(policy, port).map_or_else(|| Blocks::of_policy(policy), Blocks::of_port)
    });
    with_mesh_defaults(&mut blocks, mesh);
    blocks
}

/// The ports of a rule's own policy, or of that of one of its subsets, which lose what would hold there if
/// they were not written; and what that is (DR-6).
pub(crate) fn losses<'a>(
    rule: Option<&'a TrafficPolicy>,
    subset: Option<&'a TrafficPolicy>,
    mesh: &Mesh<'a>,
) -> Vec<(&'a PortTrafficPolicy, Vec<&'static str>)> {
    let written = subset.or(rule).map(|policy| policy.port_level_settings.as_slice()).unwrap_or_default();
    let lost = |entry: &'a PortTrafficPolicy| {
        let port = u16::try_from(entry.port.as_ref()?.number).ok()?;
        let above = match (rule, subset) {
            // A subset's port keeps the share of retries.
            (_, Some(subset)) => Blocks { budget: None, ..of_rule(rule, port, mesh).under(subset) },
            (rule, None) => rule.map(Blocks::of_policy).unwrap_or_default(),
        };
        let lost = above.missing_in(&Blocks::of_port(entry));
        (!lost.is_empty()).then_some((entry, lost))
    };
    written.iter().filter_map(lost).collect()
}

fn port_entry(policy: &TrafficPolicy, port: u16) -> Option<&PortTrafficPolicy> {
    let is_for = |entry: &&PortTrafficPolicy| {
        entry.port.as_ref().is_some_and(|selector| selector.number == u32::from(port))
    };
    policy.port_level_settings.iter().find(is_for)
}

impl<'a> Rule<'a> {
    /// The blocks for a port and subset, in DR-6's order.
    pub(crate) fn blocks(&self, port: u16, subset: Option<&'a Subset>, mesh: &Mesh<'a>) -> Blocks<'a> {
        let mut blocks = of_rule(self.policy.map(|(_, policy)| policy), port, mesh);
        if let Some(policy) = subset.and_then(|subset| subset.traffic_policy.as_ref()) {
            blocks = blocks.under(policy);
            if let Some(entry) = port_entry(policy, port) {
                blocks = Blocks { budget: blocks.budget, ..Blocks::of_port(entry) };
            }
        }
        blocks
    }

    /// The limits that bound the server's own side too: the port's, else the rule's (DR-8, SC-7).
    pub(crate) fn inbound_pool(&self, port: u16) -> Option<&'a ConnectionPoolSettings> {
        let (_, policy) = self.policy?;
        let of_port = port_entry(policy, port).and_then(|entry| entry.connection_pool.as_ref());
        of_port.or(policy.connection_pool.as_ref())
    }

    /// Adds what another rule of the host says, where none has said it so far.
    fn take(&mut self, resource: &'a Resource<DestinationRule>) {
        for subset in &resource.spec.subsets {
            if !self.subsets.iter().any(|(_, known)| known.name == subset.name) {
                self.subsets.push((resource, subset));
            }
        }
        self.policy = self.policy.or_else(|| Some((resource, resource.spec.traffic_policy.as_ref()?)));
    }

    /// Whether it says that calls are encrypted, or some of them.
    fn encrypts(&self) -> bool {
        let own = self.policy.map(|(_, policy)| policy);
        refusal::any_encrypts(own, self.subsets.iter().map(|(_, subset)| *subset))
    }

    fn selects(&self) -> bool {
        self.resource.spec.workload_selector.is_some()
    }

    pub(crate) fn origin(&self) -> Origin {
        self.resource.locate(self.resource.spec.at.field("host"))
    }
}

/// The blocks where no rule says anything.
pub(crate) fn with_mesh_defaults<'a>(blocks: &mut Blocks<'a>, mesh: &Mesh<'a>) {
    if let Some(default) = mesh.traffic_policy {
        blocks.pool = blocks.pool.or(default.connection_pool.as_ref());
        blocks.outlier = blocks.outlier.or(default.outlier_detection.as_ref());
    }
}

/// Rules of one namespace by host, most specific first.
#[derive(Clone, Debug, Default)]
struct Hosts<'a> {
    map: HostMap,
    rules: Vec<Rule<'a>>,
    by_host: HashMap<String, Vec<usize>>,
}

/// The rules that our workload's namespace sees.
#[derive(Debug, Default)]
pub(crate) struct Rules<'a> {
    all: Seen<'a>,
    /// Those that are not refused, if some are.
    good: Option<Seen<'a>>,
    /// The hosts that the last good plan calls, and whether any of it in plaintext.
    called_before: HashMap<Arc<str>, bool>,
}

#[derive(Clone, Debug, Default)]
struct Seen<'a> {
    /// Of our own namespace.
    own: Hosts<'a>,
    /// Of every namespace, as far as they are exported to us.
    exported: HashMap<&'a str, Hosts<'a>>,
    root: String,
}

impl<'a> Rules<'a> {
    pub(crate) fn build(
        documents: &'a Documents,
        mesh: &Mesh<'a>,
        workload: &Workload,
        last_good: Option<&Plan>,
    ) -> Self {
        let mut all = Seen { root: mesh.settings.root_namespace.clone(), ..Seen::default() };
        for resource in &documents.destination_rules {
            all.add(resource, mesh, workload);
        }
        let refused = refusal::refused(documents, |documents| &documents.destination_rules);
        let mut refused = refused.iter().filter(|rule| refusal::protects(rule)).peekable();
        if refused.peek().is_none() {
            return Self { all, ..Self::default() };
        }
        let good = Some(all.clone());
        for resource in refused {
            all.add(resource, mesh, workload);
        }
        let mut called_before: HashMap<Arc<str>, bool> = HashMap::new();
        for node in last_good.map(|plan| plan.clusters.as_slice()).unwrap_or_default() {
            let host = Arc::clone(&node.policy.service.host);
            *called_before.entry(host).or_default() |= node.policy.tls.is_none();
        }
        Self { all, good, called_before }
    }

    /// The rule for a host whose service is of `namespace`.
    pub(crate) fn find(&self, host: &str, namespace: &str) -> Option<&Rule<'a>> {
        let rule = self.all.find(host, namespace);
        if rule.is_none_or(|rule| rule.refused.is_none()) {
            return rule;
        }
        let good = self.good.as_ref().and_then(|good| good.find(host, namespace));
        // One that was called before without what is refused goes on: on a reload, what worked works. What was
        // encrypted then must be so now, by a rule that is good.
        let goes_on = match self.called_before.get(host) {
            Some(true) => true,
            Some(false) => good.is_some_and(Rule::encrypts),
            None => false,
        };
        if goes_on { good } else { rule }
    }
}

impl<'a> Seen<'a> {
    fn add(&mut self, resource: &'a Resource<DestinationRule>, mesh: &Mesh<'a>, workload: &Workload) {
        let client = workload.namespace.as_str();
        let namespace = resource.meta.namespace.as_str();
        let host = names::resolve(&resource.spec.host, namespace, &mesh.settings.domain_suffix);
        let default = mesh.destination_rule_export;
        let Some(seen) = names::visibility(&resource.spec.export_to, default, namespace, client) else {
            return;
        };
        // With a selector it is for its own namespace's workloads only (DR-4).
        if let Some(selector) = &resource.spec.workload_selector
            && (namespace != client || !has_labels(&workload.labels, &selector.match_labels))
        {
            return;
        }
        // The root namespace's own clients find its public rules last, like everybody (DR-2).
        let selected = resource.spec.workload_selector.is_some();
        if namespace == client && (client != self.root || seen == Visibility::Private || selected) {
            self.own.add(&host, resource);
        }
        if seen != Visibility::Private || namespace == client {
            self.exported.entry(namespace).or_default().add(&host, resource);
        }
    }

    fn find(&self, host: &str, namespace: &str) -> Option<&Rule<'a>> {
        self.own
            .find(host)
            .or_else(|| self.exported.get(namespace)?.find(host))
            .or_else(|| self.exported.get(self.root.as_str())?.find(host))
    }
}

impl<'a> Hosts<'a> {
    fn add(&mut self, host: &str, resource: &'a Resource<DestinationRule>) {
        let spec = &resource.spec;
        let same = self.by_host.entry(host.to_owned()).or_default();
        let is_same = |index: &&usize| {
            let known = &self.rules[**index].resource.spec;
            known.export_to == spec.export_to && known.workload_selector == spec.workload_selector
        };
        let index = same.iter().find(is_same).copied().unwrap_or_else(|| {
            let index = self.rules.len();
            self.rules.push(Rule { resource, subsets: Vec::new(), policy: None, refused: None });
            // One that selects us beats those for everybody (DR-4).
            let older = same.partition_point(|index| self.rules[*index].selects());
            same.insert(if spec.workload_selector.is_some() { older } else { same.len() }, index);
            index
        });
        let rule = &mut self.rules[index];
        if resource.is_refused() {
            rule.refused = Some(Arc::clone(&resource.source.resource));
        } else {
            rule.take(resource);
        }
        // Kept apart from an older rule of the host: that one is found first (DR-3).
        let first = same[0];
        let _: Result<(), usize> = self.map.insert(host, first);
    }

    fn find(&self, host: &str) -> Option<&Rule<'a>> {
        self.map.get(host).map(|index| &self.rules[index])
    }
}
