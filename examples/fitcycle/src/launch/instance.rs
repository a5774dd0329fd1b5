//! One instance of a service, as Kubernetes would describe it: a Pod with its labels, and an EndpointSlice
//! that points at it.
//!
//! On one machine all pods have one address and each a port of its own, so each instance has an EndpointSlice
//! of its own: ports belong to the slice, not to the endpoint. Labels, and with them the subsets, come from
//! the pod that `targetRef` names (SE-2).

use std::net::SocketAddr;

/// A service that the launcher runs instances of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) service: &'static str,
    pub(super) version: &'static str,
    pub(super) tier: &'static str,
    /// Name of its Service port.
    pub(super) port: &'static str,
    /// True where the pods of each version have a Deployment of their own.
    pub(super) versioned: bool,
}

pub(super) const API_V1: Role =
    Role { service: "api-server", version: "v1", tier: "backend", port: "http-fcapi", versioned: true };
pub(super) const API_V2: Role = Role { version: "v2", ..API_V1 };
pub(super) const WEB: Role =
    Role { service: "web-server", version: "v1", tier: "frontend", port: "http-fcweb", versioned: false };
pub(super) const MOBILE: Role = Role { service: "mobile-server", port: "http-fcmobile", ..WEB };
pub(super) const REPORT: Role =
    Role { service: "report-server", port: "http-fcreport", tier: "backend", ..WEB };

impl Role {
    /// Name of its Deployment.
    pub(super) fn workload(&self) -> String {
        let Self { service, version, .. } = self;
        if self.versioned { format!("{service}-{version}") } else { (*service).to_owned() }
    }

    /// Name of its `number`th pod.
    pub(super) fn pod(&self, number: u32) -> String {
        format!("{}-{number}", self.workload())
    }

    /// The two documents for a pod that listens at `address`.
    pub(super) fn documents(&self, pod: &str, address: SocketAddr) -> String {
        let Self { service, version, tier, port, .. } = self;
        let (ip, number) = (address.ip(), address.port());
        let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
        format!(
            "\
apiVersion: v1
kind: Pod
metadata:
  name: {pod}
  labels: {{app: {service}, tier: {tier}, version: {version}}}
spec:
  serviceAccountName: {service}
status:
  phase: Running
  podIP: \"{ip}\"
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {pod}
  labels: {{kubernetes.io/service-name: {service}}}
addressType: {family}
endpoints:
- addresses: [\"{ip}\"]
  conditions: {{ready: true}}
  targetRef: {{kind: Pod, name: {pod}, namespace: default}}
ports:
- {{name: {port}, protocol: TCP, port: {number}}}
"
        )
    }
}

/// Name of the file that describes a pod.
pub(super) fn file_name(pod: &str) -> String {
    format!("instance-{pod}.yaml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_named_after_their_deployment() {
        assert_eq!((API_V2.pod(3), WEB.pod(1)), ("api-server-v2-3".to_owned(), "web-server-1".to_owned()));
    }

    #[test]
    fn the_slice_points_at_the_pod_and_its_port() {
        let text = API_V2.documents("api-server-v2-1", "127.0.0.1:4321".parse().unwrap());
        for part in [
            "labels: {app: api-server, tier: backend, version: v2}",
            "labels: {kubernetes.io/service-name: api-server}",
            "addresses: [\"127.0.0.1\"]",
            "targetRef: {kind: Pod, name: api-server-v2-1, namespace: default}",
            "- {name: http-fcapi, protocol: TCP, port: 4321}",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
