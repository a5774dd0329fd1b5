//! All resources of a configuration, by kind.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::envoy_gateway::BackendTrafficPolicy;
use super::gateway_api::{self, GatewayClass, GrpcRoute, HttpRoute, ReferenceGrant};
use super::istio::{
    DestinationRule, Gateway, MeshConfig, ServiceEntry, Sidecar, VirtualService, WorkloadEntry,
    WorkloadGroup, WorkloadProxyConfig,
};
use super::kubernetes::{ConfigMap, EndpointSlice, Endpoints, Namespace, Node, Secret, Service, Workload};
use super::resource::{Resource, creation_order};
use super::source::Source;

/// Calls a macro with the names of all lists of [`Documents`], so that each is thought of wherever all are
/// meant.
macro_rules! each_list {
    ($call:ident) => {
        $call!(
            services,
            endpoint_slices,
            endpoints,
            workloads,
            secrets,
            config_maps,
            namespaces,
            nodes,
            service_entries,
            workload_entries,
            workload_groups,
            virtual_services,
            destination_rules,
            gateways,
            sidecars,
            proxy_configs,
            gateway_classes,
            k8s_gateways,
            http_routes,
            grpc_routes,
            reference_grants,
            backend_traffic_policies
        )
    };
}
pub(crate) use each_list;

/// All resources of a configuration, each list in creation order (N-3), so that the order of files
/// never matters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Documents {
    /// Kubernetes Services.
    pub services: Vec<Resource<Service>>,
    /// Kubernetes EndpointSlices.
    pub endpoint_slices: Vec<Resource<EndpointSlice>>,
    /// Kubernetes Endpoints.
    pub endpoints: Vec<Resource<Endpoints>>,
    /// Deployments, Pods and their relatives.
    pub workloads: Vec<Resource<Workload>>,
    /// Kubernetes Secrets.
    pub secrets: Vec<Resource<Secret>>,
    /// Kubernetes ConfigMaps, the mesh config among them.
    pub config_maps: Vec<Resource<ConfigMap>>,
    /// Kubernetes Namespaces.
    pub namespaces: Vec<Resource<Namespace>>,
    /// Kubernetes Nodes.
    pub nodes: Vec<Resource<Node>>,
    /// The mesh config (MC-1), if one was written.
    pub mesh_config: Option<Resource<MeshConfig>>,
    /// ServiceEntries.
    pub service_entries: Vec<Resource<ServiceEntry>>,
    /// WorkloadEntries.
    pub workload_entries: Vec<Resource<WorkloadEntry>>,
    /// WorkloadGroups.
    pub workload_groups: Vec<Resource<WorkloadGroup>>,
    /// VirtualServices.
    pub virtual_services: Vec<Resource<VirtualService>>,
    /// DestinationRules.
    pub destination_rules: Vec<Resource<DestinationRule>>,
    /// Gateways.
    pub gateways: Vec<Resource<Gateway>>,
    /// Sidecars.
    pub sidecars: Vec<Resource<Sidecar>>,
    /// `ProxyConfig` resources.
    pub proxy_configs: Vec<Resource<WorkloadProxyConfig>>,
    /// GatewayClasses of the Gateway API.
    pub gateway_classes: Vec<Resource<GatewayClass>>,
    /// Gateways of the Gateway API.
    pub k8s_gateways: Vec<Resource<gateway_api::Gateway>>,
    /// HTTPRoutes.
    pub http_routes: Vec<Resource<HttpRoute>>,
    /// GRPCRoutes.
    pub grpc_routes: Vec<Resource<GrpcRoute>>,
    /// ReferenceGrants.
    pub reference_grants: Vec<Resource<ReferenceGrant>>,
    /// Envoy Gateway's `BackendTrafficPolicy` resources.
    pub backend_traffic_policies: Vec<Resource<BackendTrafficPolicy>>,
    /// What is refused, as far as it could be read. Nothing of it is in force; what it may have protected is
    /// closed where no earlier version of it is known to be good (Y-12).
    pub refused: Option<Box<Self>>,
    /// The files that were read; none if code made the documents.
    pub files: Files,
}

/// The texts that documents were read from, by which a reload sees that one was cut short. Documents that say the
/// same are equal, in whatever files they stand.
#[derive(Clone, Default)]
pub struct Files(pub(crate) BTreeMap<Arc<str>, FileTexts>);

impl PartialEq for Files {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Files {
    /// Names alone: there are secrets in the texts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The texts of a file: as it was read, and before that.
#[derive(Clone)]
pub(crate) struct FileTexts {
    pub(crate) now: Arc<FileText>,
    /// Marks of the texts that it had before, oldest first.
    pub(crate) earlier: Vec<u64>,
}

/// The text of a file, and facts about the whole of it.
pub(crate) struct FileText {
    pub(crate) text: Box<str>,
    /// Where its last document begins.
    pub(crate) last_document: u32,
    /// Whether its end may be missing: that of its last line is, or its last document is no YAML.
    pub(crate) is_open: bool,
    /// Whether any of its documents says what it is.
    pub(crate) says_something: bool,
}

impl FileText {
    /// What texts are compared by that are not kept.
    pub(crate) fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.text.hash(&mut hasher);
        hasher.finish()
    }
}

impl Documents {
    /// Whether something was read from a file, or from a file in a folder.
    #[must_use]
    pub fn has_any_of(&self, place: &str) -> bool {
        self.sources().into_iter().any(|file| is_in(file, place))
    }

    /// All places that something was read from, as [`Documents::has_any_of`] tells of one.
    pub(crate) fn places(&self) -> HashSet<String> {
        self.sources().into_iter().flat_map(places).map(str::to_owned).collect()
    }

    /// The files that something was read from, be it refused.
    fn sources<'d>(&'d self) -> HashSet<&'d str> {
        let mut files = HashSet::new();
        let mut last = "";
        let mut add = |file: &'d str| {
            // Resources of one file mostly stand together.
            if !std::ptr::eq::<str>(last, file) {
                files.insert(file);
                last = file;
            }
        };
        for documents in std::iter::once(self).chain(self.refused.as_deref()) {
            documents.mesh_config.iter().for_each(|one| add(&one.source.file));
            macro_rules! add_each {
                ($($list:ident),*) => {
                    $(documents.$list.iter().for_each(|one| add(&one.source.file));)*
                };
            }
            each_list!(add_each);
        }
        files
    }

    /// What is refused, to add to it.
    pub(crate) fn refused(&mut self) -> &mut Self {
        self.refused.get_or_insert_default()
    }

    /// Adds the resources of a part, without its mesh config and files.
    pub(crate) fn add(&mut self, part: &Self) {
        macro_rules! add {
            ($($list:ident),*) => { $(self.$list.extend_from_slice(&part.$list);)* };
        }
        each_list!(add);
        if let Some(refused) = &part.refused {
            self.refused().add(refused);
        }
    }

    /// Keeps the resources whose source counts, in force and refused.
    pub(crate) fn retain(&mut self, counts: &dyn Fn(&Source) -> bool) {
        macro_rules! retain {
            ($($list:ident),*) => { $(self.$list.retain(|one| counts(&one.source));)* };
        }
        each_list!(retain);
        if let Some(refused) = &mut self.refused {
            refused.retain(counts);
        }
        self.refused.take_if(|refused| **refused == Self::default());
    }

    /// Puts each list in creation order (N-3). Needed after adding resources in code.
    pub fn sort(&mut self) {
        fn by_age<T>(resources: &mut [Resource<T>]) {
            resources.sort_by(|a, b| creation_order(&a.meta, &b.meta));
        }
        let documents = self;
        macro_rules! sort {
            ($($list:ident),*) => {
                // A list that `each_list` lacks does not compile here.
                let Self { mesh_config: _, refused, files: _, $($list),* } = documents;
                $(by_age($list);)*
                if let Some(refused) = refused {
                    refused.sort();
                }
            };
        }
        each_list!(sort);
    }
}

/// What a place is compared by: a folder may be written with a separator at its end.
pub(crate) fn without_end(place: &str) -> &str {
    place.trim_end_matches(['/', '\\'])
}

/// The file and the folders that it stands in: all places that it [is in](is_in).
pub(crate) fn places(file: &str) -> impl Iterator<Item = &str> {
    let folders = file.match_indices(['/', '\\']).map(|(at, _)| &file[..at]);
    std::iter::once(file).chain(folders.filter(|folder| !folder.is_empty()))
}

/// Whether `file` is this file, or stands in this folder.
fn is_in(file: &str, place: &str) -> bool {
    let place = without_end(place);
    if place.is_empty() {
        return file.is_empty();
    }
    file.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '\\']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stand_in_folders() {
        assert!(is_in("mesh/a.yaml", "mesh/") && is_in("mesh/a.yaml", "mesh") && is_in("a.yaml", "a.yaml"));
        assert!(!is_in("mesh-b/a.yaml", "mesh") && !is_in("a.yaml.b", "a.yaml"));
    }
}
