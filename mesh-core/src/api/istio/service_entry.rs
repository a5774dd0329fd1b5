//! `ServiceEntry`: a service that Kubernetes does not know (SE-4 and following).

use super::WorkloadEntry;
use crate::api::message::{enumeration, message};
use crate::text_map::TextMap;

message! {
    /// A service made known to the mesh.
    pub struct ServiceEntry {
        /// Its hosts.
        supported hosts: Vec<String>,
        /// Its addresses.
        supported addresses: Vec<String>,
        /// Its ports.
        supported ports: Vec<ServiceEntryPort>,
        /// Inside or outside of the mesh.
        supported location: Location,
        /// How endpoints are found.
        supported resolution: Resolution,
        /// Its endpoints.
        supported endpoints: Vec<WorkloadEntry>,
        /// Take workloads with these labels as endpoints.
        supported workload_selector: Option<WorkloadSelector>,
        /// Namespaces that see this resource (N-4).
        supported export_to: Vec<String>,
        /// Names that its servers may present.
        supported subject_alt_names: Vec<String>,
    }
}

message! {
    /// A port of the service.
    pub struct ServiceEntryPort {
        /// Number.
        supported number: u32,
        /// Protocol (P-1).
        supported protocol: String,
        /// Name.
        supported name: String,
        /// Port of the endpoints, if another.
        supported target_port: Option<u32>,
    }
}

message! {
    /// Labels that a workload must have.
    pub struct WorkloadSelector {
        /// Name and value of each.
        supported labels: TextMap<String>,
    }
}

enumeration! {
    /// Whether a service is part of the mesh.
    pub enum Location {
        /// Not part of it.
        supported MeshExternal = 0 ["MESH_EXTERNAL"],
        /// Part of it.
        supported MeshInternal = 1 ["MESH_INTERNAL"],
    }
}

enumeration! {
    /// How the endpoints of a service are found (SE-7).
    pub enum Resolution {
        /// Go where the caller wanted to.
        supported None = 0 ["NONE"],
        /// They are written down.
        supported Static = 1 ["STATIC"],
        /// Ask DNS, use all answers.
        supported Dns = 2 ["DNS"],
        /// Ask DNS, use the first answer.
        supported DnsRoundRobin = 3 ["DNS_ROUND_ROBIN"],
        /// Ask DNS for the name of each request.
        supported DynamicDns = 4 ["DYNAMIC_DNS"],
    }
}
