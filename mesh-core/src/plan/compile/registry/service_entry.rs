//! ServiceEntries: hosts that Kubernetes does not know (SE-4 to SE-10).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::pods::{Pods, spiffe_id};
use super::{ByHost, Port, Service, has_labels, is_visible};
use crate::analysis::{Code, Diagnostic, Diagnostics};
use crate::api::istio::{Location, Resolution, ServiceEntry, ServiceEntryPort, WorkloadEntry};
use crate::api::{Documents, Resource};
use crate::endpoint::{Address, Endpoint};
use crate::identity::Locality;
use crate::plan::compile::protocol::Protocol;
use crate::plan::compile::settings::Mesh;
use crate::plan::{Discovery, DnsTarget, ServiceIdentity};

type Entry = Resource<ServiceEntry>;

pub(super) fn add(
    services: &mut ByHost,
    documents: &Documents,
    pods: &Pods<'_>,
    mesh: &Mesh<'_>,
    client: &str,
    out: &mut Diagnostics,
) {
    let mut by_host: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
    for entry in &documents.service_entries {
        for host in &entry.spec.hosts {
            by_host.entry(host.to_ascii_lowercase()).or_default().push(entry);
        }
    }
    for (host, entries) in by_host {
        let sees = |entry: &&&Entry| {
            let export = &entry.spec.export_to;
            is_visible(export, mesh.service_export, &entry.meta.namespace, client)
        };
        let seen: Vec<&Entry> = entries.iter().filter(sees).copied().collect();
        if let Some(service) = services.get_mut(host.as_str()) {
            // The Kubernetes service wins; an entry only adds names, to who sees it (SE-10, N-5).
            let names = seen.iter().flat_map(|entry| &entry.spec.subject_alt_names).cloned();
            service.subject_alt_names.extend(names);
            continue;
        }
        // Nobody's choice if none is visible: one is still kept, to say so of references to it.
        let (visible, candidates) = if seen.is_empty() { (false, &entries) } else { (true, &seen) };
        let own = candidates.iter().find(|entry| entry.meta.namespace == client);
        let Some(chosen) = own.or_else(|| candidates.first()) else { continue };
        let namespace = chosen.meta.namespace.clone();
        let merged: Vec<&Entry> =
            candidates.iter().filter(|entry| entry.meta.namespace == namespace).copied().collect();
        let service = service(&host, &merged, visible, &Known { documents, pods, mesh }, out);
        services.insert(Arc::clone(&service.identity.host), service);
    }
}

/// One host from the entries of one namespace: the oldest defines each port, endpoints add up.
fn service(
    host: &str,
    entries: &[&Entry],
    visible: bool,
    known: &Known<'_>,
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
            let discovery = discovery(host, entry, written, number, known);
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
                    merge(&mut port.discovery, discovery);
                }
            }
        }
    }
    let external = oldest.spec.location == Location::MeshExternal;
    let names = entries.iter().flat_map(|entry| &entry.spec.subject_alt_names);
    let addresses = entries.iter().flat_map(|entry| &entry.spec.addresses);
    Service {
        identity: ServiceIdentity {
            host: host.into(),
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
        origin: oldest.origin(),
    }
}

/// `reviews` of `reviews.shop.svc.cluster.local`; other hosts are called by their whole name.
fn short_name<'h>(host: &'h str, suffix: &str) -> &'h str {
    let head = host.strip_suffix(suffix).and_then(|head| head.strip_suffix(".svc."));
    head.and_then(|head| head.rsplit_once('.')).map_or(host, |(name, _)| name)
}

fn merge(into: &mut Discovery, from: Discovery) {
    match (into, from) {
        (Discovery::Static(all), Discovery::Static(more)) => all.extend(more),
        (Discovery::Dns(all), Discovery::Dns(more)) => all.extend(more),
        _ => {}
    }
}

fn discovery(
    host: &str,
    entry: &Entry,
    port: &ServiceEntryPort,
    number: u16,
    known: &Known<'_>,
) -> Discovery {
    let spec = &entry.spec;
    let target = port.target_port.and_then(|port| u16::try_from(port).ok()).unwrap_or(number);
    let of = |written: &WorkloadEntry| {
        let named = written.ports.get(&port.name).and_then(|port| u16::try_from(*port).ok());
        (named.unwrap_or(target), facts(written, &entry.meta.namespace, known.mesh))
    };
    let endpoints = known.endpoints(entry);
    match spec.resolution {
        Resolution::None | Resolution::DynamicDns => Discovery::Authority,
        Resolution::Static => {
            let endpoint = |written: &Cow<'_, WorkloadEntry>| {
                let (port, facts) = of(written);
                let address = match written.address.strip_prefix("unix://") {
                    Some(path) => Address::Unix(path.into()),
                    None => Address::Socket(SocketAddr::new(written.address.parse().ok()?, port)),
                };
                Some(Arc::new(Endpoint { address, ..facts }))
            };
            Discovery::Static(endpoints.iter().filter_map(endpoint).collect())
        }
        Resolution::Dns | Resolution::DnsRoundRobin => {
            let mut targets: Vec<DnsTarget> = if endpoints.is_empty() && spec.workload_selector.is_none() {
                let template = Endpoint::new(SocketAddr::from(([0, 0, 0, 0], target)));
                vec![DnsTarget { name: host.into(), port: target, template }]
            } else {
                let target = |written: &Cow<'_, WorkloadEntry>| {
                    let (port, template) = of(written);
                    DnsTarget { name: written.address.trim_end_matches('.').into(), port, template }
                };
                // One that only has a network is reached by a gateway, which is not known here.
                let named = endpoints.iter().filter(|written| !written.address.is_empty());
                named.map(target).collect()
            };
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

/// Where selected endpoints are looked for.
struct Known<'a> {
    documents: &'a Documents,
    pods: &'a Pods<'a>,
    mesh: &'a Mesh<'a>,
}

impl Known<'_> {
    /// The endpoints of an entry: its own, or the WorkloadEntries and Pods that it selects (SE-8).
    fn endpoints<'e>(&'e self, entry: &'e Entry) -> Vec<Cow<'e, WorkloadEntry>> {
        let Some(selector) = &entry.spec.workload_selector else {
            return entry.spec.endpoints.iter().map(Cow::Borrowed).collect();
        };
        let namespace = &entry.meta.namespace;
        let entries = self.documents.workload_entries.iter().filter(|workload| {
            workload.meta.namespace == *namespace && has_labels(&workload.spec.labels, &selector.labels)
        });
        let pods = self.pods.running(namespace, &selector.labels).map(|pod| {
            Cow::Owned(WorkloadEntry {
                address: pod.resource.spec.pod_ip.clone().unwrap_or_default(),
                labels: pod.labels.as_ref().clone(),
                service_account: pod.account.to_owned(),
                locality: pod.locality.to_string(),
                network: pod.network.as_deref().unwrap_or_default().to_owned(),
                ..WorkloadEntry::default()
            })
        });
        entries.map(|workload| Cow::Borrowed(&workload.spec)).chain(pods).collect()
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
