//! `EndpointSlice` and its forerunner `Endpoints` (SE-2).

use crate::api::message::message;
use crate::text_map::TextMap;

message! {
    /// Endpoints of a service. Label `kubernetes.io/service-name` says of which.
    pub struct EndpointSlice [open] {
        /// `IPv4` or `IPv6`.
        supported address_type: String,
        /// The endpoints.
        supported endpoints: Vec<SliceEndpoint>,
        /// Ports that all of them serve.
        supported ports: Vec<EndpointPort>,
    }
}

message! {
    /// One endpoint.
    pub struct SliceEndpoint [open] {
        /// Its addresses, all the same endpoint; the first is used.
        supported addresses: Vec<String>,
        /// Whether it can serve.
        supported conditions: Option<EndpointConditions>,
        /// Its host name.
        supported hostname: Option<String>,
        /// Its pod.
        supported target_ref: Option<ObjectReference>,
        /// Its node.
        supported node_name: Option<String>,
        /// Its zone.
        supported zone: Option<String>,
        /// Topology labels, by the old form of the API.
        supported deprecated_topology: TextMap<String>,
    }
}

message! {
    /// Whether an endpoint can serve.
    pub struct EndpointConditions [open] {
        /// Null or true is healthy.
        supported ready: Option<bool>,
        /// Whether it is on its way out.
        supported terminating: Option<bool>,
    }
}

message! {
    /// A port of endpoints.
    pub struct EndpointPort [open] {
        /// Name of the Service's port.
        supported name: String,
        /// Number.
        supported port: Option<u32>,
    }
}

message! {
    /// A reference to another object.
    pub struct ObjectReference [open] {
        /// Its kind.
        supported kind: String,
        /// Its name.
        supported name: String,
        /// Its namespace.
        supported namespace: String,
    }
}

message! {
    /// Endpoints of the service of the same name, by the old API.
    pub struct Endpoints [open] {
        /// Groups with the same ports.
        supported subsets: Vec<EndpointSubset>,
    }
}

message! {
    /// Addresses with the same ports.
    pub struct EndpointSubset [open] {
        /// Ready ones.
        supported addresses: Vec<EndpointAddress>,
        /// Others.
        supported not_ready_addresses: Vec<EndpointAddress>,
        /// The ports.
        supported ports: Vec<EndpointPort>,
    }
}

message! {
    /// One address.
    pub struct EndpointAddress [open] {
        /// The address.
        supported ip: String,
        /// Its host name.
        supported hostname: Option<String>,
        /// Its node.
        supported node_name: Option<String>,
        /// Its pod.
        supported target_ref: Option<ObjectReference>,
    }
}
