//! All resources of a configuration, by kind.

use super::istio::{
    DestinationRule, Gateway, MeshConfig, ServiceEntry, Sidecar, VirtualService, WorkloadEntry,
};
use super::kubernetes::{ConfigMap, EndpointSlice, Endpoints, Namespace, Secret, Service, Workload};
use super::resource::Resource;

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
    /// The mesh config (MC-1), if one was written.
    pub mesh_config: Option<Resource<MeshConfig>>,
    /// ServiceEntries.
    pub service_entries: Vec<Resource<ServiceEntry>>,
    /// WorkloadEntries.
    pub workload_entries: Vec<Resource<WorkloadEntry>>,
    /// VirtualServices.
    pub virtual_services: Vec<Resource<VirtualService>>,
    /// DestinationRules.
    pub destination_rules: Vec<Resource<DestinationRule>>,
    /// Gateways.
    pub gateways: Vec<Resource<Gateway>>,
    /// Sidecars.
    pub sidecars: Vec<Resource<Sidecar>>,
}
