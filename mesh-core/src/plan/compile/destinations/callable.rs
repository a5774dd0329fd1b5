//! All ways to call one service: a cluster for each port, whole and by subset (VA-1, DR-5, DR-6).

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use super::destination_rules::{Blocks, Rule, with_mesh_defaults};
use super::{keys, locality, policies};
use crate::api::istio::Subset;
use crate::balance::{BalancePolicy, HashSource};
use crate::diagnostic::Diagnostic;
use crate::error::Origin;
use crate::identity::{Labels, Workload};
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::settings::Mesh;
use crate::plan::compile::registry::{self, Port, Service};
use crate::plan::{ClusterKey, ClusterNode, ClusterPlan, Discovery, UpstreamProtocol};

/// Envoy's threshold where no outlier detection says another (LB-14).
const DEFAULT_PANIC: u32 = 50;

/// A service and how it is called. It depends on the service, on its rules, and on the mesh.
#[derive(Debug)]
pub(crate) struct Callable {
    pub(crate) service: Arc<Service>,
    /// The document without which it must not be called, if there is one (Y-12).
    pub(crate) refused: Option<Arc<str>>,
    /// Whether something is written for this name of it, not for another one (SE-1).
    pub(crate) has_own_rule: bool,
    /// Where its rule is written.
    pub(crate) rule: Option<Origin>,
    pub(crate) subsets: Vec<Arc<str>>,
    /// Of each port the whole service, then the subsets.
    pub(crate) variants: Vec<Variant>,
}

/// One port, and one subset or all endpoints.
#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) node: ClusterNode,
    /// What requests are hashed by (LB-5).
    pub(crate) hash: Option<HashSource>,
    /// The fields that the constructors of policies refuse.
    pub(crate) refused: Vec<Diagnostic>,
    /// What is probably not meant.
    pub(crate) finding: Option<Diagnostic>,
}

/// What clusters are made by, besides their service and its rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'t, 'a> {
    pub(crate) mesh: &'t Mesh<'a>,
    /// They are seen from here.
    pub(crate) workload: &'t Workload,
    /// How the program says that endpoints are picked.
    pub(crate) pick: Option<BalancePolicy>,
    /// The names of subsets, each text once.
    pub(crate) subsets: &'t RefCell<HashSet<Arc<str>>>,
}

impl Terms<'_, '_> {
    /// The name of a subset as all clusters share it.
    fn shared(&self, name: &str) -> Arc<str> {
        let mut known = self.subsets.borrow_mut();
        if let Some(known) = known.get(name) {
            return Arc::clone(known);
        }
        let name = Arc::<str>::from(name);
        known.insert(Arc::clone(&name));
        name
    }
}

/// Where a cluster's endpoints come from: its port, or where each request wants to go (LB-1).
pub(crate) fn discovery_of(balance: BalancePolicy, port: &Port, labels: Option<&Labels>) -> Discovery {
    registry::distinct(match (balance, labels) {
        (BalancePolicy::Passthrough, _) => Discovery::Authority,
        (_, Some(labels)) => registry::subset(&port.discovery, labels),
        (_, None) => port.discovery.clone(),
    })
}

impl Callable {
    /// Makes the clusters of all ports and subsets; none of a service that must not be called.
    pub(crate) fn new<'a>(service: &Arc<Service>, rule: Option<&Rule<'a>>, terms: Terms<'_, 'a>) -> Self {
        let host = &*service.identity.host;
        let suffix = &terms.mesh.settings.domain_suffix;
        let is_own = |rule: &Rule<'_>| {
            let resource = rule.resource;
            names::resolve(&resource.spec.host, &resource.meta.namespace, suffix) == host
        };
        let subsets = rule.map(|rule| rule.subsets.as_slice()).unwrap_or_default();
        let refused = service.refused.clone().or_else(|| rule?.refused.clone());
        let mut variants = Vec::new();
        for port in service.ports.iter().filter(|_| refused.is_none()) {
            // Of two ports of one number the first counts.
            let port = service.port(port.number).unwrap_or(port);
            variants.push(Variant::new(service, port, None, rule, terms));
            let of_subset =
                |(_, subset): &(_, &'a Subset)| Variant::new(service, port, Some(subset), rule, terms);
            variants.extend(subsets.iter().map(of_subset));
        }
        Self {
            service: Arc::clone(service),
            refused,
            has_own_rule: terms.pick.is_some() || rule.is_some_and(is_own),
            rule: rule.map(Rule::origin),
            subsets: subsets.iter().map(|(_, subset)| terms.shared(&subset.name)).collect(),
            variants,
        }
    }

    /// The place of a port's variant; `None` for a port or a subset that is not there. An empty subset is the whole
    /// service.
    pub(crate) fn variant(&self, port: u16, subset: &str) -> Option<usize> {
        let port = self.service.ports.iter().position(|known| known.number == port)?;
        let subset = match subset {
            "" => 0,
            subset => 1 + self.subsets.iter().position(|known| **known == *subset)?,
        };
        Some(port * (1 + self.subsets.len()) + subset)
    }
}

impl Variant {
    fn new<'a>(
        service: &Service,
        written: &Port,
        subset: Option<&'a Subset>,
        rule: Option<&Rule<'a>>,
        terms: Terms<'_, 'a>,
    ) -> Self {
        let Terms { mesh, workload, pick, .. } = terms;
        let port = written.number;
        let subset_name = terms.shared(subset.map_or("", |subset| subset.name.as_str()));
        let key = ClusterKey::outbound(Arc::clone(&service.identity.host), port, Arc::clone(&subset_name));
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
        let at = |origin: Origin| match rule {
            Some(rule) => rule.resource.locate(origin),
            None => origin,
        };
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
        let balance = pick.unwrap_or_else(|| policies::balance(&blocks));
        let warm_up = policies::warm_up(&blocks, balance, &mut refused);
        for finding in &mut refused {
            finding.origin = at(std::mem::take(&mut finding.origin));
        }
        let labels = subset.map(|subset| &subset.labels);
        let discovery = discovery_of(balance, written, labels);
        let locality = locality::policy(&blocks, service, workload, mesh, at);
        let finding = locality::findings(&blocks, service, mesh, locality.as_ref(), &discovery, at);
        let percent = match &outlier {
            _ if service.unready => 0,
            Some(outlier) => outlier.min_health_percent,
            None => DEFAULT_PANIC,
        };
        let policy = ClusterPlan {
            name: key.to_string().into(),
            key,
            service: service.identity.clone(),
            port,
            subset: subset_name,
            subset_labels: subset.map(|subset| subset.labels.clone()).unwrap_or_default(),
            protocol,
            balance,
            panic_threshold: percent,
            locality: locality.map(Box::new),
            warm_up,
            circuit,
            outlier: outlier.map(Box::new),
            health: None,
            headless: service.headless,
            tls: policies::tls(&blocks, &service.subject_alt_names).map(Box::new),
            origin,
        };
        Self {
            node: ClusterNode { policy: Arc::new(policy), discovery },
            hash: blocks.balancer.and_then(|balancer| keys::source(balancer.consistent_hash.as_ref()?)),
            refused,
            finding,
        }
    }
}
