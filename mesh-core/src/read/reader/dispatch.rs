//! How the documents of each kind are read.

use super::{Reader, Written};
use crate::api::istio::GROUP as NETWORKING;
use crate::read::kinds::{GATEWAY_API, WORKLOADS};

/// Reads a document of a kind that is supported; `false` if no code here reads the kind.
pub(super) fn read(reader: &mut Reader, doc: &Written<'_>) -> bool {
    match (doc.kind.group, doc.kind.name) {
        ("", "Service") => reader.kubernetes_spec(doc, |out| &mut out.services),
        ("", "Endpoints") => reader.kubernetes_root(doc, |out| &mut out.endpoints),
        ("", "Pod") => reader.pod(doc),
        ("", "Namespace") => reader.kubernetes_root(doc, |out| &mut out.namespaces),
        ("", "Node") => reader.kubernetes_root(doc, |out| &mut out.nodes),
        ("", "Secret") => reader.kubernetes_root(doc, |out| &mut out.secrets),
        ("", "ConfigMap") => reader.config_map(doc),
        ("discovery.k8s.io", "EndpointSlice") => {
            reader.kubernetes_root(doc, |out| &mut out.endpoint_slices);
        }
        (WORKLOADS, "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "Job" | "CronJob") => reader.pod_controller(doc),
        (NETWORKING, "VirtualService") => reader.istio(doc, |out| &mut out.virtual_services),
        (NETWORKING, "DestinationRule") => reader.istio(doc, |out| &mut out.destination_rules),
        (NETWORKING, "ServiceEntry") => reader.istio(doc, |out| &mut out.service_entries),
        (NETWORKING, "WorkloadEntry") => reader.istio(doc, |out| &mut out.workload_entries),
        (NETWORKING, "Gateway") => reader.istio(doc, |out| &mut out.gateways),
        (NETWORKING, "Sidecar") => reader.istio(doc, |out| &mut out.sidecars),
        (NETWORKING, "WorkloadGroup") => reader.istio(doc, |out| &mut out.workload_groups),
        (NETWORKING, "ProxyConfig") => reader.istio(doc, |out| &mut out.proxy_configs),
        (GATEWAY_API, "GatewayClass") => reader.istio(doc, |out| &mut out.gateway_classes),
        (GATEWAY_API, "Gateway") => reader.istio(doc, |out| &mut out.k8s_gateways),
        (GATEWAY_API, "HTTPRoute") => reader.istio(doc, |out| &mut out.http_routes),
        (GATEWAY_API, "GRPCRoute") => reader.istio(doc, |out| &mut out.grpc_routes),
        (GATEWAY_API, "ReferenceGrant") => reader.istio(doc, |out| &mut out.reference_grants),
        ("gateway.envoyproxy.io", "BackendTrafficPolicy") => {
            reader.istio(doc, |out| &mut out.backend_traffic_policies);
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use crate::api::Documents;
    use crate::read::{KINDS, Support};

    #[test]
    fn every_supported_kind_is_read_and_no_other() {
        for kind in KINDS {
            let version = kind.versions.last().unwrap();
            let group = if kind.group.is_empty() { String::new() } else { format!("{}/", kind.group) };
            let head = format!("apiVersion: {group}{version}\nkind: {}\n", kind.name);
            let text = format!("{head}metadata: {{name: a}}\nspec: {{}}\n");
            let (documents, found) = Documents::parse([("a.yaml", text)]);
            // In force or refused: either way the reader of its kind has made a resource of it.
            let is_read = documents.has_any_of("a.yaml");
            assert_eq!(is_read, kind.support == Support::Supported, "{}{}: {found}", group, kind.name);
        }
    }
}
