//! Every kind that we know, and what becomes of its documents.
//!
//! One table drives the reading of documents and the support list. A kind that Istio has and we do
//! not implement is an error by name; where it says who may call, the error also forbids the
//! configuration as a whole, because without the document more would be allowed than was written.

use crate::api::envoy_gateway::BackendTrafficPolicy;
use crate::api::gateway_api::{self, GatewayClass, GrpcRoute, HttpRoute, ReferenceGrant};
use crate::api::istio::{
    DestinationRule, GROUP as NETWORKING, Gateway, MeshConfig, ServiceEntry, Sidecar, VirtualService,
    WorkloadEntry, WorkloadGroup, WorkloadProxyConfig,
};
use crate::api::kubernetes::{
    ConfigMap, EndpointSlice, Endpoints, Namespace, Node, Pod, PodController, Secret, Service,
};
use crate::api::message::Message;
use crate::api::schema::{Field, Form, Table};
use crate::nearest::{is_slip, nearest};

/// A kind of resource.
#[derive(Debug)]
pub struct Kind {
    /// API group; empty for the core of Kubernetes.
    pub group: &'static str,
    /// Versions of the group that are read, all by one schema (Y-2).
    pub versions: &'static [&'static str],
    /// The kind.
    pub name: &'static str,
    /// What becomes of it.
    pub support: Support,
    /// The table of its fields, if it has one.
    pub table: Option<&'static Table>,
}

/// What becomes of a kind's documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// They are read; each field says for itself whether it is supported.
    Supported,
    /// They are refused, each for itself.
    Refused,
    /// They are refused, and the configuration with them.
    FailClosed,
}

const NETWORKING_VERSIONS: &[&str] = &["v1alpha3", "v1beta1", "v1"];
const SECURITY: &str = "security.istio.io";
pub(super) const GATEWAY_API: &str = "gateway.networking.k8s.io";
const GATEWAY_API_VERSIONS: &[&str] = &["v1alpha2", "v1alpha3", "v1beta1", "v1"];
pub(super) const WORKLOADS: &str = "apps";
const WORKLOAD_VERSIONS: &[&str] = &["v1", "v1beta1", "v1beta2"];

/// Groups in which an unknown kind is reported rather than passed over (Y-1).
const OUR_GROUPS: &[&str] = &[
    NETWORKING,
    SECURITY,
    "telemetry.istio.io",
    "extensions.istio.io",
    "install.istio.io",
    GATEWAY_API,
    "gateway.envoyproxy.io",
];

/// Groups that resemble ours and are others'.
const OTHER_GROUPS: &[&str] = &["gateway.networking.x-k8s.io", "networking.x-k8s.io", "networking.k8s.io"];

/// Kinds that these groups have beside [`KINDS`]: no misspellings of ours.
const OTHER_KINDS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "Binding",
            "ComponentStatus",
            "Event",
            "LimitRange",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "ServiceAccount",
            "Status",
        ],
    ),
    (WORKLOADS, &["ControllerRevision", "Scale"]),
    (NETWORKING, &["ServiceDependency"]),
    (GATEWAY_API, &["ListenerSet", "XListenerSet", "XBackendTrafficPolicy", "XMesh", "BackendLBPolicy"]),
    (
        "gateway.envoyproxy.io",
        &[
            "Backend",
            "ClientTrafficPolicy",
            "EnvoyExtensionPolicy",
            "EnvoyGateway",
            "EnvoyPatchPolicy",
            "EnvoyProxy",
            "HTTPRouteFilter",
            "SecurityPolicy",
        ],
    ),
];

/// All kinds that we know.
pub const KINDS: &[Kind] = &[
    core("Service", Service::TABLE),
    core("Endpoints", Endpoints::TABLE),
    core("Pod", Pod::TABLE),
    core("Namespace", Namespace::TABLE),
    core("Node", Node::TABLE),
    core("Secret", Secret::TABLE),
    core("ConfigMap", ConfigMap::TABLE),
    Kind {
        group: "discovery.k8s.io",
        versions: &["v1", "v1beta1"],
        ..core("EndpointSlice", EndpointSlice::TABLE)
    },
    workload(WORKLOADS, WORKLOAD_VERSIONS, "Deployment"),
    workload(WORKLOADS, WORKLOAD_VERSIONS, "StatefulSet"),
    workload(WORKLOADS, WORKLOAD_VERSIONS, "DaemonSet"),
    workload(WORKLOADS, WORKLOAD_VERSIONS, "ReplicaSet"),
    workload("batch", &["v1"], "Job"),
    workload("batch", &["v1"], "CronJob"),
    networking("VirtualService", VirtualService::TABLE),
    networking("DestinationRule", DestinationRule::TABLE),
    networking("ServiceEntry", ServiceEntry::TABLE),
    networking("WorkloadEntry", WorkloadEntry::TABLE),
    networking("Gateway", Gateway::TABLE),
    networking("Sidecar", Sidecar::TABLE),
    networking("WorkloadGroup", WorkloadGroup::TABLE),
    refused(NETWORKING, NETWORKING_VERSIONS, "EnvoyFilter"),
    networking("ProxyConfig", WorkloadProxyConfig::TABLE),
    security("PeerAuthentication"),
    security("RequestAuthentication"),
    security("AuthorizationPolicy"),
    refused("telemetry.istio.io", &["v1alpha1", "v1"], "Telemetry"),
    refused("extensions.istio.io", &["v1alpha1"], "WasmPlugin"),
    gateway_api("GatewayClass", GatewayClass::TABLE),
    gateway_api("Gateway", gateway_api::Gateway::TABLE),
    gateway_api("HTTPRoute", HttpRoute::TABLE),
    gateway_api("GRPCRoute", GrpcRoute::TABLE),
    gateway_api("ReferenceGrant", ReferenceGrant::TABLE),
    refused(GATEWAY_API, GATEWAY_API_VERSIONS, "TLSRoute"),
    refused(GATEWAY_API, GATEWAY_API_VERSIONS, "TCPRoute"),
    refused(GATEWAY_API, GATEWAY_API_VERSIONS, "UDPRoute"),
    refused(GATEWAY_API, GATEWAY_API_VERSIONS, "BackendTLSPolicy"),
    Kind {
        group: "gateway.envoyproxy.io",
        versions: &["v1alpha1"],
        ..core("BackendTrafficPolicy", BackendTrafficPolicy::TABLE)
    },
];

/// The mesh config has no kind of its own: it stands in a ConfigMap or in a bare file (MC-1).
pub const MESH_CONFIG: &Table = MeshConfig::TABLE;

/// The field of the mesh config that a path begins with, or that was probably meant.
pub(crate) fn mesh_field(path: &str) -> Option<String> {
    if let Some(field) = written_mesh_field(path) {
        return Some(field);
    }
    let name = first_name(path)?;
    nearest(name, MESH_CONFIG.fields.iter().map(Field::json_name)).map(str::to_owned)
}

/// The field of the mesh config that a path begins with.
pub(crate) fn written_mesh_field(path: &str) -> Option<String> {
    let name = first_name(path)?;
    MESH_CONFIG
        .fields
        .iter()
        .find(|field| field.is_named(name, Form::Proto))
        .map(|field| field.json_name().into())
}

fn first_name(path: &str) -> Option<&str> {
    path.split(['.', '[']).next().filter(|name| !name.is_empty())
}

const fn core(name: &'static str, table: &'static Table) -> Kind {
    Kind { group: "", versions: &["v1"], name, support: Support::Supported, table: Some(table) }
}

const fn workload(group: &'static str, versions: &'static [&'static str], name: &'static str) -> Kind {
    Kind { group, versions, ..core(name, PodController::TABLE) }
}

const fn networking(name: &'static str, table: &'static Table) -> Kind {
    Kind { group: NETWORKING, versions: NETWORKING_VERSIONS, ..core(name, table) }
}

const fn gateway_api(name: &'static str, table: &'static Table) -> Kind {
    Kind { group: GATEWAY_API, versions: GATEWAY_API_VERSIONS, ..core(name, table) }
}

const fn refused(group: &'static str, versions: &'static [&'static str], name: &'static str) -> Kind {
    Kind { group, versions, name, support: Support::Refused, table: None }
}

const fn security(name: &'static str) -> Kind {
    Kind { support: Support::FailClosed, ..refused(SECURITY, &["v1beta1", "v1"], name) }
}

/// The kind of that group and name.
pub(crate) fn find(group: &str, name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.group == group && kind.name == name)
}

/// The kind that was meant by a group or kind that no one has: a slip of one of ours, in either or in both.
///
/// Two groups have a `Gateway`: where the group is not written, the fields of its `spec` tell whose it is.
pub(crate) fn meant<'n>(
    group: &str,
    name: &str,
    fields: impl IntoIterator<Item = &'n str>,
) -> Option<&'static Kind> {
    let others = OTHER_KINDS.iter().filter(|(owner, _)| *owner == group).flat_map(|(_, kinds)| *kinds);
    if name.is_empty() || others.into_iter().any(|other| *other == name) {
        return None;
    }
    // A group that isn't written may be any of ours; that of Kubernetes' core has no name to misspell.
    let of_group = |kind: &Kind| {
        if kind.name == name && is_ours(kind.group) && has_none_of_ours(group) {
            true
        } else if OTHER_GROUPS.contains(&group) {
            false
        } else if group.is_empty() || kind.group.is_empty() {
            group == kind.group || (group.is_empty() && is_ours(kind.group))
        } else {
            is_slip(group, kind.group)
        }
    };
    let fits = |kind: &&Kind| is_slip(name, kind.name) && of_group(kind);
    // What is right of it is right.
    let fields: Vec<&str> = fields.into_iter().collect();
    let known = |kind: &Kind| {
        let named = |table: &Table, name| table.fields.iter().any(|field| field.is_named(name, Form::Proto));
        kind.table.map_or(0, |table| fields.iter().filter(|name| named(table, name)).count())
    };
    let is_near = |kind: &Kind| is_proto(kind.group) == is_proto(group);
    let right = |kind: &&Kind| (kind.name == name, kind.group == group, known(kind), is_near(kind));
    KINDS.iter().filter(fits).max_by_key(right)
}

/// Whether the group is one of Istio's or Kubernetes' own: what has the exact name of a kind of ours there, and
/// is none of the group's, is of a wrong group. Of a stranger's group it may be the stranger's.
fn has_none_of_ours(group: &str) -> bool {
    !is_security(group) && (is_proto(group) || group.ends_with(".k8s.io"))
}

/// Whether the group is one in which we should know every kind.
pub(crate) fn is_ours(group: &str) -> bool {
    OUR_GROUPS.contains(&group) || is_proto(group)
}

/// Whether kinds of the group are written in proto-JSON (Y-3): Istio's alone are.
pub(crate) fn is_proto(group: &str) -> bool {
    group == "istio.io" || group.ends_with(".istio.io")
}

/// Whether documents of the group say who may call.
pub(crate) fn is_security(group: &str) -> bool {
    group == SECURITY
}
