//! Identities: of our workload, of a peer, and of the end user of a request.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::text_map::TextMap;
use serde_json::{Map, Value};

/// Labels of a workload or endpoint.
pub type Labels = TextMap<String>;

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

    /// What labels of a pod or a node say (LB-9): `istio-locality`, in which `.` may stand for `/`, else
    /// the topology labels of Kubernetes and Istio.
    #[must_use]
    pub fn of_labels(labels: &Labels) -> Self {
        if let Some(text) = labels.get("istio-locality").filter(|text| !text.is_empty()) {
            let text = if text.contains('/') { text.clone() } else { text.replace('.', "/") };
            return Self::parse(&text);
        }
        let label = |key: &str| labels.get(key).cloned().unwrap_or_default();
        Self { region: label(REGION), zone: label(ZONE), subzone: label(SUBZONE) }
    }

    /// This one, with what it does not know taken from `other`.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        let fill = |own: String, other: &String| if own.is_empty() { other.clone() } else { own };
        Self {
            region: fill(self.region, &other.region),
            zone: fill(self.zone, &other.zone),
            subzone: fill(self.subzone, &other.subzone),
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.region.is_empty() && self.zone.is_empty() && self.subzone.is_empty()
    }
}

impl fmt::Display for Locality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}/{}/{}", self.region, self.zone, self.subzone);
        f.write_str(text.trim_end_matches('/'))
    }
}

const REGION: &str = "topology.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";
const SUBZONE: &str = "topology.istio.io/subzone";
const NETWORK: &str = "topology.istio.io/network";
const NODE: &str = "kubernetes.io/hostname";

/// Where a workload or an endpoint runs, by label.
#[derive(Clone, Copy, Debug)]
pub struct Topology<'a> {
    /// Its own labels, which win.
    pub labels: &'a Labels,
    /// Region, zone, subzone.
    pub locality: &'a Locality,
    /// Its node.
    pub node: Option<&'a str>,
    /// Its network.
    pub network: Option<&'a str>,
}

impl<'a> Topology<'a> {
    /// The labels that endpoints have beside their own: network, region, zone, subzone, node, from wide to
    /// narrow.
    pub const LABELS: [&'static str; 5] = [NETWORK, REGION, ZONE, SUBZONE, NODE];

    /// The value of a label; empty if it is unknown.
    #[must_use]
    pub fn label(&self, key: &str) -> &'a str {
        if let Some(value) = self.labels.get(key) {
            return value;
        }
        match key {
            REGION => &self.locality.region,
            ZONE => &self.locality.zone,
            SUBZONE => &self.locality.subzone,
            NETWORK => self.network.unwrap_or_default(),
            NODE => self.node.unwrap_or_default(),
            _ => "",
        }
    }
}

/// The identity of this process in the mesh (MC-4).
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
    /// Pod annotations; `proxy.istio.io/config` among them sets what its proxy does (MC-3).
    pub annotations: TextMap<String>,
    /// Where it runs.
    pub locality: Locality,
    /// The node that it runs on, if known.
    pub node: Option<String>,
    /// The network that it is on, if known.
    pub network: Option<String>,
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
            annotations: TextMap::new(),
            locality: Locality::default(),
            node: None,
            network: None,
            ip: None,
            trust_domain: "cluster.local".into(),
            cluster: "Kubernetes".into(),
            gateway: false,
        }
    }
}

impl Workload {
    /// Where it runs.
    #[must_use]
    pub fn topology(&self) -> Topology<'_> {
        Topology {
            labels: &self.labels,
            locality: &self.locality,
            node: self.node.as_deref(),
            network: self.network.as_deref(),
        }
    }

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
    keys.iter().find_map(|key| labels.get(key)).map(String::as_str)
}

/// A peer proved by mTLS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerIdentity {
    /// The whole URI, `spiffe://td/ns/<ns>/sa/<sa>`.
    pub spiffe_id: Arc<str>,
}

/// The claims of a request's verified token: the identity of its end user (VM-8).
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
