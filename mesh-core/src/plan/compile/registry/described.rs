//! What documents say of each host, and of which documents that was made.

use std::collections::HashMap;
use std::sync::Arc;

use super::sources::Sources;
use super::{Service, kubernetes, service_entry};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::hash::WordHash;
use crate::plan::compile::inputs::changes::{Changes, Kept};
use crate::plan::compile::inputs::few::Few;

/// All hosts as documents describe them, before one is known as another's name.
#[derive(Clone, Debug, Default)]
pub(super) struct Described {
    hosts: Vec<Host>,
    /// Their places, by name.
    places: HashMap<Arc<str>, u32, WordHash>,
    /// The host of each Service.
    of_services: Vec<Arc<str>>,
    /// The hosts of each ServiceEntry.
    of_entries: Vec<Arc<[Arc<str>]>>,
}

/// A host.
#[derive(Clone, Debug)]
struct Host {
    of: MadeOf,
    service: Arc<Service>,
    findings: Arc<[Diagnostic]>,
}

/// The documents that describe a host, by their places.
#[derive(Clone, Debug, Default)]
struct MadeOf {
    service: Option<u32>,
    slices: Few<u32>,
    endpoints: Option<u32>,
    entries: Few<u32>,
    /// Whether one of them asks for pods or WorkloadEntries.
    workloads: bool,
}

impl Described {
    /// Makes the hosts, or takes over those of `known` whose documents stayed.
    pub(super) fn build(
        sources: &Sources<'_, '_>,
        changes: &Changes,
        known: &Self,
        out: &mut Diagnostics,
    ) -> Self {
        let mut described = Self {
            hosts: Vec::new(),
            places: HashMap::with_capacity_and_hasher(known.places.len(), WordHash::default()),
            of_services: described_services(sources, changes, known),
            of_entries: described_entries(sources, changes, known),
        };
        let found = described.made_of(sources, out);
        described.hosts = found
            .into_iter()
            .map(|(host, of)| match known.same(&host, &of, changes) {
                Some(same) => Host { of, ..same.clone() },
                None => Host::new(&host, of, sources, known),
            })
            .collect();
        for host in &described.hosts {
            out.extend(host.findings.iter().cloned());
        }
        described
    }

    /// What each host is made of, in the order in which the documents name them.
    fn made_of(&mut self, sources: &Sources<'_, '_>, out: &mut Diagnostics) -> Vec<(Arc<str>, MadeOf)> {
        let documents = sources.documents;
        let mut found: Vec<(Arc<str>, MadeOf)> =
            Vec::with_capacity(self.of_services.len() + self.of_entries.len());
        for ((place, host), resource) in (0..).zip(&self.of_services).zip(&documents.services) {
            let position = u32::try_from(found.len()).expect("hosts are numbered in 32 bits");
            if *self.places.entry(Arc::clone(host)).or_insert(position) != position {
                // The older of two counts; what is wrong with the other is still reported.
                kubernetes::service(Arc::clone(host), resource, sources, out);
                continue;
            }
            let slices = sources.endpointed.slices(&resource.meta).into();
            let endpoints = sources.endpointed.endpoints(&resource.meta);
            let of = MadeOf { service: Some(place), slices, endpoints, workloads: true, ..MadeOf::default() };
            found.push((Arc::clone(host), of));
        }
        for ((place, hosts), entry) in (0..).zip(&self.of_entries).zip(&documents.service_entries) {
            for host in hosts.iter() {
                let position = u32::try_from(found.len()).expect("hosts are numbered in 32 bits");
                let at = *self.places.entry(Arc::clone(host)).or_insert(position);
                if at == position {
                    found.push((Arc::clone(host), MadeOf::default()));
                }
                let of = &mut found[at as usize].1;
                of.entries.push(place);
                of.workloads |= entry.spec.workload_selector.is_some();
            }
        }
        found
    }

    /// The host as it was, if it was made of the same documents.
    fn same(&self, host: &Arc<str>, of: &MadeOf, changes: &Changes) -> Option<&Host> {
        let known = self.host(host)?;
        let same =
            |now: Option<u32>, before: Option<u32>, kept: &Kept| kept.are(now.as_slice(), before.as_slice());
        let is_same = same(of.service, known.of.service, &changes.services)
            && changes.endpoint_slices.are(of.slices.as_slice(), known.of.slices.as_slice())
            && same(of.endpoints, known.of.endpoints, &changes.endpoints)
            && changes.service_entries.are(of.entries.as_slice(), known.of.entries.as_slice())
            && (changes.same_workloads || !of.workloads);
        is_same.then_some(known)
    }

    fn host(&self, host: &str) -> Option<&Host> {
        self.places.get(host).map(|place| &self.hosts[*place as usize])
    }

    pub(super) fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.hosts.iter().map(|host| &host.service)
    }
}

impl Host {
    fn new(host: &Arc<str>, of: MadeOf, sources: &Sources<'_, '_>, known: &Described) -> Self {
        let documents = sources.documents;
        let mut found = Diagnostics::new();
        let entries: Vec<_> =
            of.entries.as_slice().iter().map(|place| &documents.service_entries[*place as usize]).collect();
        let service = match of.service {
            Some(place) => {
                let written = &documents.services[place as usize];
                let mut service = kubernetes::service(Arc::clone(host), written, sources, &mut found);
                service_entry::add_names(&mut service, &entries, sources);
                service
            }
            None => service_entry::chosen(host, &entries, sources, &mut found),
        };
        // Documents that were written again mostly say the same.
        let before = known.host(host).map(|known| &known.service).filter(|before| ***before == service);
        let service = before.map_or_else(|| Arc::new(service), Arc::clone);
        Self { of, service, findings: found.into_iter().collect() }
    }
}

fn described_services(sources: &Sources<'_, '_>, changes: &Changes, known: &Described) -> Vec<Arc<str>> {
    let host = |(place, resource)| match changes.services.at(place) {
        Some(before) => Arc::clone(&known.of_services[before]),
        None => kubernetes::host(resource, sources.mesh),
    };
    sources.documents.services.iter().enumerate().map(host).collect()
}

fn described_entries(
    sources: &Sources<'_, '_>,
    changes: &Changes,
    known: &Described,
) -> Vec<Arc<[Arc<str>]>> {
    let hosts = |(place, resource)| match changes.service_entries.at(place) {
        Some(before) => Arc::clone(&known.of_entries[before]),
        None => service_entry::hosts(resource),
    };
    sources.documents.service_entries.iter().enumerate().map(hosts).collect()
}
