//! Which endpoints are near, and whether that counts (LB-9 to LB-12, LB-16, OD-10).

use super::destination_rules::Blocks;
use crate::api::istio::LocalityLoadBalancerSetting;
use crate::balance::{LocalityPattern, LocalityPolicy, LocalityRule};
use crate::diagnostic::{Code, Diagnostic};
use crate::error::Origin;
use crate::identity::{Topology, Workload};
use crate::plan::Discovery;
use crate::plan::compile::inputs::settings::Mesh;
use crate::plan::compile::registry::{Distribution, Service};

/// Whose setting is in force.
enum Source<'a> {
    /// A DestinationRule's; it replaces the mesh's whole.
    Rule(&'a LocalityLoadBalancerSetting),
    /// The Service's own preference, which needs no outlier detection.
    Service(Distribution),
    /// The mesh's, or the default: on, and nothing said.
    Mesh(Option<&'a LocalityLoadBalancerSetting>),
}

impl<'a> Source<'a> {
    fn of(blocks: &Blocks<'a>, service: &Service, mesh: &Mesh<'a>) -> Self {
        let written = blocks.balancer.and_then(|balancer| balancer.locality_lb_setting.as_ref());
        match (written, service.distribution) {
            (Some(setting), _) => Self::Rule(setting),
            (None, Some(distribution)) => Self::Service(distribution),
            (None, None) => Self::Mesh(mesh.locality),
        }
    }

    const fn setting(&self) -> Option<&'a LocalityLoadBalancerSetting> {
        match *self {
            Self::Rule(setting) => Some(setting),
            Self::Mesh(setting) => setting,
            Self::Service(_) => None,
        }
    }
}

/// The policy of a cluster, seen from `workload`; `None` if no document prefers an endpoint.
pub(crate) fn policy<'a>(
    blocks: &Blocks<'a>,
    service: &Service,
    workload: &Workload,
    mesh: &Mesh<'a>,
    locate: impl Fn(Origin) -> Origin,
) -> Option<LocalityPolicy> {
    let source = Source::of(blocks, service, mesh);
    let from = workload.locality.clone();
    if let Source::Service(distribution) = source {
        let labels = match distribution {
            Distribution::SameZone => &Topology::LABELS[..3],
            Distribution::SameNode => &Topology::LABELS[..],
        };
        let labels = labels.iter().map(|label| label_of(label, workload)).collect();
        let rule = LocalityRule::Failover { labels, distance: false, region: None };
        return Some(LocalityPolicy { from, rule, origin: service.origin.clone() });
    }
    let setting = source.setting();
    if setting.is_some_and(|setting| setting.enabled == Some(false)) {
        return None;
    }
    if let Some(setting) = setting.filter(|setting| !setting.distribute.is_empty()) {
        let pattern = |text: &str| LocalityPattern::parse(text).ok();
        let is_ours = |from: &str| pattern(from).is_some_and(|pattern| pattern.matches(&workload.locality));
        let ours = setting.distribute.iter().find(|entry| is_ours(&entry.from))?;
        let shares = ours.to.iter().filter_map(|(to, share)| Some((pattern(to)?, *share)));
        let origin = locate(ours.at.origin());
        return Some(LocalityPolicy { from, rule: LocalityRule::Distribute(shares.collect()), origin });
    }
    // Without it no endpoint would ever be left, so that nothing would ever fail over.
    let outlier = blocks.outlier?;
    let empty = LocalityLoadBalancerSetting::default();
    let written = setting.unwrap_or(&empty);
    let labels: Vec<_> = written.failover_priority.iter().map(|label| label_of(label, workload)).collect();
    let distance = labels.is_empty() || !written.failover.is_empty();
    let region = written.failover.iter().find(|failover| failover.from == from.region);
    let region = region.map(|failover| failover.to.clone());
    // A workload of unknown locality has no distances.
    let distance = distance && !from.region.is_empty();
    if labels.is_empty() && !distance {
        return None;
    }
    let origin = locate(setting.map_or_else(|| outlier.at.origin(), |setting| setting.at.origin()));
    Some(LocalityPolicy { from, rule: LocalityRule::Failover { labels, distance, region }, origin })
}

/// A label of `failoverPriority`, and the value that is near: the one written, else our own.
fn label_of(label: &str, workload: &Workload) -> (String, String) {
    match label.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (label.to_owned(), workload.topology().label(label).to_owned()),
    }
}

/// MESH0006: failover that never happens, or that no document asks for (AN-4).
pub(crate) fn findings<'a>(
    blocks: &Blocks<'a>,
    service: &Service,
    mesh: &Mesh<'a>,
    policy: Option<&LocalityPolicy>,
    discovery: &Discovery,
    locate: impl Fn(Origin) -> Origin,
) -> Option<Diagnostic> {
    let source = Source::of(blocks, service, mesh);
    let setting = source.setting();
    let is_on = setting.is_none_or(|setting| setting.enabled != Some(false));
    match (&source, blocks.outlier) {
        (Source::Rule(setting), None) if is_on => {
            let field = if setting.failover_priority.is_empty() { "failover" } else { "failoverPriority" };
            if setting.failover.is_empty() && setting.failover_priority.is_empty() {
                return None;
            }
            let message = format!("`{field}` has no effect without `outlierDetection`");
            let finding = Diagnostic::new(Code::LocalityFailover, locate(setting.at.field(field)), message);
            Some(finding.hint("add `outlierDetection`: by it an endpoint is seen to fail"))
        }
        (Source::Mesh(None), Some(outlier)) => {
            let Discovery::Static(endpoints) = discovery else { return None };
            let layout = policy?.layout(endpoints.iter().map(AsRef::as_ref));
            let far = layout.places.iter().flatten().filter(|place| place.priority > 0).count();
            if far == 0 {
                return None;
            }
            let all = endpoints.len();
            let message = format!(
                "switches locality failover on: {far} of {all} endpoints get nothing while nearer ones are well"
            );
            let origin = locate(outlier.at.origin());
            Some(
                Diagnostic::new(Code::LocalityFailover, origin, message)
                    .hint("say so with `loadBalancer.localityLbSetting.enabled`: true or false"),
            )
        }
        _ => None,
    }
}
