//! Which clusters are asked how they are, and how (HC-1).
//!
//! A policy names a Service, a ServiceEntry or a VirtualService. It holds for their clusters, subsets
//! included: for all ports or the one that is named, or for what the rules of the VirtualService lead to,
//! those of its delegates among them. Where several hold, one for a port beats one for a service, that beats
//! one for a VirtualService, and the oldest beats its equals.

use std::collections::HashMap;

use crate::analysis::blocks;
use crate::api::Resource;
use crate::api::envoy_gateway::{BackendTrafficPolicy, PolicyTargetReference};
use crate::diagnostic::{Code, Diagnostic};
use crate::health::HealthPolicy;
use crate::plan::ClusterPlan;
use crate::plan::compile::Compiler;
use crate::plan::compile::inputs::names;
use crate::plan::compile::rules::virtual_services::VirtualServices;

/// The policies of one host, the first that fits holds.
#[derive(Debug)]
struct Entry<'a> {
    port: Option<u16>,
    /// `None` is the service and its subsets.
    subset: Option<&'a str>,
    rank: u8,
    resource: &'a Resource<BackendTrafficPolicy>,
}

/// What a target is: hosts with a port, a subset and a rank.
type Places<'a> = Vec<(String, Option<u16>, Option<&'a str>, u8)>;

impl<'a> Compiler<'a> {
    /// Gives every cluster its health checks.
    pub(crate) fn health(&mut self, virtuals: &VirtualServices<'a>) {
        let documents = self.documents;
        let mut by_host: HashMap<String, Vec<Entry<'a>>> = HashMap::new();
        for resource in &documents.backend_traffic_policies {
            if resource.spec.health_check.is_none() {
                continue;
            }
            for target in resource.spec.target_ref.iter().chain(&resource.spec.target_refs) {
                match self.places(resource, target, virtuals) {
                    Ok(places) => {
                        for (host, port, subset, rank) in places {
                            let entries = by_host.entry(host).or_default();
                            let same = |entry: &&Entry<'_>| {
                                (entry.port, entry.subset, entry.rank) == (port, subset, rank)
                                    && !std::ptr::eq(entry.resource, resource)
                            };
                            if let Some(older) = entries.iter().find(same) {
                                let message = format!("{} is older and holds", older.resource.label());
                                let origin = resource.locate(target.at.origin());
                                self.out.push(Diagnostic::new(Code::SchemaWarning, origin, message));
                            }
                            entries.push(Entry { port, subset, rank, resource });
                        }
                    }
                    Err(finding) => self.out.push(finding),
                }
            }
        }
        if by_host.is_empty() {
            return;
        }
        for entries in by_host.values_mut() {
            entries.sort_by_key(|entry| entry.rank);
        }
        let mut refused = Vec::new();
        let choose = |plan: &ClusterPlan| {
            let fits = |entry: &&Entry<'_>| {
                entry.port.is_none_or(|port| port == plan.port)
                    && entry.subset.is_none_or(|subset| subset == &*plan.subset)
            };
            by_host.get(&*plan.service.host)?.iter().find(fits)
        };
        self.clusters.each(self.last_good, choose, |plan, entry| apply(plan, entry.resource, &mut refused));
        self.out.extend(refused);
    }

    fn places(
        &self,
        resource: &'a Resource<BackendTrafficPolicy>,
        target: &'a PolicyTargetReference,
        virtuals: &VirtualServices<'a>,
    ) -> Result<Places<'a>, Diagnostic> {
        let namespace = resource.meta.namespace.as_str();
        let suffix = &self.mesh.settings.domain_suffix;
        let missing = |field: &str, what: String| {
            let origin = resource.locate(target.at.field(field));
            let message = format!("referenced {what} not found");
            Diagnostic::new(Code::ReferencedResourceNotFound, origin, message)
        };
        let not_found = || missing("name", format!("{} {namespace}/{}", target.kind, target.name));
        let name = (namespace, target.name.as_str());
        let section = target.section_name.as_str();
        let no_section = || missing("sectionName", format!("port {section:?} of {}", target.name));
        let rank = u8::from(section.is_empty());
        match target.kind.as_str() {
            "Service" => {
                let known = self.index.services.get(&name).copied();
                let known = known.ok_or_else(not_found)?;
                let mut port = None;
                if !section.is_empty() {
                    let named = known.spec.ports.iter().find(|port| port.name == section);
                    port = Some(named.and_then(|port| u16::try_from(port.port).ok()).ok_or_else(no_section)?);
                }
                Ok(vec![(names::resolve(&target.name, namespace, suffix), port, None, rank)])
            }
            "ServiceEntry" => {
                let known = self.index.service_entries.get(&name).copied();
                let known = known.ok_or_else(not_found)?;
                let mut port = None;
                if !section.is_empty() {
                    let named = known.spec.ports.iter().find(|port| port.name == section);
                    port =
                        Some(named.and_then(|port| u16::try_from(port.number).ok()).ok_or_else(no_section)?);
                }
                let hosts = known.spec.hosts.iter();
                Ok(hosts.map(|host| (host.to_ascii_lowercase(), port, None, rank)).collect())
            }
            "VirtualService" => {
                let known = self.index.virtual_services.get(&name).copied();
                let known = known.ok_or_else(not_found)?;
                let mut places = Places::new();
                let rules = virtuals.all.iter().flat_map(|one| {
                    let whole = std::ptr::eq(one.resource, known);
                    one.rules().iter().filter(move |rule| whole || std::ptr::eq(rule.resource, known))
                });
                for rule in rules {
                    // A delegate's names are its own namespace's (VA-13).
                    let written = rule.resource.spec.http.get(rule.index).map(|rule| rule.route.as_slice());
                    let written = written.unwrap_or_default().iter();
                    for to in written.filter_map(|to| to.destination.as_ref()) {
                        let port = to.port.as_ref().and_then(|port| u16::try_from(port.number).ok());
                        let host = names::resolve(&to.host, rule.namespace(), suffix);
                        let place = (host, port, Some(&*to.subset), 2);
                        if !places.contains(&place) {
                            places.push(place);
                        }
                    }
                }
                if places.is_empty()
                    && known.spec.http.iter().all(|rule| rule.delegate.is_none() && rule.route.is_empty())
                {
                    let message =
                        format!("no rule of {} leads to a destination: nothing is checked", known.label());
                    let origin = resource.locate(target.at.field("name"));
                    return Err(Diagnostic::new(Code::SchemaWarning, origin, message));
                }
                Ok(places)
            }
            // Told already, and tolerated (Y-9).
            _ => Ok(Places::new()),
        }
    }
}

/// Gives a cluster its checks. What is refused is in `findings`.
fn apply(plan: &mut ClusterPlan, resource: &Resource<BackendTrafficPolicy>, findings: &mut Vec<Diagnostic>) {
    let Some(written) = &resource.spec.health_check else { return };
    if let Some(percent) = written.panic_threshold {
        plan.panic_threshold = percent;
    }
    plan.health = written.active.as_ref().and_then(|active| {
        let policy = blocks::kept(blocks::health(active), findings)?;
        Some(HealthPolicy { origin: resource.locate(active.at.origin()), ..policy }.into())
    });
}
