//! MESH0013: hosts with rules that no document gives an address.
//!
//! In a cluster the addresses come from elsewhere; a folder has to have them, and what it lacks shows first as
//! an answer of 503.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic};
use crate::error::Origin;
use crate::plan::Discovery;
use crate::plan::compile::Compiler;
use crate::plan::compile::inputs::names;
use crate::plan::compile::registry::Service;
use crate::plan::compile::rules::virtual_services::{Virtual, VirtualServices};

impl Compiler<'_> {
    /// Tells once of each, at the first rule that names it.
    pub(crate) fn hosts_have_endpoints(&mut self, virtuals: &VirtualServices<'_>) {
        // With `Local` they may be documented, for another node than ours.
        let local = self.documents.services.iter().filter(|one| one.spec.internal_traffic_policy == "Local");
        let local: HashSet<&str> = local.map(|one| one.label()).collect();
        let unserved = |service: &&Arc<Service>| Self::is_unserved(service, &local);
        let unserved: HashMap<&str, &Service> = (self.registry.services().iter().filter(unserved))
            .map(|service| (&*service.identity.host, &**service))
            .collect();
        if unserved.is_empty() {
            return;
        }
        let mut told: HashSet<&str> = HashSet::new();
        let mut found = Vec::new();
        self.each_host_with_rules(virtuals, &mut |host, origin| {
            let Some(service) = unserved.get(host).filter(|service| told.insert(&service.identity.host))
            else {
                return;
            };
            let message = format!("no document gives {host} an address: calls to it are answered 503");
            found.push(Diagnostic::new(Code::NoEndpoints, origin(), message).hint(hint(service)));
        });
        self.out.extend(found);
    }

    /// Every host that a rule names, and where.
    fn each_host_with_rules(
        &self,
        virtuals: &VirtualServices<'_>,
        visit: &mut dyn FnMut(&str, &dyn Fn() -> Origin),
    ) {
        let suffix = &self.mesh.settings.domain_suffix;
        for rule in virtuals.all.iter().flat_map(Virtual::rules) {
            let written = &rule.written;
            let routed = written.route.iter().filter_map(|to| to.destination.as_ref());
            let copied = written.mirrors.iter().filter_map(|mirror| mirror.destination.as_ref());
            for to in routed.chain(written.mirror.as_deref()).chain(copied) {
                let host = names::resolve(&to.host, rule.namespace(), suffix);
                visit(&host, &|| rule.resource.locate(to.at.field("host")));
            }
        }
        for rule in &self.documents.destination_rules {
            let host = names::resolve(&rule.spec.host, &rule.meta.namespace, suffix);
            visit(&host, &|| rule.locate(rule.spec.at.field("host")));
        }
        macro_rules! backend {
            ($route:ident, $to:ident) => {
                let host = match $to.kind.as_deref() {
                    None | Some("Service") => {
                        let namespace = $to.namespace.as_deref().unwrap_or(&$route.meta.namespace);
                        Some(names::of_service(&$to.name, namespace, suffix))
                    }
                    Some("Hostname") => Some($to.name.to_ascii_lowercase()),
                    Some(_) => None,
                };
                if let Some(host) = host {
                    visit(&host, &|| $route.locate($to.at.field("name")));
                }
            };
        }
        macro_rules! backends {
            ($($list:ident),*) => {
                $(for route in &self.documents.$list {
                    for rule in &route.spec.rules {
                        for to in &rule.backend_refs {
                            backend!(route, to);
                        }
                        let copies = rule.filters.iter().filter_map(|filter| filter.request_mirror.as_ref());
                        for to in copies.filter_map(|mirror| mirror.backend_ref.as_ref()) {
                            backend!(route, to);
                        }
                    }
                })*
            };
        }
        backends!(http_routes, grpc_routes);
    }

    fn is_unserved(service: &Service, local: &HashSet<&str>) -> bool {
        let empty = |discovery: &Discovery| match discovery {
            Discovery::Static(endpoints) => endpoints.is_empty(),
            Discovery::Dns(_) | Discovery::DnsFirst(_) | Discovery::Authority => false,
        };
        // What is refused is told of, and so are its calls.
        service.visible
            && service.refused.is_none()
            && !service.ports.is_empty()
            && service.ports.iter().all(|port| empty(&port.discovery))
            && !local.contains(&*service.origin.resource)
    }
}

fn hint(service: &Service) -> &'static str {
    if service.origin.resource.starts_with("Service ") {
        "an EndpointSlice of the Service gives addresses, or a Pod with an IP or a WorkloadEntry that it selects"
    } else {
        "`endpoints` gives addresses, or a WorkloadEntry that the workloadSelector selects"
    }
}
