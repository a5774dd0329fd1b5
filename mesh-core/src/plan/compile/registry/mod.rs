//! What can be called: hosts with their ports and endpoints, from all sources (SE).
//!
//! Sorted by host, found by host: everything after it works with indices. A service whose documents are the same as at
//! the last compile is the same object as then.

mod described;
mod kubernetes;
mod pods;
mod service_entry;
mod sources;

pub(crate) use self::kubernetes::target_port;

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use self::described::Described;
use self::pods::Pods;
use self::sources::{LazyPods, Sources};
use crate::api::Documents;
use crate::diagnostic::Diagnostics;
use crate::endpoint::{Address, Endpoint};
use crate::error::Origin;
use crate::identity::{Labels, Workload};
use crate::plan::compile::inputs::changes::Changes;
use crate::plan::compile::inputs::labels::has_labels;
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::protocol::Protocol;
use crate::plan::compile::inputs::settings::Mesh;
use crate::plan::{Discovery, ServiceIdentity};
use crate::route::HostMap;

/// A host that can be called.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    services: Vec<Arc<Service>>,
    names: Arc<Names>,
    /// Whether these are the names of the last registry, so that every host is found where it was.
    names_stayed: bool,
    /// Where each stood in the last registry; [`NONE`] for one that is new or changed.
    before: Vec<u32>,
}

/// The place of a service that was not there.
const NONE: u32 = u32::MAX;

/// The places of hosts, by name.
#[derive(Debug, Default)]
struct Names {
    all: HostMap,
    /// Without those that our workload's namespace does not see: they hide no wider one (N-5).
    visible: HostMap,
}

/// What the last compile made, to take over from.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownRegistry {
    described: Described,
    registry: Registry,
}

impl Registry {
    /// Finds all hosts. Those whose documents `changes` says to be the same are taken over from `known`; what the
    /// next compile may take over is returned too.
    pub(crate) fn build(
        documents: &Documents,
        mesh: &Mesh<'_>,
        workload: &Workload,
        changes: &Changes,
        known: &KnownRegistry,
        out: &mut Diagnostics,
    ) -> (Self, KnownRegistry) {
        let pods: LazyPods<'_> = LazyCell::new(Box::new(|| Pods::of(documents, &mesh.settings.trust_domain)));
        let sources = Sources::new(documents, &pods, mesh, workload);
        let described = Described::build(&sources, changes, &known.described, out);
        let mut services: Vec<Arc<Service>> = described.services().cloned().collect();
        if let Some(refused) = &documents.refused {
            add_refused(&mut services, refused, &sources);
        }
        resolve_aliases(&mut services, &known.registry);
        services.sort_by(|a, b| a.identity.host.cmp(&b.identity.host));
        let names = Names::of(&services, &known.registry);
        let before = places_before(&services, &known.registry.services);
        let names_stayed = Arc::ptr_eq(&names, &known.registry.names);
        let registry = Self { services, names, names_stayed, before };
        (registry.clone(), KnownRegistry { described, registry })
    }

    pub(crate) fn services(&self) -> &[Arc<Service>] {
        &self.services
    }

    pub(crate) fn get(&self, index: usize) -> &Arc<Service> {
        &self.services[index]
    }

    /// Where the service at this place stood in the last registry, if it is the same.
    pub(crate) fn before(&self, index: usize) -> Option<usize> {
        Some(self.before[index]).filter(|before| *before != NONE).map(|before| before as usize)
    }

    /// Where a host is found that was found at `before`.
    pub(crate) fn find_again(&self, host: &str, before: Option<usize>) -> Option<usize> {
        if self.names_stayed { before } else { self.find(host) }
    }

    /// As [`Registry::find_again`], of services that are seen.
    pub(crate) fn find_visible_again(&self, host: &str, before: Option<usize>) -> Option<usize> {
        if self.names_stayed { before } else { self.find_visible(host) }
    }

    /// The service of this host, seen or not; a wildcard service stands for the hosts that fit it (AN-4).
    pub(crate) fn find(&self, host: &str) -> Option<usize> {
        self.names.all.get(host)
    }

    /// The service that calls of this host go to: as [`Registry::find`], of those that are seen (N-5).
    pub(crate) fn find_visible(&self, host: &str) -> Option<usize> {
        self.names.visible.get(host)
    }

    /// Whether the service of this name, and of no wider one, has the port.
    pub(crate) fn has_port(&self, host: &str, port: u16) -> bool {
        self.exact(host).is_some_and(|index| self.services[index].port(port).is_some())
    }

    pub(crate) fn exact(&self, host: &str) -> Option<usize> {
        self.find(host).filter(|index| *self.services[*index].identity.host == *host)
    }
}

impl Names {
    /// The names of services that are sorted; those of the last registry where none came or went.
    fn of(services: &[Arc<Service>], last: &Registry) -> Arc<Self> {
        let is_called_so = |(now, before): (&Arc<Service>, &Arc<Service>)| {
            Arc::ptr_eq(now, before)
                || (now.identity.host == before.identity.host && now.visible == before.visible)
        };
        let before = &last.services;
        if services.len() == before.len() && services.iter().zip(before).all(is_called_so) {
            return Arc::clone(&last.names);
        }
        let mut names = Self::default();
        for (index, service) in services.iter().enumerate() {
            let host = &service.identity.host;
            let _: Result<(), usize> = names.all.insert(host, index);
            if service.visible {
                let _: Result<(), usize> = names.visible.insert(host, index);
            }
        }
        Arc::new(names)
    }
}

/// Where each of these services stood among `last`, as far as it is the same object; both are sorted.
fn places_before(services: &[Arc<Service>], last: &[Arc<Service>]) -> Vec<u32> {
    let mut rest = (0..).zip(last).peekable();
    let place = |service: &Arc<Service>| {
        let is_behind = |other: &Arc<Service>| {
            !Arc::ptr_eq(other, service) && other.identity.host < service.identity.host
        };
        while rest.next_if(|(_, other)| is_behind(other)).is_some() {}
        rest.next_if(|(_, other)| Arc::ptr_eq(other, service)).map_or(NONE, |(place, _)| place)
    };
    services.iter().map(place).collect()
}

/// Adds the hosts that only refused documents describe: a call of one must not go where a stranger's would.
fn add_refused(services: &mut Vec<Arc<Service>>, refused: &Documents, sources: &Sources<'_, '_>) {
    // What they say is not in force, and what is wrong with it is told.
    let mut told = Diagnostics::new();
    let sources = Sources::new(refused, sources.pods, sources.mesh, sources.workload);
    let refused = Described::build(&sources, &Changes::default(), &Described::default(), &mut told);
    let known: HashSet<Arc<str>> =
        services.iter().map(|service| Arc::clone(&service.identity.host)).collect();
    for service in refused.services().filter(|service| !known.contains(&service.identity.host)) {
        let mut service = Service::clone(service);
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
        services.push(Arc::new(service));
    }
}

/// Lets a service that is another one's name stand wherever that one does: on all of its ports, declared
/// here or not, with its endpoints (SE-1). A name of a name is one of the service at the end. A name that no service
/// has stays one of DNS, as does a port that only the alias declares.
fn resolve_aliases(services: &mut [Arc<Service>], last: &Registry) {
    let aliases: HashMap<Arc<str>, Arc<str>> = services
        .iter()
        .filter_map(|service| Some((service.identity.host.clone(), service.alias.clone()?)))
        .collect();
    if aliases.is_empty() {
        return;
    }
    let places = services.iter().enumerate().map(|(place, one)| (Arc::clone(&one.identity.host), place));
    let places: HashMap<Arc<str>, usize> = places.collect();
    for (host, target) in ends(&aliases) {
        let Some(place) = places.get(host) else { continue };
        let known = target.and_then(|target| places.get(target)).map(|place| &services[*place]);
        let found: Vec<Port> = known.map(|known| known.ports.clone()).unwrap_or_default();
        // By another name a refused service is no more open than by its own.
        let refused = known.and_then(|known| known.refused.clone());
        let mut service = Service::clone(&services[*place]);
        service.alias = target.filter(|_| !found.is_empty()).cloned();
        service.refused = refused;
        for port in found {
            match service.ports.iter_mut().find(|own| own.number == port.number) {
                Some(own) => *own = port,
                None => service.ports.push(port),
            }
        }
        let before = last.exact(host).map(|index| &last.services[index]);
        services[*place] = match before.filter(|before| ***before == service) {
            Some(before) => Arc::clone(before),
            None => Arc::new(service),
        };
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
