//! What resources say of each other that does not hold, or is probably not meant (AN-2, AN-4).
//!
//! What a resource says by itself is [`analysis`](crate::analysis)'s affair.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::analysis::blocks;
use crate::api::documents::each_list;
use crate::api::istio::{DestinationRule, OutlierDetection, TrafficPolicy};
use crate::api::{Documents, Metadata, Resource};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::error::Identity;
use crate::identity::Labels;
use crate::plan::Discovery;
use crate::plan::compile::destinations::destination_rules::{Rule, losses};
use crate::plan::compile::findings::known::OfRule;
use crate::plan::compile::inputs::labels::has_labels;
use crate::plan::compile::inputs::names::{self, server_host};
use crate::plan::compile::inputs::refusal;
use crate::plan::compile::registry;
use crate::plan::compile::rules::virtual_services::{Virtual, VirtualServices};
use crate::plan::compile::{Compiler, MESH};

impl Compiler<'_> {
    pub(crate) fn check(&mut self, virtuals: &VirtualServices<'_>) {
        // Of one that is refused all is told.
        for one in virtuals.all.iter().filter(|one| one.refused.is_none()) {
            self.virtual_service(one);
            self.subsets_reach_gateways(virtuals, one);
        }
        for (place, rule) in self.documents.destination_rules.iter().enumerate() {
            self.destination_rule(place, rule);
        }
        self.delegates_are_used();
        self.hosts_have_endpoints(virtuals);
    }

    /// What a VirtualService says that does not hold, other VirtualServices aside.
    fn virtual_service(&mut self, one: &Virtual<'_>) {
        let document = one.place.filter(|_| one.names.is_plain);
        let before = document.and_then(|place| self.changes.virtual_services.at(place));
        let known = before.filter(|_| self.changes.same_gateways);
        if let Some(known) = known.and_then(|before| self.memo.findings.virtual_service(before)) {
            self.out.extend(known.iter().cloned());
            self.findings.set_virtual_service(document, known.to_vec());
            return;
        }
        let (found, hints) = (self.out.len(), self.hints.asked());
        self.gateways_exist(one);
        self.claims_are_verified(one);
        // Who else asked for hints decides whether there is one.
        if hints == self.hints.asked() {
            self.findings.set_virtual_service(document, self.out.as_slice()[found..].to_vec());
        }
    }

    /// What a DestinationRule says that does not hold.
    fn destination_rule(&mut self, place: usize, rule: &Resource<DestinationRule>) {
        let before = self.changes.destination_rules.at(place).filter(|_| self.changes.same_workloads);
        if let Some(known) = before.and_then(|before| self.memo.findings.destination_rule(before)) {
            let (at, service) = &known.service;
            let now = self.registry.find_again(&known.host, Some(*at));
            let now = now.filter(|now| Arc::ptr_eq(self.registry.get(*now), service));
            if let Some(now) = now {
                self.out.extend(known.findings.iter().cloned());
                let service = (now, Arc::clone(service));
                self.findings.set_destination_rule(place, OfRule { service, ..known.clone() });
                return;
            }
        }
        let host = names::resolve(&rule.spec.host, &rule.meta.namespace, &self.mesh.settings.domain_suffix);
        let findings = destination_rule(self, rule, &host);
        self.out.extend(findings.iter().cloned());
        if let Some(index) = self.registry.find(&host) {
            let service = (index, Arc::clone(self.registry.get(index)));
            self.findings.set_destination_rule(place, OfRule { host: host.into(), service, findings });
        }
    }

    /// IST0101 and IST0132: the gateways of a VirtualService, and its hosts in them.
    fn gateways_exist(&mut self, one: &Virtual<'_>) {
        let resource = one.resource;
        for (index, name) in one.names.gateways.iter().enumerate().filter(|(_, name)| *name != MESH) {
            let (namespace, short) = name.split_once('/').unwrap_or(("", name));
            let origin = resource.locate(resource.spec.at.item("gateways", index));
            // H-5: understood, and on its way out.
            if resource
                .spec
                .gateways
                .get(index)
                .is_some_and(|written| written != name && written.contains(".svc."))
            {
                let message = "a gateway by its host name is the old form";
                let finding = Diagnostic::new(Code::Deprecated, origin.clone(), message);
                self.out.push(finding.hint(format!("write {name}")));
            }
            let Some(gateway) = self.index.gateways.get(&(namespace, short)).copied() else {
                if self.is_gateway(name) {
                    continue;
                }
                let message = format!("referenced gateway not found: {:?}", short);
                let finding = Diagnostic::new(Code::ReferencedResourceNotFound, origin, message);
                let hint = self.gateway_hint(namespace, short);
                self.out.push(finding.hint(hint));
                continue;
            };
            for (host_index, host) in one.names.hosts.iter().enumerate() {
                let served = gateway.spec.servers.iter().flat_map(|server| &server.hosts).any(|entry| {
                    let (owner, pattern) = server_host(entry, &gateway.meta.namespace);
                    (owner == "*" || owner == one.namespace()) && names::narrower(host, &pattern).is_some()
                });
                if !served {
                    let origin = resource.locate(resource.spec.at.item("hosts", host_index));
                    let message = format!("host {host} is not served by {}", gateway.label());
                    self.out.push(Diagnostic::new(
                        Code::VirtualServiceHostNotFoundInGateway,
                        origin,
                        message,
                    ));
                }
            }
        }
    }

    /// IST0130: a VirtualService without hosts that no other one delegates to. Those that are refused count,
    /// or what is wrong would seem to be here.
    fn delegates_are_used(&mut self) {
        let documents = self.documents;
        if !documents.virtual_services.iter().any(|one| one.spec.hosts.is_empty()) {
            return;
        }
        let refused = refusal::refused(documents, |documents| &documents.virtual_services);
        let mut used: HashSet<(&str, &str)> = HashSet::new();
        for root in documents.virtual_services.iter().chain(refused).filter(|one| !one.spec.hosts.is_empty())
        {
            for to in root.spec.http.iter().filter_map(|rule| rule.delegate.as_ref()) {
                let namespace = if to.namespace.is_empty() { &root.meta.namespace } else { &to.namespace };
                used.insert((namespace.as_str(), to.name.as_str()));
            }
        }
        for one in documents.virtual_services.iter().filter(|one| one.spec.hosts.is_empty()) {
            if !used.contains(&(one.meta.namespace.as_str(), one.meta.name.as_str())) {
                let origin = one.locate(one.spec.at.field("hosts"));
                let message = "no VirtualService delegates to this one, and without `hosts` it does nothing";
                let finding = Diagnostic::new(Code::VirtualServiceUnreachableRule, origin, message);
                self.out.push(finding.hint("write `hosts`"));
            }
        }
    }

    /// What may help to find a gateway.
    fn gateway_hint(&mut self, namespace: &str, short: &str) -> String {
        let gateways = &self.documents.gateways;
        if let Some(other) = gateways.iter().find(|gateway| gateway.meta.name == short) {
            return format!("write {}/{short} for the one of that namespace", other.meta.namespace);
        }
        let known = gateways.iter().map(|gateway| gateway.meta.name.as_str());
        match self.hints.nearest(short, known) {
            Some(near) => format!("did you mean {near}?"),
            None => format!(
                "no document is the Gateway {namespace}/{short}; for calls inside the mesh the name is `mesh`, or \
                 leave `gateways` out"
            ),
        }
    }
}

/// IST0173, IST0174, MESH0005 and MESH0007.
fn destination_rule(
    compiler: &Compiler<'_>,
    rule: &Resource<DestinationRule>,
    host: &str,
) -> Vec<Diagnostic> {
    let spec = &rule.spec;
    let service = compiler.registry.find(host).map(|index| compiler.registry.get(index));
    let mut found = Vec::new();
    let hosts = || compiler.registry.services().iter().map(|service| &*service.identity.host);
    if service.is_none() && !(host.starts_with('*') && hosts().any(|known| names::is_within(known, host))) {
        let message = format!("no service has host {host}");
        let origin = rule.locate(spec.at.field("host"));
        let hint = "a Service or a ServiceEntry describes a host";
        found.push(Diagnostic::new(Code::UnknownDestinationRuleHost, origin, message).hint(hint));
    }
    let ports = service.map(|service| service.ports.as_slice()).unwrap_or_default();
    let any = |labels: &Labels| ports.iter().any(|port| count(&port.discovery, labels) > 0);
    // Without endpoints nothing can be said; the pods that are to come may be documented.
    let known = any(&Labels::new());
    for subset in &spec.subsets {
        let planned = || {
            compiler.documents.workloads.iter().any(|workload| {
                workload.meta.namespace == rule.meta.namespace
                    && has_labels(&workload.spec.template.metadata.labels, &subset.labels)
            })
        };
        if known && !any(&subset.labels) && !planned() {
            let message = format!("subset {:?} selects no endpoint of {host}", subset.name);
            let origin = rule.locate(subset.at.field("labels"));
            found.push(Diagnostic::new(Code::DestinationRuleSubsetNotSelectPods, origin, message));
        }
        if let Some(policy) = &subset.traffic_policy {
            loses_parent(compiler, rule, Some(policy), &mut found);
        }
    }
    if spec.traffic_policy.is_some() {
        loses_parent(compiler, rule, None, &mut found);
    }
    never_ejects(compiler, rule, ports, &mut found);
    found
}

/// How many known endpoints have these labels (DR-5).
fn count(discovery: &Discovery, labels: &Labels) -> usize {
    match discovery {
        Discovery::Static(endpoints) => {
            endpoints.iter().filter(|endpoint| has_labels(&endpoint.labels, labels)).count()
        }
        Discovery::Dns(_) | Discovery::DnsFirst(_) | Discovery::Authority => 0,
    }
}

/// MESH0005: with so few endpoints one is already more than the share that may be out (OD-6). Each block is
/// judged by the smallest cluster that it holds for: a port, and a subset or all.
fn never_ejects(
    compiler: &Compiler<'_>,
    rule: &Resource<DestinationRule>,
    ports: &[registry::Port],
    found: &mut Vec<Diagnostic>,
) {
    let spec = &rule.spec;
    let whole = Rule {
        resource: rule,
        subsets: Vec::new(),
        policy: spec.traffic_policy.as_deref().map(|policy| (rule, policy)),
        refused: None,
    };
    let default = compiler.mesh.traffic_policy.and_then(|policy| policy.outlier_detection.as_ref());
    let is_default = |block: &OutlierDetection| default.is_some_and(|default| std::ptr::eq(default, block));
    let none = Labels::new();
    let mut smallest: Vec<(&OutlierDetection, usize, String)> = Vec::new();
    for port in ports {
        for subset in std::iter::once(None).chain(spec.subsets.iter().map(Some)) {
            let hosts = count(&port.discovery, subset.map_or(&none, |subset| &subset.labels));
            let block = whole.blocks(port.number, subset, &compiler.mesh).outlier;
            let Some(block) = block.filter(|block| hosts > 0 && !is_default(block)) else { continue };
            let of = match subset {
                Some(subset) => format!(" of subset {:?}", subset.name),
                None if ports.len() > 1 => format!(" of port {}", port.number),
                None => String::new(),
            };
            match smallest.iter_mut().find(|(known, ..)| std::ptr::eq(*known, block)) {
                Some(known) if known.1 <= hosts => {}
                Some(known) => *known = (block, hosts, of),
                None => smallest.push((block, hosts, of)),
            }
        }
    }
    // One that every port replaces is judged as if it held for the largest.
    let all = (spec.traffic_policy.as_deref(), &none);
    let subsets = spec.subsets.iter().map(|subset| (subset.traffic_policy.as_deref(), &subset.labels));
    for (policy, labels) in std::iter::once(all).chain(subsets) {
        let hosts = ports.iter().map(|port| count(&port.discovery, labels)).max().unwrap_or(0);
        if let Some(block) = policy.and_then(|policy| policy.outlier_detection.as_ref())
            && hosts > 0
            && !smallest.iter().any(|(known, ..)| std::ptr::eq(*known, block))
        {
            smallest.push((block, hosts, String::new()));
        }
    }
    for (written, hosts, of) in smallest {
        let origin = rule.locate(written.at.origin());
        let Ok(policy) = blocks::outlier(written) else { continue };
        let percent = policy.max_ejection_percent;
        if percent > 0 && !policy.has_room(0, hosts) {
            let message =
                format!("with {hosts} endpoints{of} and maxEjectionPercent {percent} none is ever ejected");
            let enough = 100_usize.div_ceil(hosts);
            found.push(
                Diagnostic::new(Code::OutlierDetectionNeverEjects, origin, message)
                    .hint(format!("maxEjectionPercent: {enough} lets one go")),
            );
        }
    }
}

/// MESH0007: a block for one port stands alone, what it does not repeat is lost (DR-6).
fn loses_parent(
    compiler: &Compiler<'_>,
    rule: &Resource<DestinationRule>,
    subset: Option<&TrafficPolicy>,
    found: &mut Vec<Diagnostic>,
) {
    let whose = if subset.is_some() { "subset" } else { "rule" };
    for (entry, lost) in losses(rule.spec.traffic_policy.as_deref(), subset, &compiler.mesh) {
        let message = format!("this port loses {} of the {whose}: repeat it here", lost.join(", "));
        let origin = rule.locate(entry.at.origin());
        found.push(Diagnostic::new(Code::PolicyLosesParentSettings, origin, message));
    }
}

/// Leaves out what a resource asks not to hear (N-7).
pub(crate) fn suppress(documents: &Documents, out: &mut Diagnostics) {
    if out.is_empty() {
        return;
    }
    let mut quiet: HashMap<Identity<'_>, &Metadata> = HashMap::new();
    macro_rules! note {
        ($($list:ident),*) => {
            $(for resource in &documents.$list {
                if !resource.meta.annotations.is_empty() {
                    quiet.entry(resource.identity()).or_insert(&resource.meta);
                }
            })*
        };
    }
    each_list!(note);
    if let Some(config) = &documents.mesh_config {
        quiet.entry(config.identity()).or_insert(&config.meta);
    }
    out.retain(|finding| {
        quiet.get(&finding.origin.identity()).is_none_or(|meta| !meta.suppresses(finding.code))
    });
}
