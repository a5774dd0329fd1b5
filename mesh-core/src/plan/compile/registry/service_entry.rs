//! ServiceEntries: hosts that Kubernetes does not know (SE-4 to SE-10).

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use super::pods::{Pod, spiffe_id};
use super::sources::Sources;
use super::{Port, Service, is_visible, push_endpoint};
use crate::api::Resource;
use crate::api::istio::{Location, Resolution, ServiceEntry, ServiceEntryPort, WorkloadEntry};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::endpoint::{Address, Endpoint};
use crate::error::Origin;
use crate::identity::Locality;
use crate::plan::compile::inputs::labels::has_labels;
use crate::plan::compile::inputs::protocol::Protocol;
use crate::plan::compile::inputs::settings::Mesh;
use crate::plan::{Discovery, DnsTarget, ServiceIdentity};

type Entry = Resource<ServiceEntry>;

/// The hosts of an entry.
pub(super) fn hosts(entry: &Entry) -> Arc<[Arc<str>]> {
    entry.spec.hosts.iter().map(|host| host.to_ascii_lowercase().into()).collect()
}

/// Adds to a Kubernetes service what ServiceEntries for its host say: the service wins, an entry only adds names, to who
/// sees it (SE-10, N-5).
pub(super) fn add_names(service: &mut Service, entries: &[&Entry], sources: &Sources<'_, '_>) {
    let seen = entries.iter().filter(|entry| is_seen(entry, sources));
    service.subject_alt_names.extend(seen.flat_map(|entry| &entry.spec.subject_alt_names).cloned());
}

/// The service of a host that only ServiceEntries describe; there is at least one.
pub(super) fn chosen(
    host: &Arc<str>,
    entries: &[&Entry],
    sources: &Sources<'_, '_>,
    out: &mut Diagnostics,
) -> Service {
    let seen: Vec<&Entry> = entries.iter().filter(|entry| is_seen(entry, sources)).copied().collect();
    // Without a visible entry none is chosen: one is still kept, so that references to it get a finding.
    let (visible, candidates) = if seen.is_empty() { (false, entries) } else { (true, &*seen) };
    let own = candidates.iter().find(|entry| entry.meta.namespace == sources.workload.namespace);
    let namespace = own.map_or(&candidates[0].meta.namespace, |own| &own.meta.namespace);
    let merged: Vec<&Entry> =
        candidates.iter().filter(|entry| entry.meta.namespace == *namespace).copied().collect();
    service(host, &merged, visible, sources, out)
}

fn is_seen(entry: &Entry, sources: &Sources<'_, '_>) -> bool {
    let export = &entry.spec.export_to;
    is_visible(export, sources.mesh.service_export, &entry.meta.namespace, &sources.workload.namespace)
}

/// One host from the entries of one namespace: the oldest defines each port, endpoints add up.
fn service(
    host: &Arc<str>,
    entries: &[&Entry],
    visible: bool,
    known: &Sources<'_, '_>,
    out: &mut Diagnostics,
) -> Service {
    let oldest = entries[0];
    let mut ports: Vec<(&Entry, &ServiceEntryPort, Port)> = Vec::new();
    for entry in entries {
        for written in &entry.spec.ports {
            let Ok(number) = u16::try_from(written.number) else { continue };
            let protocol =
                Protocol::named(&written.protocol).or_else(|| Protocol::of_port_name(&written.name));
            let protocol = protocol.unwrap_or_else(|| Protocol::untold(number));
            let discovery = discovery(host, entry, written, number, known, out);
            match ports.iter_mut().find(|(_, _, port)| port.number == number) {
                None => ports.push((entry, written, Port { number, protocol, discovery })),
                Some((first, _, port)) => {
                    if port.protocol != protocol {
                        let message = format!(
                            "port {number} of {host} is {} here, and something else in {}",
                            written.protocol,
                            first.label()
                        );
                        let origin = entry.locate(written.at.field("protocol"));
                        out.push(Diagnostic::new(Code::ConflictingServiceEntryProtocol, origin, message));
                    }
                    if !merge(&mut port.discovery, discovery) {
                        let message = format!(
                            "{} resolves {host}:{number} in another way: the endpoints here are left out",
                            first.label()
                        );
                        let origin = entry.locate(entry.spec.at.field("resolution"));
                        out.push(Diagnostic::new(Code::SchemaWarning, origin, message));
                    }
                }
            }
        }
    }
    let external = oldest.spec.location == Location::MeshExternal;
    let names = entries.iter().flat_map(|entry| &entry.spec.subject_alt_names);
    let addresses = entries.iter().flat_map(|entry| &entry.spec.addresses);
    Service {
        identity: ServiceIdentity {
            host: Arc::clone(host),
            name: short_name(host, &known.mesh.settings.domain_suffix).into(),
            namespace: oldest.meta.namespace.as_str().into(),
            external,
        },
        ports: ports.into_iter().map(|(_, _, port)| port).collect(),
        addresses: addresses.filter_map(|address| address.parse().ok()).collect(),
        subject_alt_names: names.cloned().collect(),
        alias: None,
        headless: false,
        unready: false,
        visible,
        distribution: None,
        refused: None,
        origin: oldest.origin(),
    }
}

/// `reviews` of `reviews.shop.svc.cluster.local`; other hosts are called by their whole name.
fn short_name<'h>(host: &'h str, suffix: &str) -> &'h str {
    let head = host.strip_suffix(suffix).and_then(|head| head.strip_suffix(".svc."));
    head.and_then(|head| head.rsplit_once('.')).map_or(host, |(name, _)| name)
}

/// Adds the endpoints of another entry for the same port; says whether they could be added.
fn merge(into: &mut Discovery, from: Discovery) -> bool {
    match (into, from) {
        (Discovery::Static(all), Discovery::Static(more)) => {
            let of = |endpoint: &Arc<Endpoint>| (endpoint.address.clone(), Arc::clone(&endpoint.labels));
            let mut seen = all.iter().map(of).collect();
            for endpoint in more {
                push_endpoint(all, &mut seen, Arc::unwrap_or_clone(endpoint));
            }
        }
        (Discovery::Dns(all), Discovery::Dns(more)) => {
            for target in more {
                if !all.contains(&target) {
                    all.push(target);
                }
            }
        }
        (Discovery::DnsFirst(_) | Discovery::Authority, Discovery::Authority) => {}
        _ => return false,
    }
    true
}

fn discovery(
    host: &str,
    entry: &Entry,
    port: &ServiceEntryPort,
    number: u16,
    known: &Sources<'_, '_>,
    out: &mut Diagnostics,
) -> Discovery {
    let spec = &entry.spec;
    let target = port.target_port.and_then(|port| u16::try_from(port).ok()).unwrap_or(number);
    let members = members(entry, known);
    let mut leave_out = |member: &Member<'_>, why: &str| {
        let message = format!("{why}: {} leaves it out", entry.label());
        out.push(Diagnostic::new(Code::SchemaWarning, member.origin(entry), message));
    };
    match spec.resolution {
        Resolution::None | Resolution::DynamicDns => Discovery::Authority,
        Resolution::Static => {
            let (mut endpoints, mut seen) = (Vec::new(), HashSet::new());
            for member in &members {
                let (address, port) = (member.address(), member.port(&port.name, target));
                let address = match (address.strip_prefix("unix://"), address.parse()) {
                    (Some(path), _) => Address::Unix(path.into()),
                    (None, Ok(ip)) => Address::Socket(SocketAddr::new(ip, port)),
                    // One that only has a network is reached by a gateway, which is not known here.
                    (None, Err(_)) if address.is_empty() => continue,
                    (None, Err(_)) => {
                        leave_out(member, &format!("{address} is a name, and `resolution` is STATIC"));
                        continue;
                    }
                };
                let facts = member.facts(&entry.meta.namespace, known.mesh);
                push_endpoint(&mut endpoints, &mut seen, Endpoint { address, ..facts });
            }
            Discovery::Static(endpoints)
        }
        Resolution::Dns | Resolution::DnsRoundRobin => {
            let mut targets = Vec::with_capacity(members.len());
            if members.is_empty() && spec.workload_selector.is_none() {
                let template = Endpoint::new(SocketAddr::from(([0, 0, 0, 0], target)));
                targets.push(DnsTarget { name: host.into(), port: target, template });
            }
            for member in members.iter().filter(|member| !member.address().is_empty()) {
                let name = member.address().trim_end_matches('.');
                if name.starts_with("unix://") {
                    leave_out(member, &format!("{name} is a socket, and `resolution` is by DNS"));
                    continue;
                }
                let template = member.facts(&entry.meta.namespace, known.mesh);
                let port = member.port(&port.name, target);
                targets.push(DnsTarget { name: name.into(), port, template });
            }
            match targets.pop() {
                Some(one) if spec.resolution == Resolution::DnsRoundRobin => {
                    Discovery::DnsFirst(Box::new(one))
                }
                last => {
                    targets.extend(last);
                    Discovery::Dns(targets)
                }
            }
        }
    }
}

/// An endpoint of an entry: its own, or a WorkloadEntry or Pod that it selects (SE-8).
enum Member<'e> {
    Own(&'e WorkloadEntry),
    Selected(&'e Resource<WorkloadEntry>),
    Pod(&'e Pod<'e>),
}

fn members<'e>(entry: &'e Entry, sources: &'e Sources<'_, '_>) -> Vec<Member<'e>> {
    let Some(selector) = &entry.spec.workload_selector else {
        return entry.spec.endpoints.iter().map(Member::Own).collect();
    };
    let namespace = entry.meta.namespace.as_str();
    let entries = sources.workload_entries.of_namespace(namespace);
    let entries = entries.iter().filter(|one| has_labels(&one.spec.labels, &selector.labels));
    let pods = sources.pods.running(namespace, &selector.labels);
    entries.map(|one| Member::Selected(one)).chain(pods.map(Member::Pod)).collect()
}

impl Member<'_> {
    fn written(&self) -> Option<&WorkloadEntry> {
        match self {
            Self::Own(written) => Some(written),
            Self::Selected(resource) => Some(&resource.spec),
            Self::Pod(_) => None,
        }
    }

    fn origin(&self, of: &Entry) -> Origin {
        match self {
            Self::Own(written) => of.locate(written.at.field("address")),
            Self::Selected(resource) => resource.locate(resource.spec.at.field("address")),
            Self::Pod(pod) => pod.resource.origin(),
        }
    }

    fn address(&self) -> &str {
        match self {
            Self::Own(written) => &written.address,
            Self::Selected(resource) => &resource.spec.address,
            Self::Pod(pod) => pod.resource.spec.pod_ip.as_deref().unwrap_or_default(),
        }
    }

    /// SE-6.
    fn port(&self, name: &str, target: u16) -> u16 {
        let named = self.written().and_then(|written| written.ports.get(name));
        named.and_then(|port| u16::try_from(*port).ok()).unwrap_or(target)
    }

    /// All that it says but its address (SE-6).
    fn facts(&self, namespace: &str, mesh: &Mesh<'_>) -> Endpoint {
        let placeholder = Endpoint::new(SocketAddr::from(([0, 0, 0, 0], 0)));
        match self {
            Self::Own(written) => facts(written, namespace, mesh),
            Self::Selected(resource) => facts(&resource.spec, namespace, mesh),
            Self::Pod(pod) => pod.facts(placeholder),
        }
    }
}

/// All that an endpoint says but its address (SE-6).
fn facts(written: &WorkloadEntry, namespace: &str, mesh: &Mesh<'_>) -> Endpoint {
    let account = &written.service_account;
    let locality = match written.locality.as_str() {
        "" => Locality::of_labels(&written.labels),
        text => Locality::parse(text),
    };
    Endpoint {
        weight: written.weight.max(1),
        locality,
        network: (!written.network.is_empty()).then(|| written.network.as_str().into()),
        labels: Arc::new(written.labels.clone()),
        identity: (!account.is_empty()).then(|| spiffe_id(&mesh.settings.trust_domain, namespace, account)),
        ..Endpoint::new(SocketAddr::from(([0, 0, 0, 0], 0)))
    }
}
