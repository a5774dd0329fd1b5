//! The part of a match block that is settled when the snapshot is built (VS-8).
//!
//! Port, gateway, labels and namespace of the caller do not change from request to request, so blocks
//! that cannot apply here are left out of the table and cost nothing.

use crate::identity::Labels;

/// The reserved gateway name of sidecars and library clients (H-5).
const MESH: &str = "mesh";

/// Where the table is going to be used.
#[derive(Clone, Copy, Debug)]
pub struct Vantage<'a> {
    /// The gateway as `namespace/name`; `None` for a sidecar or library client.
    pub gateway: Option<&'a str>,
    /// The listener's or the service's port.
    pub port: u16,
    /// Labels of the calling workload.
    pub labels: &'a Labels,
    /// Namespace of the calling workload.
    pub namespace: &'a str,
}

/// The static conditions of one match block; the default admits every vantage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only requests to this port.
    pub port: Option<u16>,
    /// Only at these gateways, `namespace/name` or `mesh`; empty leaves it to the resource's list.
    pub gateways: Vec<String>,
    /// Only from workloads with these labels.
    pub source_labels: Labels,
    /// Only from workloads of this namespace.
    pub source_namespace: Option<String>,
}

impl Scope {
    /// Whether the block can apply there; `resource` is the gateway list of the whole resource, empty
    /// for `mesh` alone (VS-1).
    ///
    /// A block that names gateways overrides that list, and its source conditions are ignored, as in
    /// Istio.
    #[must_use]
    pub fn admits(&self, from: &Vantage<'_>, resource: &[String]) -> bool {
        let here = from.gateway.unwrap_or(MESH);
        if self.port.is_some_and(|port| port != from.port) {
            return false;
        }
        if !self.gateways.is_empty() {
            return self.gateways.iter().any(|gateway| gateway == here);
        }
        let listed =
            if resource.is_empty() { here == MESH } else { resource.iter().any(|gateway| gateway == here) };
        listed
            && self.source_labels.iter().all(|(key, value)| from.labels.get(key) == Some(value))
            && self.source_namespace.as_deref().is_none_or(|namespace| namespace == from.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vs_8_static_conditions() {
        let labels = Labels::from([("app".into(), "web".into()), ("tier".into(), "front".into())]);
        let client = Vantage { gateway: None, port: 80, labels: &labels, namespace: "shop" };
        let edge = Vantage { gateway: Some("infra/edge"), ..client };
        let any = Scope::default();
        assert!(any.admits(&client, &[]));
        assert!(!any.admits(&edge, &[]));
        assert!(any.admits(&edge, &["infra/edge".into()]));
        assert!(!any.admits(&client, &["infra/edge".into()]));

        assert!(!Scope { port: Some(81), ..any.clone() }.admits(&client, &[]));
        let web = Scope { source_labels: Labels::from([("app".into(), "web".into())]), ..any };
        assert!(web.admits(&client, &[]));
        let other = Scope { source_namespace: Some("bank".into()), ..web };
        assert!(!other.admits(&client, &[]));
        let overriding = Scope { gateways: vec!["mesh".into()], ..other };
        assert!(overriding.admits(&client, &["infra/edge".into()]));
        assert!(!overriding.admits(&edge, &["infra/edge".into()]));
    }
}
