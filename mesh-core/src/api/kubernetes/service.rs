//! `Service` (SE-1).

use crate::api::message::message;
use crate::api::values::IntOrString;
use crate::text_map::TextMap;

message! {
    /// The `spec` of a Service.
    pub struct Service [open] {
        /// Labels of its pods.
        supported selector: TextMap<String>,
        /// Its ports.
        supported ports: Vec<ServicePort>,
        /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
        supported r#type: String,
        /// Its virtual address; `None` is headless.
        supported cluster_ip as "clusterIP": String,
        /// Its virtual addresses.
        supported cluster_ips as "clusterIPs": Vec<String>,
        /// The name that `ExternalName` stands for.
        supported external_name: String,
        /// Keep endpoints that are not ready.
        supported publish_not_ready_addresses: bool,
        /// `Cluster` or `Local`.
        supported internal_traffic_policy: String,
        /// Preference for near endpoints.
        supported traffic_distribution: String,
    }
}

message! {
    /// A port of a Service.
    pub struct ServicePort [open] {
        /// Name; tells the protocol (P-3).
        supported name: String,
        /// Number.
        supported port: u32,
        /// Port of the pods, by number or name.
        supported target_port: Option<IntOrString>,
        /// `TCP`, `UDP` or `SCTP`.
        supported protocol: String,
        /// Protocol spoken; beats the name (P-2).
        supported app_protocol: Option<String>,
    }
}
