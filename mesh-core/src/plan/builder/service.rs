//! A service with its endpoints, subsets and policies.

use std::net::SocketAddr;

use super::Rule;
use crate::api::envoy_gateway::{
    ActiveHealthCheck, BackendTrafficPolicy, HealthCheck, PolicyTargetReference,
};
use crate::api::istio::{
    DestinationRule, Location, OutlierDetection, Resolution, ServiceEntry, ServiceEntryPort, Subset,
    TrafficPolicy, WorkloadEntry,
};
use crate::text_map::TextMap;

/// What a port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/2.
    Http2,
    /// gRPC, over HTTP/2.
    Grpc,
    /// gRPC, which pages may call as grpc-web (RF-6).
    GrpcWeb,
    /// Bytes.
    Tcp,
}

impl Protocol {
    const fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Http2 => "HTTP2",
            Self::Grpc => "GRPC",
            Self::GrpcWeb => "GRPC-WEB",
            Self::Tcp => "TCP",
        }
    }
}

/// A service: a host that can be called.
///
/// Its endpoints are the ones given; without any, its name is asked of DNS.
#[derive(Clone, Debug)]
#[must_use]
pub struct Service {
    name: String,
    ports: Vec<(u16, Protocol)>,
    endpoints: Vec<(SocketAddr, TextMap<String>, u32)>,
    subsets: Vec<Subset>,
    policy: Option<TrafficPolicy>,
    health: Option<ActiveHealthCheck>,
    external: bool,
}

impl Service {
    /// A service of the mesh. A name without a dot is completed as Istio does (H-1).
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ports: Vec::new(),
            endpoints: Vec::new(),
            subsets: Vec::new(),
            policy: None,
            health: None,
            external: false,
        }
    }

    /// A host outside the mesh (SE-9).
    pub fn external(host: impl Into<String>) -> Self {
        Self { external: true, ..Self::new(host) }
    }

    /// Adds a port.
    pub fn port(mut self, number: u16, protocol: Protocol) -> Self {
        self.ports.push((number, protocol));
        self
    }

    /// Adds an endpoint, which serves every port of the service at this address.
    pub fn endpoint<K: Into<String>, V: Into<String>>(
        self,
        address: SocketAddr,
        labels: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.weighted_endpoint(address, labels, 1)
    }

    /// Adds an endpoint that takes a share of traffic (SE-6).
    pub fn weighted_endpoint<K: Into<String>, V: Into<String>>(
        mut self,
        address: SocketAddr,
        labels: impl IntoIterator<Item = (K, V)>,
        weight: u32,
    ) -> Self {
        let labels = labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        self.endpoints.push((address, labels, weight));
        self
    }

    /// Names the endpoints that have these labels. A subset that a rule names and nothing declares is
    /// the endpoints whose label `version` is its name.
    pub fn subset<K: Into<String>, V: Into<String>>(
        mut self,
        name: impl Into<String>,
        labels: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let labels = labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        self.subsets.push(Subset { name: name.into(), labels, ..Subset::default() });
        self
    }

    /// Sets how the service is called: balancing, limits, TLS, budgets.
    ///
    /// ```
    /// use mesh_core::api::istio::{LoadBalancerSettings, SimpleLb};
    /// use mesh_core::plan::builder::Service;
    ///
    /// let service = Service::new("reviews").policy(|policy| {
    ///     let simple = Some(SimpleLb::RoundRobin);
    ///     policy.load_balancer = Some(LoadBalancerSettings { simple, ..Default::default() });
    /// });
    /// ```
    pub fn policy(mut self, change: impl FnOnce(&mut TrafficPolicy)) -> Self {
        change(self.policy.get_or_insert_default());
        self
    }

    /// Leaves endpoints out that fail again and again (OD).
    pub fn outlier_detection(self, detection: OutlierDetection) -> Self {
        self.policy(|policy| policy.outlier_detection = Some(detection))
    }

    /// Asks its endpoints how they are (HC-1).
    ///
    /// ```
    /// use mesh_core::api::envoy_gateway::ActiveHealthCheck;
    /// use mesh_core::plan::builder::Service;
    ///
    /// let service = Service::new("reviews").health_check(ActiveHealthCheck::http("/healthz"));
    /// ```
    pub fn health_check(mut self, check: ActiveHealthCheck) -> Self {
        self.health = Some(check);
        self
    }

    /// The policy that says so of the entry of this name.
    pub(super) fn health(&self, name: &str) -> Option<BackendTrafficPolicy> {
        let active = Some(self.health.clone()?);
        let target = PolicyTargetReference {
            group: "networking.istio.io".into(),
            kind: "ServiceEntry".into(),
            name: name.into(),
            ..PolicyTargetReference::default()
        };
        Some(BackendTrafficPolicy {
            target_refs: vec![target],
            health_check: Some(HealthCheck { active, ..HealthCheck::default() }),
            ..BackendTrafficPolicy::default()
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn resource_name(&self) -> String {
        resource_name(&self.name)
    }

    pub(super) fn know_subsets(&mut self, rule: &Rule) {
        for name in rule.subsets() {
            if !self.subsets.iter().any(|known| known.name == name) {
                let labels = [("version".to_owned(), name.to_owned())].into();
                self.subsets.push(Subset { name: name.to_owned(), labels, ..Subset::default() });
            }
        }
    }

    pub(super) fn into_parts(self, namespace: &str) -> (ServiceEntry, Option<DestinationRule>) {
        let host = if self.name.contains('.') {
            self.name
        } else {
            format!("{}.{namespace}.svc.cluster.local", self.name)
        };
        let port_name = |number: u16| format!("port-{number}");
        let ports = self.ports.iter().map(|&(number, protocol)| ServiceEntryPort {
            number: number.into(),
            protocol: protocol.name().into(),
            name: port_name(number),
            ..ServiceEntryPort::default()
        });
        let endpoints: Vec<WorkloadEntry> = self
            .endpoints
            .into_iter()
            .map(|(address, labels, weight)| WorkloadEntry {
                address: address.ip().to_string(),
                ports: self
                    .ports
                    .iter()
                    .map(|(number, _)| (port_name(*number), address.port().into()))
                    .collect(),
                labels,
                weight,
                ..WorkloadEntry::default()
            })
            .collect();
        let entry = ServiceEntry {
            hosts: vec![host.clone()],
            ports: ports.collect(),
            location: if self.external { Location::MeshExternal } else { Location::MeshInternal },
            resolution: if endpoints.is_empty() { Resolution::Dns } else { Resolution::Static },
            endpoints,
            ..ServiceEntry::default()
        };
        let rule = (self.policy.is_some() || !self.subsets.is_empty()).then(|| DestinationRule {
            host,
            traffic_policy: self.policy.map(Box::new),
            subsets: self.subsets,
            ..DestinationRule::default()
        });
        (entry, rule)
    }
}

/// A resource name for a host.
pub(super) fn resource_name(host: &str) -> String {
    match host.strip_prefix('*') {
        Some(rest) => format!("any{rest}"),
        None => host.to_ascii_lowercase(),
    }
}
