//! Where the parts of services are looked for.

use std::cell::LazyCell;
use std::collections::HashMap;

use super::pods::Pods;
use crate::api::istio::WorkloadEntry;
use crate::api::{Documents, Metadata, Resource};
use crate::identity::Workload;
use crate::plan::compile::inputs::nodes::Nodes;
use crate::plan::compile::inputs::settings::Mesh;

/// Label of a slice that names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// The pods, if they are asked for.
pub(super) type LazyPods<'a> = LazyCell<Pods<'a>, Box<dyn FnOnce() -> Pods<'a> + 'a>>;

/// What services are made of.
pub(super) struct Sources<'a, 'p> {
    pub(super) documents: &'a Documents,
    pub(super) pods: &'a LazyPods<'p>,
    pub(super) mesh: &'a Mesh<'a>,
    /// Whose plan it is.
    pub(super) workload: &'a Workload,
    pub(super) endpointed: Endpointed<'a>,
    pub(super) workload_entries: Workloads<'a>,
}

impl<'a, 'p> Sources<'a, 'p> {
    pub(super) fn new(
        documents: &'a Documents,
        pods: &'a LazyPods<'p>,
        mesh: &'a Mesh<'a>,
        workload: &'a Workload,
    ) -> Self {
        let endpointed = Endpointed::of(documents);
        let workload_entries = Workloads::of(documents);
        Self { documents, pods, mesh, workload, endpointed, workload_entries }
    }
}

/// Where the endpoints of Services are looked for.
pub(super) struct Endpointed<'a> {
    slices: HashMap<(&'a str, &'a str), Vec<u32>>,
    endpoints: HashMap<(&'a str, &'a str), u32>,
    pub(super) nodes: LazyCell<Nodes<'a>, Box<dyn FnOnce() -> Nodes<'a> + 'a>>,
}

impl<'a> Endpointed<'a> {
    pub(super) fn of(documents: &'a Documents) -> Self {
        let mut slices: HashMap<_, Vec<u32>> = HashMap::new();
        for (place, slice) in (0..).zip(&documents.endpoint_slices) {
            if let Some(service) = slice.meta.labels.get(SERVICE_NAME) {
                slices.entry((slice.meta.namespace.as_str(), service.as_str())).or_default().push(place);
            }
        }
        let endpoints = (0..).zip(&documents.endpoints);
        let endpoints =
            endpoints.map(|(place, one)| ((&*one.meta.namespace, &*one.meta.name), place)).collect();
        Self { slices, endpoints, nodes: LazyCell::new(Box::new(|| Nodes::of(documents))) }
    }

    /// The places of a Service's EndpointSlices.
    pub(super) fn slices<'s>(&'s self, of: &'s Metadata) -> &'s [u32] {
        self.slices.get(&(&*of.namespace, &*of.name)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The place of its Endpoints.
    pub(super) fn endpoints(&self, of: &Metadata) -> Option<u32> {
        self.endpoints.get(&(&*of.namespace, &*of.name)).copied()
    }
}

/// The WorkloadEntries, by namespace.
pub(super) struct Workloads<'a>(HashMap<&'a str, Vec<&'a Resource<WorkloadEntry>>>);

impl<'a> Workloads<'a> {
    pub(super) fn of(documents: &'a Documents) -> Self {
        let mut entries: HashMap<_, Vec<_>> = HashMap::new();
        for workload in &documents.workload_entries {
            entries.entry(workload.meta.namespace.as_str()).or_default().push(workload);
        }
        Self(entries)
    }

    /// Those of a namespace.
    pub(super) fn of_namespace(&self, namespace: &str) -> &[&'a Resource<WorkloadEntry>] {
        self.0.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }
}
