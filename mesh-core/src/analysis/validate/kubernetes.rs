//! Kubernetes kinds: as far as routing rests on their values (SE, P).
//!
//! In a cluster the API server has checked them; in a folder of files they are checked here.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Check, Validate, names, text};
use crate::api::Metadata;
use crate::api::kubernetes::{
    ConfigMap, EndpointSlice, Endpoints, Namespace, Node, Secret, Service, Workload,
};
use crate::api::values::IntOrString;
use crate::diagnostic::{Code, Diagnostic};

impl Validate for Service {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        self.preferences(check);
        names::labels(&self.at, "selector", &self.selector, check);
        let bare = self.r#type == "ExternalName" || self.cluster_ip == "None";
        if self.ports.is_empty() && !bare {
            check.error(self.at.field("ports"), "at least one port is needed");
        }
        let (mut names, mut numbers) = (HashSet::new(), HashMap::new());
        for port in &self.ports {
            let at = &port.at;
            check.port(at, "port", port.port);
            let is_new = names.insert(&port.name);
            if port.name.is_empty() && self.ports.len() > 1 {
                check.error(at.origin(), "each port of a service with several needs a `name`");
            } else if !port.name.is_empty() && !names::is_label(&port.name) {
                check.error(
                    at.field("name"),
                    format!("the port name `{}` is not a DNS-1123 label", port.name),
                );
            } else if !is_new {
                check.error(at.field("name"), format!("the port name `{}` is written twice", port.name));
            }
            let transport = if port.protocol.is_empty() { "TCP" } else { &port.protocol };
            let other = *numbers.entry((port.port, transport)).or_insert(port);
            if !std::ptr::eq(other, port) {
                let message = format!("port {} is the port `{}` already", port.port, other.name);
                check.error(at.field("port"), message);
            }
            match &port.target_port {
                Some(IntOrString::Int(number)) if !(1..=65_535).contains(number) => {
                    let message = format!("a port is a number from 1 to 65535, not {number}");
                    check.error(at.field("targetPort"), message);
                }
                Some(IntOrString::String(name)) if !names::is_port_name(name) => {
                    let hint = "at most 15 small letters, digits and hyphens, a letter among them";
                    let message = format!("`{name}` is not the name of a port");
                    check.error_hint(at.field("targetPort"), message, hint);
                }
                Some(IntOrString::Int(_) | IntOrString::String(_)) | None => {}
            }
            if let Some(protocol) = port.app_protocol.as_deref().filter(|text| !names::is_qualified(text)) {
                check.error(at.field("appProtocol"), format!("`{protocol}` is not the name of a protocol"));
            }
            if !matches!(port.protocol.as_str(), "" | "TCP" | "UDP" | "SCTP") {
                check.error_hint(
                    at.field("protocol"),
                    format!("`{}` is not a transport protocol", port.protocol),
                    "one of TCP, UDP, SCTP; what is spoken over it is told by the port's name or `appProtocol`",
                );
            }
        }
        let alias = self.external_name.strip_suffix('.').unwrap_or(&self.external_name);
        if self.r#type == "ExternalName" && !names::is_subdomain(alias) {
            check.error(self.at.field("externalName"), format!("`{}` is not a DNS name", self.external_name));
        }
    }
}

impl Service {
    /// SE-1, LB-16.
    fn preferences(&self, check: &mut Check<'_>) {
        let known = ["", "ClusterIP", "NodePort", "LoadBalancer", "ExternalName"];
        if !known.contains(&self.r#type.as_str()) {
            let message = format!("`{}` is not a type of Service", self.r#type);
            check.error_hint(self.at.field("type"), message, known[1..].join(", "));
        }
        let is_address = |text: &str| matches!(text, "" | "None") || text::is_ip(text);
        if !is_address(&self.cluster_ip) {
            let message = format!("`{}` is neither an IP address nor None", self.cluster_ip);
            check.error(self.at.field("clusterIP"), message);
        }
        for (index, ip) in self.cluster_ips.iter().enumerate().filter(|(_, ip)| !is_address(ip)) {
            let message = format!("`{ip}` is neither an IP address nor None");
            check.error(self.at.item("clusterIPs", index), message);
        }
        if !matches!(self.internal_traffic_policy.as_str(), "" | "Cluster" | "Local") {
            let message = format!("must be Cluster or Local, not {:?}", self.internal_traffic_policy);
            check.error(self.at.field("internalTrafficPolicy"), message);
        }
        let known = ["", "PreferClose", "PreferSameZone", "PreferSameNode"];
        if !known.contains(&self.traffic_distribution.as_str()) {
            let message = format!("`{}` is no known preference: none is made", self.traffic_distribution);
            let hint = "PreferClose, PreferSameZone or PreferSameNode";
            let origin = self.at.field("trafficDistribution");
            check.report(Diagnostic::new(Code::SchemaWarning, origin, message).hint(hint));
        }
    }
}

impl Validate for EndpointSlice {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        if !matches!(self.address_type.as_str(), "IPv4" | "IPv6" | "FQDN") {
            let message = format!("must be IPv4, IPv6 or FQDN, not {:?}", self.address_type);
            check.error(self.at.field("addressType"), message);
        } else if self.address_type == "FQDN" {
            let origin = self.at.field("addressType");
            let message = "endpoints that are names are not implemented in an EndpointSlice";
            let hint = "a ServiceEntry with `resolution: DNS`, or a Service of type ExternalName";
            check.not_implemented(origin, message, hint);
            return;
        }
        for endpoint in &self.endpoints {
            if endpoint.addresses.is_empty() {
                check.error(endpoint.at.origin(), "an endpoint needs an address");
            }
            for (index, address) in endpoint.addresses.iter().enumerate() {
                let fits = match self.address_type.as_str() {
                    "IPv4" => address.parse::<Ipv4Addr>().is_ok(),
                    "IPv6" => address.parse::<Ipv6Addr>().is_ok(),
                    _ => text::is_ip(address),
                };
                if !fits {
                    check.error(
                        endpoint.at.item("addresses", index),
                        format!("`{address}` is not an address of type {}", self.address_type),
                    );
                }
            }
        }
        let mut names = HashSet::new();
        for port in &self.ports {
            if let Some(number) = port.port {
                check.port(&port.at, "port", number);
            }
            let is_new = names.insert(&port.name);
            if !port.name.is_empty() && !names::is_label(&port.name) {
                let message = format!("the port name `{}` is not a DNS-1123 label", port.name);
                check.error(port.at.field("name"), message);
            } else if !is_new {
                check.error(port.at.origin(), format!("the port name `{}` is written twice", port.name));
            }
        }
    }
}

impl Validate for Endpoints {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        for subset in &self.subsets {
            for address in subset.addresses.iter().chain(&subset.not_ready_addresses) {
                if !text::is_ip(&address.ip) {
                    check.error(address.at.field("ip"), format!("`{}` is not an IP address", address.ip));
                }
            }
            for port in &subset.ports {
                if let Some(number) = port.port {
                    check.port(&port.at, "port", number);
                }
            }
        }
    }
}

/// MESH0001 (P-6), for what makes pods.
impl Validate for Workload {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        let labels = &self.template.metadata.labels;
        let missing: Vec<&str> = [
            ("app", crate::identity::canonical_service(labels).is_none()),
            ("version", crate::identity::canonical_revision(labels).is_none()),
        ]
        .into_iter()
        .filter_map(|(name, missing)| missing.then_some(name))
        .collect();
        if !missing.is_empty() && self.kind != "Job" && self.kind != "CronJob" {
            let message = format!("pods have no label {}", missing.join(" and "));
            let template = &self.template;
            let origin = match template.at.lacks("metadata") {
                true => template.at.field("metadata.labels"),
                false => template.metadata.at.field("labels"),
            };
            check.note(Code::MissingAppOrVersionLabel, origin, message);
        }
        if let Some(ip) = self.pod_ip.as_deref().filter(|ip| !ip.is_empty() && !text::is_ip(ip)) {
            check.error(self.template.at.origin(), format!("`{ip}` is not an IP address"));
        }
    }
}

impl Validate for Secret {
    fn validate(&self, _: &Metadata, _: &mut Check<'_>) {}
}

impl Validate for ConfigMap {
    fn validate(&self, _: &Metadata, _: &mut Check<'_>) {}
}

impl Validate for Node {
    fn validate(&self, _: &Metadata, _: &mut Check<'_>) {}
}

impl Validate for Namespace {
    fn validate(&self, _: &Metadata, _: &mut Check<'_>) {}
}
