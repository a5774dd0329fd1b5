//! A destination: host, port and subset, with its own balancing, pool limits and outlier state.

use std::sync::Arc;

use super::key::ClusterKey;
use crate::balance::{BalancePolicy, LocalityPolicy, WarmUp};
use crate::circuit::CircuitPolicy;
use crate::endpoint::Endpoint;
use crate::error::Origin;
use crate::health::HealthPolicy;
use crate::identity::Labels;
use crate::outlier::OutlierPolicy;

/// A cluster of the plan: its policy, and where its endpoints come from.
///
/// The two are apart because endpoints change often: a running cluster whose policy is unchanged
/// keeps its state and only takes the new endpoints.
#[derive(Clone, Debug)]
pub struct ClusterNode {
    /// What decides.
    pub policy: Arc<ClusterPlan>,
    /// Where the endpoints come from.
    pub discovery: Discovery,
}

/// What is decided about one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterPlan {
    /// What it is known by.
    pub key: ClusterKey,
    /// The key's text, made once for log lines and metrics (VA-1).
    pub name: Arc<str>,
    /// The service it belongs to.
    pub service: ServiceIdentity,
    /// Service port.
    pub port: u16,
    /// Subset name; empty for the whole service.
    pub subset: Arc<str>,
    /// Labels that the subset's endpoints have; none for the whole service (DR-5).
    pub subset_labels: Labels,
    /// What is spoken to the endpoints (CB-7).
    pub protocol: UpstreamProtocol,
    /// How an endpoint is picked.
    pub balance: BalancePolicy,
    /// Below this percentage of healthy endpoints all are used; 0 is never (LB-14).
    pub panic_threshold: u32,
    /// Which endpoints are preferred; `None` where distance does not count (LB-9).
    pub locality: Option<Box<LocalityPolicy>>,
    /// How new endpoints get their share; `None` is at once (LB-15).
    pub warm_up: Option<WarmUp>,
    /// Limits and timeouts of connections.
    pub circuit: CircuitPolicy,
    /// Outlier detection; `None` when the rule has no such block (OD-1).
    pub outlier: Option<Box<OutlierPolicy>>,
    /// Active health checks; `None` when no policy asks for them (HC-1).
    pub health: Option<Box<HealthPolicy>>,
    /// Whether a caller may choose an endpoint, by its address or its own host name (SE-1, headless).
    pub headless: bool,
    /// TLS to the endpoints.
    pub tls: Option<Box<ClientTls>>,
    /// The DestinationRule that shaped it, else the service.
    pub origin: Origin,
}

impl ClusterPlan {
    /// A destination of which nothing but these is written: round robin over all, default limits, plaintext, in
    /// the caller's protocol.
    #[must_use]
    pub fn new(key: ClusterKey, service: ServiceIdentity, port: u16) -> Self {
        Self {
            name: key.to_string().into(),
            key,
            service,
            port,
            subset: "".into(),
            subset_labels: Labels::default(),
            protocol: UpstreamProtocol::Downstream,
            balance: BalancePolicy::RoundRobin,
            panic_threshold: 0,
            locality: None,
            warm_up: None,
            circuit: CircuitPolicy::default(),
            outlier: None,
            health: None,
            headless: false,
            tls: None,
            origin: Origin::default(),
        }
    }

    /// What stands for hosts that `REGISTRY_ONLY` refuses, so that they can be counted (H-8, ME-4). It has no
    /// endpoints.
    #[must_use]
    pub fn black_hole() -> Self {
        let key = ClusterKey::BlackHole;
        let name = key.to_string().into();
        Self::new(key, ServiceIdentity { name, external: true, ..ServiceIdentity::default() }, 0)
    }

    /// What stands for a host that only a request names (H-8).
    #[must_use]
    pub fn passthrough(host: &str, port: u16) -> Self {
        let key = ClusterKey::Passthrough;
        let service = ServiceIdentity {
            host: host.into(),
            name: key.to_string().into(),
            namespace: "unknown".into(),
            external: true,
        };
        Self::new(key, service, port)
    }

    /// Whether both decide alike, wherever they were written: a line added above a rule restarts
    /// nothing.
    #[must_use]
    pub fn same_policy(&self, other: &Self) -> bool {
        // Few rules move between two loads: copies are made of those alone.
        self == other || (self.key == other.key && self.unplaced() == other.unplaced())
    }

    fn unplaced(&self) -> Self {
        let mut plan = self.clone();
        plan.origin = Origin::default();
        plan.circuit.origin = Origin::default();
        if let Some(outlier) = &mut plan.outlier {
            outlier.origin = Origin::default();
        }
        if let Some(health) = &mut plan.health {
            health.origin = Origin::default();
        }
        if let Some(locality) = &mut plan.locality {
            locality.origin = Origin::default();
        }
        plan
    }
}

/// The service behind a cluster, as telemetry names it (ME-4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceIdentity {
    /// FQDN.
    pub host: Arc<str>,
    /// Short name, or `PassthroughCluster`, `BlackHoleCluster`, `InboundPassthroughCluster`.
    pub name: Arc<str>,
    /// Namespace; `unknown` for hosts outside the mesh.
    pub namespace: Arc<str>,
    /// Whether it is outside the mesh (SE-9): no identity, no mesh headers.
    pub external: bool,
}

/// What is spoken to endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, by prior knowledge or ALPN.
    Http2,
    /// Whatever the caller spoke.
    Downstream,
}

/// Where endpoints come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Discovery {
    /// A list, replaced on reload.
    Static(Vec<Arc<Endpoint>>),
    /// Names to resolve; every address is a member (SE-7).
    Dns(Vec<DnsTarget>),
    /// A name that stands for one host: the first address of the latest answer is where new connections
    /// go, open ones stay (SE-7, `DNS_ROUND_ROBIN`).
    DnsFirst(Box<DnsTarget>),
    /// The address the caller chose: in process and for `http_proxy`, the request's own authority.
    Authority,
}

/// A name to resolve.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsTarget {
    /// DNS name.
    pub name: Arc<str>,
    /// Port of the addresses.
    pub port: u16,
    /// Weight, labels and locality that the addresses get; its own address is a placeholder.
    pub template: Endpoint,
}

/// TLS to endpoints (TL-1, mode SIMPLE).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// SNI; the request's host if unset (TL-3).
    pub sni: Option<Arc<str>>,
    /// Accepted server names; the request's host if empty.
    pub subject_alt_names: Vec<String>,
    /// File of roots; the system's if unset.
    pub ca_certificates: Option<String>,
    /// Accept any certificate.
    pub insecure_skip_verify: bool,
}
