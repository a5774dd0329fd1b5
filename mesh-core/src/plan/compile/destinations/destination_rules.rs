//! What the DestinationRules of a host say for a port and subset (DR-3 to DR-6).

use std::sync::Arc;

use crate::api::Resource;
use crate::api::istio::{
    ClientTlsSettings, ConnectionPoolSettings, DestinationRule, LoadBalancerSettings, OutlierDetection,
    PortTrafficPolicy, RetryBudget, Subset, TrafficPolicy,
};
use crate::error::Origin;
use crate::plan::compile::inputs::refusal;
use crate::plan::compile::inputs::settings::Mesh;

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
        if let Some(policy) = subset.and_then(|subset| subset.traffic_policy.as_deref()) {
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

    /// The rule of one host, from all of its documents, oldest first; `None` if there are none.
    pub(crate) fn merged(documents: &[&'a Resource<DestinationRule>]) -> Option<Self> {
        let resource = *documents.first()?;
        let mut rule = Self { resource, subsets: Vec::new(), policy: None, refused: None };
        for document in documents {
            if document.is_refused() {
                rule.refused = Some(Arc::clone(&document.source.resource));
            } else {
                rule.take(document);
            }
        }
        Some(rule)
    }

    /// Adds what another rule of the host says, where none has said it so far.
    fn take(&mut self, resource: &'a Resource<DestinationRule>) {
        for subset in &resource.spec.subsets {
            if !self.subsets.iter().any(|(_, known)| known.name == subset.name) {
                self.subsets.push((resource, subset));
            }
        }
        self.policy = self.policy.or_else(|| Some((resource, resource.spec.traffic_policy.as_deref()?)));
    }

    /// Whether it says that calls are encrypted, or some of them.
    pub(super) fn encrypts(&self) -> bool {
        let own = self.policy.map(|(_, policy)| policy);
        refusal::any_encrypts(own, self.subsets.iter().map(|(_, subset)| *subset))
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
