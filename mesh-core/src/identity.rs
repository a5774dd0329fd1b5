//! Who a workload is: ours, and a peer's; and for whom a request is made.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};

/// Labels of a workload or endpoint.
pub type Labels = BTreeMap<String, String>;

/// Region, zone and subzone (LB-9); empty parts are unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Locality {
    /// Such as `eu-west-1`.
    pub region: String,
    /// Such as `eu-west-1a`.
    pub zone: String,
    /// Such as a rack.
    pub subzone: String,
}

impl Locality {
    /// Reads `region/zone/subzone`; missing parts stay empty.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        Self {
            region: parts.next().unwrap_or_default(),
            zone: parts.next().unwrap_or_default(),
            subzone: parts.next().unwrap_or_default(),
        }
    }
}

/// What this process is in the mesh (MC-4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Workload name, such as a Deployment's.
    pub name: String,
    /// Namespace; `default` if unknown.
    pub namespace: String,
    /// Service account; `default` if unknown.
    pub service_account: String,
    /// Pod labels.
    pub labels: Labels,
    /// Where it runs.
    pub locality: Locality,
    /// Its address, if known.
    pub ip: Option<IpAddr>,
    /// Mesh trust domain.
    pub trust_domain: String,
    /// Cluster id for telemetry.
    pub cluster: String,
    /// Whether this is a gateway (`router` in Istio's words) rather than a sidecar or library client.
    pub gateway: bool,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            name: "unknown".into(),
            namespace: "default".into(),
            service_account: "default".into(),
            labels: Labels::new(),
            locality: Locality::default(),
            ip: None,
            trust_domain: "cluster.local".into(),
            cluster: "Kubernetes".into(),
            gateway: false,
        }
    }
}

impl Workload {
    /// The application name (P-6).
    #[must_use]
    pub fn canonical_service(&self) -> &str {
        canonical_service(&self.labels).unwrap_or(&self.name)
    }

    /// The version (P-6).
    #[must_use]
    pub fn canonical_revision(&self) -> &str {
        canonical_revision(&self.labels).unwrap_or("latest")
    }

    /// The SPIFFE id of this workload's service account.
    #[must_use]
    pub fn spiffe_id(&self) -> String {
        format!("spiffe://{}/ns/{}/sa/{}", self.trust_domain, self.namespace, self.service_account)
    }
}

/// Application name by labels, first of P-6's list.
#[must_use]
pub fn canonical_service(labels: &Labels) -> Option<&str> {
    first(labels, &["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"])
}

/// Version by labels, first of P-6's list.
#[must_use]
pub fn canonical_revision(labels: &Labels) -> Option<&str> {
    first(labels, &["service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"])
}

fn first<'a>(labels: &'a Labels, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| labels.get(*key)).map(String::as_str)
}

/// A peer proved by mTLS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerIdentity {
    /// The whole URI, `spiffe://td/ns/<ns>/sa/<sa>`.
    pub spiffe_id: Arc<str>,
}

/// What the verified token of a request says of who it was given to (VM-8).
///
/// Made by authentication only, once the signature is checked; nothing here checks anything. Clones share
/// the claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims(Arc<Map<String, Value>>);

impl Claims {
    /// The claims of a token that was verified.
    #[must_use]
    pub fn new(claims: Map<String, Value>) -> Self {
        Self(Arc::new(claims))
    }

    /// The claim at this path, from the outside in.
    #[must_use]
    pub fn get<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Option<&Value> {
        let mut path = path.into_iter();
        let first = self.0.get(path.next()?)?;
        path.try_fold(first, |value, part| value.get(part))
    }
}
