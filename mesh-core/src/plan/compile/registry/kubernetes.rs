//! Kubernetes Services with their EndpointSlices, Endpoints or Pods (SE-1 to SE-3).

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::pods::Pod;
use super::sources::Sources;
use super::{Distribution, Port, Service, is_visible, push_endpoint};
use crate::api::Resource;
use crate::api::kubernetes::{EndpointPort, Service as Written, ServicePort, SliceEndpoint};
use crate::api::values::IntOrString;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::endpoint::{Address, Endpoint};
use crate::identity::Locality;
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::protocol::Protocol;
use crate::plan::compile::inputs::settings::Mesh;
use crate::plan::{Discovery, DnsTarget, ServiceIdentity};

/// Annotation of a Service in place of `exportTo`.
const EXPORT_TO: &str = "networking.istio.io/exportTo";
/// Annotation of a Service in place of `trafficDistribution`.
const TRAFFIC_DISTRIBUTION: &str = "networking.istio.io/traffic-distribution";

/// The host of a Service.
pub(super) fn host(resource: &Resource<Written>, mesh: &Mesh<'_>) -> Arc<str> {
    let meta = &resource.meta;
    names::of_service(&meta.name, &meta.namespace, &mesh.settings.domain_suffix).into()
}

/// What a Service says, with its EndpointSlices, Endpoints or pods.
pub(super) fn service(
    host: Arc<str>,
    resource: &Resource<Written>,
    sources: &Sources<'_, '_>,
    out: &mut Diagnostics,
) -> Service {
    let (meta, spec) = (&resource.meta, &resource.spec);
    let export: Vec<String> = meta
        .annotations
        .get(EXPORT_TO)
        .map(|list| list.split(',').map(|entry| entry.trim().to_owned()).collect())
        .unwrap_or_default();
    let mut ports = Vec::with_capacity(spec.ports.len());
    for port in &spec.ports {
        let Some(number) = u16::try_from(port.port).ok().filter(|number| *number > 0) else { continue };
        let protocol = Protocol::of_service_port(port, number);
        check_name(resource, port, protocol, out);
        let mut discovery = discovery(resource, port, sources);
        if spec.internal_traffic_policy == "Local" {
            keep_local(&mut discovery, sources.workload.node.as_deref());
        }
        ports.push(Port { number, protocol, discovery });
    }
    let addresses = [&spec.cluster_ip].into_iter().chain(&spec.cluster_ips);
    let mut addresses: Vec<IpAddr> = addresses.filter_map(|address| address.parse().ok()).collect();
    addresses.dedup();
    Service {
        identity: ServiceIdentity {
            host,
            name: meta.name.as_str().into(),
            namespace: meta.namespace.as_str().into(),
            external: false,
        },
        ports,
        addresses,
        subject_alt_names: Vec::new(),
        alias: is_external(spec).then(|| external_name(spec).to_ascii_lowercase().into()),
        headless: spec.cluster_ip == "None",
        unready: spec.publish_not_ready_addresses,
        visible: is_visible(
            &export,
            sources.mesh.service_export,
            &meta.namespace,
            &sources.workload.namespace,
        ),
        distribution: distribution(resource),
        refused: None,
        origin: resource.origin(),
    }
}

/// LB-16.
fn distribution(resource: &Resource<Written>) -> Option<Distribution> {
    let annotated = resource.meta.annotations.get(TRAFFIC_DISTRIBUTION);
    match annotated.unwrap_or(&resource.spec.traffic_distribution).as_str() {
        "PreferClose" | "PreferSameZone" => Some(Distribution::SameZone),
        "PreferSameNode" => Some(Distribution::SameNode),
        _ => None,
    }
}

/// `internalTrafficPolicy: Local`: only what runs on our node (SE-1).
fn keep_local(discovery: &mut Discovery, node: Option<&str>) {
    if let Discovery::Static(endpoints) = discovery {
        endpoints.retain(|endpoint| endpoint.node.as_deref() == node);
    }
}

/// IST0118: the name does not tell the protocol, so the first bytes must (P-3).
fn check_name(resource: &Resource<Written>, port: &ServicePort, protocol: Protocol, out: &mut Diagnostics) {
    if protocol == Protocol::Sniffed {
        let message = if port.name.is_empty() {
            format!("port {} has no name that tells its protocol", port.port)
        } else {
            format!("port name {:?} does not tell the protocol of port {}", port.name, port.port)
        };
        let code = if is_external(&resource.spec) {
            Code::ExternalNameServiceTypeInvalidPortName
        } else {
            Code::PortNameIsNotUnderNamingConvention
        };
        out.push(
            Diagnostic::new(code, resource.locate(port.at.field("name")), message)
                .hint("name it <protocol>[-<suffix>], such as http-web, or write appProtocol"),
        );
    }
}

fn discovery(resource: &Resource<Written>, port: &ServicePort, sources: &Sources<'_, '_>) -> Discovery {
    let (meta, spec) = (&resource.meta, &resource.spec);
    if is_external(spec) {
        let number = u16::try_from(port.port).unwrap_or_default();
        let template = Endpoint::new(SocketAddr::from(([0, 0, 0, 0], number)));
        return Discovery::Dns(vec![DnsTarget { name: external_name(spec).into(), port: number, template }]);
    }
    let mut endpoints = Vec::new();
    let mut seen = HashSet::new();
    let slices = sources.endpointed.slices(meta);
    let objects = sources.endpointed.endpoints(meta);
    if !slices.is_empty() {
        for slice in slices {
            let slice = &sources.documents.endpoint_slices[*slice as usize];
            let Some(number) = port_number(&slice.spec.ports, port, spec.ports.len()) else { continue };
            let usable = |endpoint: &&SliceEndpoint| spec.publish_not_ready_addresses || is_ready(endpoint);
            for written in slice.spec.endpoints.iter().filter(usable) {
                let ip = written.addresses.first().map(String::as_str).unwrap_or_default();
                let pod = sources.pods.behind(written.target_ref.as_ref(), &slice.meta.namespace, ip);
                if let Some(endpoint) = endpoint(ip, number, place(written, pod, sources), pod) {
                    let hostname = written.hostname.as_deref().map(Into::into);
                    push_endpoint(&mut endpoints, &mut seen, Endpoint { hostname, ..endpoint });
                }
            }
        }
    } else if let Some(object) = objects {
        let object = &sources.documents.endpoints[object as usize];
        for subset in &object.spec.subsets {
            let Some(number) = port_number(&subset.ports, port, spec.ports.len()) else { continue };
            let unready =
                if spec.publish_not_ready_addresses { &subset.not_ready_addresses[..] } else { &[] };
            for written in subset.addresses.iter().chain(unready) {
                let pod =
                    sources.pods.behind(written.target_ref.as_ref(), &object.meta.namespace, &written.ip);
                let place = (written.node_name.clone(), place_of(written.node_name.as_deref(), pod, sources));
                if let Some(endpoint) = endpoint(&written.ip, number, place, pod) {
                    let hostname = written.hostname.as_deref().map(Into::into);
                    push_endpoint(&mut endpoints, &mut seen, Endpoint { hostname, ..endpoint });
                }
            }
        }
    } else if !spec.selector.is_empty() {
        for pod in sources.pods.running(&meta.namespace, &spec.selector) {
            let ip = pod.resource.spec.pod_ip.as_deref().unwrap_or_default();
            let number = target_port(port, pod.resource);
            let place = (None, pod.locality.clone());
            if let Some(endpoint) = number.and_then(|number| endpoint(ip, number, place, Some(pod))) {
                push_endpoint(&mut endpoints, &mut seen, endpoint);
            }
        }
    }
    Discovery::Static(endpoints)
}

fn is_external(spec: &Written) -> bool {
    spec.r#type == "ExternalName"
}

fn external_name(spec: &Written) -> &str {
    spec.external_name.trim_end_matches('.')
}

/// Null or true is ready; what terminates gets nothing new (SE-2).
fn is_ready(endpoint: &SliceEndpoint) -> bool {
    endpoint.conditions.as_ref().is_none_or(|conditions| {
        conditions.ready.unwrap_or(true) && !conditions.terminating.unwrap_or_default()
    })
}

/// The endpoints' port for a port of the Service: by name, and where there is but one, that one.
fn port_number(ports: &[EndpointPort], wanted: &ServicePort, count: usize) -> Option<u16> {
    let named = ports.iter().find(|port| port.name == wanted.name);
    let lone = || (count == 1 && ports.len() == 1).then(|| &ports[0]);
    u16::try_from(named.or_else(lone)?.port?).ok()
}

/// The container port that a Service's port leads to.
pub(crate) fn target_port(
    port: &ServicePort,
    workload: &Resource<crate::api::kubernetes::Workload>,
) -> Option<u16> {
    match &port.target_port {
        None => u16::try_from(port.port).ok(),
        Some(IntOrString::Int(0)) => u16::try_from(port.port).ok(),
        Some(IntOrString::Int(number)) => u16::try_from(*number).ok(),
        Some(IntOrString::String(name)) => {
            let containers = &workload.spec.template.spec.containers;
            let found =
                containers.iter().flat_map(|container| &container.ports).find(|port| port.name == *name);
            u16::try_from(found?.container_port).ok()
        }
    }
}

/// Node and locality.
type Where = (Option<String>, Locality);

/// Where an endpoint is: by the slice itself, then by its pod, then by its node (SE-2).
fn place(endpoint: &SliceEndpoint, pod: Option<&Pod<'_>>, sources: &Sources<'_, '_>) -> Where {
    let topology = &endpoint.deprecated_topology;
    let node = endpoint.node_name.clone().or_else(|| topology.get("kubernetes.io/hostname").cloned());
    let zone = endpoint.zone.clone().unwrap_or_default();
    let written = Locality { zone, ..Locality::default() }.or(&Locality::of_labels(topology));
    let locality = written.or(&place_of(node.as_deref(), pod, sources));
    (node, locality)
}

fn place_of(node: Option<&str>, pod: Option<&Pod<'_>>, sources: &Sources<'_, '_>) -> Locality {
    let of_pod = pod.map(|pod| pod.locality.clone()).unwrap_or_default();
    of_pod.or(&node.map(|node| sources.endpointed.nodes.of_node(node)).unwrap_or_default())
}

fn endpoint(ip: &str, port: u16, place: Where, pod: Option<&Pod<'_>>) -> Option<Endpoint> {
    let (node, locality) = place;
    let ip: IpAddr = ip.parse().ok()?;
    Some(Endpoint {
        address: Address::Socket(SocketAddr::new(ip, port)),
        weight: 1,
        locality,
        node: node.map(Into::into).or_else(|| pod?.node.clone()),
        network: pod.and_then(|pod| pod.network.clone()),
        labels: pod.map(|pod| Arc::clone(&pod.labels)).unwrap_or_default(),
        workload: pod.map(|pod| pod.workload.clone()),
        hostname: None,
        identity: pod.map(|pod| Arc::clone(&pod.identity)),
    })
}
