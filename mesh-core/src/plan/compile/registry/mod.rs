//! What can be called: hosts with their ports and endpoints, from all sources (SE).
//!
//! Built once for a plan, sorted by host, found by host: everything after it works with indices.

mod kubernetes;
mod pods;
mod service_entry;

pub(crate) use self::kubernetes::target_port;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use self::pods::Pods;
use crate::api::Documents;
use crate::diagnostic::Diagnostics;
use crate::endpoint::{Address, Endpoint};
use crate::error::Origin;
use crate::identity::{Labels, Workload};
use crate::plan::compile::inputs::labels::has_labels;
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::protocol::Protocol;
use crate::plan::compile::inputs::settings::Mesh;
use crate::plan::{Discovery, ServiceIdentity};
use crate::route::HostMap;

/// A host that can be called.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) identity: ServiceIdentity,
    pub(crate) ports: Vec<Port>,
    /// Virtual addresses, which are domains too (H-6).
    pub(crate) addresses: Vec<IpAddr>,
    /// Names that its servers may present (SE-9).
    pub(crate) subject_alt_names: Vec<String>,
    /// The service that this one is another name of (SE-1, `ExternalName`).
    pub(crate) alias: Option<Arc<str>>,
    /// Whether it has no virtual address: callers may choose one of its endpoints (SE-1).
    pub(crate) headless: bool,
    /// Whether its endpoints are used ready or not, so that too few of them are no reason to panic (SE-1).
    pub(crate) unready: bool,
    /// Whether our workload's namespace sees it (N-4).
    pub(crate) visible: bool,
    /// What it says of near endpoints (LB-16).
    pub(crate) distribution: Option<Distribution>,
    /// The document that describes it, if it is refused (Y-12).
    pub(crate) refused: Option<Arc<str>>,
    pub(crate) origin: Origin,
}

/// Which endpoints a Service prefers (LB-16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Distribution {
    /// `PreferClose`, `PreferSameZone`.
    SameZone,
    /// `PreferSameNode`.
    SameNode,
}

/// One port of a service.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    pub(crate) protocol: Protocol,
    pub(crate) discovery: Discovery,
}

impl Service {
    pub(crate) fn port(&self, number: u16) -> Option<&Port> {
        self.ports.iter().find(|port| port.number == number)
    }
}

/// All hosts that can be called, sorted.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    services: Vec<Service>,
    all: HostMap,
    /// Without those that our workload's namespace does not see: they hide no wider one (N-5).
    visible: HostMap,
}

impl Registry {
    pub(crate) fn build(
        documents: &Documents,
        mesh: &Mesh<'_>,
        workload: &Workload,
        out: &mut Diagnostics,
    ) -> Self {
        let client = workload.namespace.as_str();
        let pods = Pods::of(documents, &mesh.settings.trust_domain);
        let mut services = kubernetes::services(documents, &pods, mesh, workload, out);
        service_entry::add(&mut services, documents, &pods, mesh, client, out);
        if let Some(refused) = &documents.refused {
            add_refused(&mut services, refused, &pods, mesh, workload);
        }
        resolve_aliases(&mut services);
        let mut services: Vec<Service> = services.into_values().collect();
        services.sort_by(|a, b| a.identity.host.cmp(&b.identity.host));
        let mut registry = Self::default();
        for (index, service) in services.iter().enumerate() {
            let host = &service.identity.host;
            let _: Result<(), usize> = registry.all.insert(host, index);
            if service.visible {
                let _: Result<(), usize> = registry.visible.insert(host, index);
            }
        }
        registry.services = services;
        registry
    }

    pub(crate) fn services(&self) -> &[Service] {
        &self.services
    }

    pub(crate) fn get(&self, index: usize) -> &Service {
        &self.services[index]
    }

    /// The service of this host, seen or not; a wildcard service stands for the hosts that fit it (AN-4).
    pub(crate) fn find(&self, host: &str) -> Option<usize> {
        self.all.get(host)
    }

    /// The service that calls of this host go to: as [`Registry::find`], of those that are seen (N-5).
    pub(crate) fn find_visible(&self, host: &str) -> Option<&Service> {
        self.visible.get(host).map(|index| &self.services[index])
    }

    /// Whether the service of this name, and of no wider one, has the port.
    pub(crate) fn has_port(&self, host: &str, port: u16) -> bool {
        self.exact(host).is_some_and(|index| self.services[index].port(port).is_some())
    }

    pub(crate) fn exact(&self, host: &str) -> Option<usize> {
        self.find(host).filter(|index| *self.services[*index].identity.host == *host)
    }
}

/// Adds the hosts that only refused documents describe: a call of one must not go where a stranger's would.
fn add_refused(
    services: &mut ByHost,
    documents: &Documents,
    pods: &Pods<'_>,
    mesh: &Mesh<'_>,
    workload: &Workload,
) {
    // What they say is not in force, and what is wrong with it is told.
    let mut told = Diagnostics::new();
    let mut refused = kubernetes::services(documents, pods, mesh, workload, &mut told);
    service_entry::add(&mut refused, documents, pods, mesh, &workload.namespace, &mut told);
    for (host, mut service) in refused {
        if services.contains_key(&host) {
            continue;
        }
        for port in &mut service.ports {
            port.discovery = Discovery::Static(Vec::new());
            if !port.protocol.is_routed() {
                port.protocol = Protocol::Http;
            }
        }
        if service.ports.is_empty() {
            let discovery = Discovery::Static(Vec::new());
            service.ports.push(Port { number: 80, protocol: Protocol::Http, discovery });
        }
        service.alias = None;
        service.refused = Some(service.origin.resource.clone());
        services.insert(host, service);
    }
}

/// Services under construction, by host.
type ByHost = HashMap<Arc<str>, Service>;

/// Lets a service that is another one's name stand wherever that one does: on all of its ports, declared
/// here or not, with its endpoints (SE-1). A name of a name is one of the service at the end. A name that no service
/// has stays one of DNS, as does a port that only the alias declares.
fn resolve_aliases(services: &mut ByHost) {
    let aliases: HashMap<Arc<str>, Arc<str>> = services
        .values()
        .filter_map(|service| Some((service.identity.host.clone(), service.alias.clone()?)))
        .collect();
    for (host, target) in ends(&aliases) {
        let known = target.and_then(|target| services.get(target));
        let found: Vec<Port> = known.map(|known| known.ports.clone()).unwrap_or_default();
        let refused = known.and_then(|known| known.refused.clone());
        let Some(service) = services.get_mut(host) else { continue };
        service.alias = target.filter(|_| !found.is_empty()).cloned();
        // By another name a refused service is no more open than by its own.
        service.refused = refused;
        for port in found {
            match service.ports.iter_mut().find(|own| own.number == port.number) {
                Some(own) => *own = port,
                None => service.ports.push(port),
            }
        }
    }
}

/// The host that each alias leads to in the end; none if it comes to a circle of names.
fn ends(aliases: &HashMap<Arc<str>, Arc<str>>) -> HashMap<&Arc<str>, Option<&Arc<str>>> {
    let mut ends: HashMap<&Arc<str>, Option<&Arc<str>>> = HashMap::with_capacity(aliases.len());
    for (alias, target) in aliases {
        let (mut walked, mut at) = (vec![alias], target);
        // One that is on its way has no end yet: to meet it again is to be in a circle.
        let end = loop {
            if let Some(end) = ends.get(walked[walked.len() - 1]) {
                break *end;
            }
            ends.insert(walked[walked.len() - 1], None);
            match aliases.get_key_value(at) {
                Some((alias, next)) => {
                    walked.push(alias);
                    at = next;
                }
                None => break Some(at),
            }
        };
        ends.extend(walked.into_iter().map(|alias| (alias, end)));
    }
    ends
}

/// The part of a discovery whose endpoints have these labels (DR-5).
pub(crate) fn subset(discovery: &Discovery, labels: &Labels) -> Discovery {
    match discovery {
        Discovery::Static(endpoints) => Discovery::Static(
            endpoints.iter().filter(|endpoint| has_labels(&endpoint.labels, labels)).cloned().collect(),
        ),
        Discovery::Dns(targets) => Discovery::Dns(
            targets.iter().filter(|target| has_labels(&target.template.labels, labels)).cloned().collect(),
        ),
        Discovery::DnsFirst(target) if has_labels(&target.template.labels, labels) => discovery.clone(),
        Discovery::DnsFirst(_) => Discovery::Static(Vec::new()),
        Discovery::Authority => Discovery::Authority,
    }
}

fn is_visible(export_to: &[String], default: &[String], owner: &str, client: &str) -> bool {
    names::visibility(export_to, default, owner, client).is_some()
}

/// The addresses that a port's endpoints have so far, each with its labels.
type Seen = HashSet<(Address, Arc<Labels>)>;

/// Adds an endpoint unless the same is there already. One address may stand with several sets of labels:
/// each is in subsets of its own.
fn push_endpoint(endpoints: &mut Vec<Arc<Endpoint>>, seen: &mut Seen, endpoint: Endpoint) {
    if seen.insert((endpoint.address.clone(), Arc::clone(&endpoint.labels))) {
        endpoints.push(Arc::new(endpoint));
    }
}

/// The endpoints of a cluster: of those with one address the first, whose health, ejection and connections
/// are the address's (LB-17).
pub(crate) fn distinct(discovery: Discovery) -> Discovery {
    match discovery {
        Discovery::Static(endpoints) if endpoints.len() < 2 => Discovery::Static(endpoints),
        Discovery::Static(mut endpoints) => {
            let mut seen = HashSet::with_capacity(endpoints.len());
            let once: Vec<bool> = endpoints.iter().map(|endpoint| seen.insert(&endpoint.address)).collect();
            let mut once = once.into_iter();
            endpoints.retain(|_| once.next().unwrap_or_default());
            Discovery::Static(endpoints)
        }
        Discovery::Dns(mut targets) => {
            let mut seen = HashSet::with_capacity(targets.len());
            targets.retain(|target| seen.insert((target.name.clone(), target.port)));
            Discovery::Dns(targets)
        }
        Discovery::DnsFirst(_) | Discovery::Authority => discovery,
    }
}
