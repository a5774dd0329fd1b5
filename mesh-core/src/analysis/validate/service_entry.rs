//! `ServiceEntry` (SE-4 to SE-7).

use super::workload_entry::is_socket;
use super::{Check, Validate, hosts, names, text, workload_entry};
use crate::api::Metadata;
use crate::api::istio::{Resolution, ServiceEntry, ServiceEntryPort, WorkloadEntry};
use crate::diagnostic::Code;

impl Validate for ServiceEntry {
    fn validate(&self, meta: &Metadata, check: &mut Check<'_>) {
        hosts(self, check);
        addresses(self, check);
        check.count(&self.at, "ports", self.ports.len(), 256);
        for (index, port) in self.ports.iter().enumerate() {
            self::port(port, &self.ports[..index], check);
        }
        resolution(self, check);
        check.count(&self.at, "endpoints", self.endpoints.len(), 4_096);
        for endpoint in &self.endpoints {
            self::endpoint(endpoint, self, check);
        }
        let endpoints = !self.endpoints.is_empty() || self.at.is_written("endpoints");
        if self.workload_selector.is_some() && endpoints {
            check.error(self.at.field("workloadSelector"), "excludes `endpoints`");
        }
        if let Some(selector) = &self.workload_selector {
            check.count(&selector.at, "labels", selector.labels.len(), 256);
            check.selector(&selector.at, "labels", selector.labels.iter());
        }
        check.export_to(&self.at, meta, &self.export_to, true);
    }
}

fn hosts(entry: &ServiceEntry, check: &mut Check<'_>) {
    let at = &entry.at;
    if entry.hosts.is_empty() {
        check.error(at.origin(), "`hosts` is needed");
    }
    check.count(at, "hosts", entry.hosts.len(), 256);
    for (index, host) in entry.hosts.iter().enumerate() {
        let place = || at.item("hosts", index);
        if host == "*" {
            check.error(place(), "`*` alone cannot be a host of a ServiceEntry");
        } else if !text::is_wildcard_name(host) {
            hosts::host(check, place(), host);
        } else if text::is_partial_wildcard(host) && entry.resolution != Resolution::DynamicDns {
            check.note(
                Code::SchemaWarning,
                place(),
                format!("`{host}`: the wildcard is only a part of a label"),
            );
        }
    }
}

fn addresses(entry: &ServiceEntry, check: &mut Check<'_>) {
    check.count(&entry.at, "addresses", entry.addresses.len(), 256);
    let blocks_allowed = matches!(entry.resolution, Resolution::None | Resolution::Static);
    for (index, address) in entry.addresses.iter().enumerate() {
        let place = || entry.at.item("addresses", index);
        check.length(place(), address, 64);
        if text::is_cidr(address) {
            if !blocks_allowed {
                check.error(place(), "a block of addresses needs resolution NONE or STATIC");
            }
        } else if !text::is_ip(address) {
            check.error(place(), format!("`{address}` is neither an address nor a block of addresses"));
        }
    }
    let tcp = |port: &&ServiceEntryPort| {
        let protocol = if port.protocol.is_empty() { "tcp" } else { port.protocol.as_str() };
        protocol.eq_ignore_ascii_case("tcp")
    };
    if entry.addresses.is_empty()
        && let Some(port) = entry.ports.iter().find(tcp)
    {
        check.note(
            Code::ServiceEntryAddressesRequired,
            port.at.origin(),
            format!("without `addresses`, port {} is taken for all TCP destinations", port.number),
        );
    }
}

fn port(port: &ServiceEntryPort, before: &[ServiceEntryPort], check: &mut Check<'_>) {
    let at = &port.at;
    check.port(at, "number", port.number);
    if let Some(target) = port.target_port {
        check.port(at, "targetPort", target);
    }
    check.port_name(at, "name", &port.name);
    if !port.protocol.is_empty() && !names::is_protocol(&port.protocol) {
        check.error_hint(
            at.field("protocol"),
            format!("`{}` is not a protocol", port.protocol),
            "one of HTTP, HTTP2, GRPC, GRPC-WEB, HTTPS, TLS, TCP, MONGO, REDIS, MYSQL",
        );
    }
    if before.iter().any(|other| other.name == port.name) {
        check.error(at.field("name"), format!("the port name `{}` is written twice", port.name));
    }
    if before.iter().any(|other| other.number == port.number) {
        check.error(at.field("number"), format!("the port {} is written twice", port.number));
    }
}

/// SE-5, by the way that endpoints are found.
fn resolution(entry: &ServiceEntry, check: &mut Check<'_>) {
    let at = &entry.at;
    if entry.resolution == Resolution::DynamicDns {
        dynamic(entry, check);
    }
    match entry.resolution {
        Resolution::None if !entry.endpoints.is_empty() || at.is_written("endpoints") => {
            let hint = "set `resolution: STATIC` or `DNS`";
            check.error_beside(at.field("endpoints"), "resolution NONE cannot have endpoints", hint);
        }
        Resolution::Dns | Resolution::DnsRoundRobin if entry.endpoints.is_empty() => {
            let unknown = |host: &String| text::is_wildcard_name(host) && !text::is_name(host);
            if let Some(index) = entry.hosts.iter().position(unknown) {
                let what = if entry.hosts[index].starts_with('*') { "a wildcard" } else { "a number" };
                let message = format!("{what} cannot be looked up; write `endpoints`");
                check.error(at.item("hosts", index), message);
            }
        }
        Resolution::DnsRoundRobin if entry.endpoints.len() > 1 => {
            check.error(at.item("endpoints", 1), "DNS_ROUND_ROBIN has one endpoint at most");
        }
        Resolution::None
        | Resolution::Static
        | Resolution::Dns
        | Resolution::DnsRoundRobin
        | Resolution::DynamicDns => {}
    }
    if entry.hosts.len() > 1 && entry.resolution != Resolution::None {
        let plain = |port: &&ServiceEntryPort| {
            let protocol = port.protocol.as_str();
            !names::is_http(protocol) && !names::is_tls(protocol)
        };
        if let Some(port) = entry.ports.iter().find(plain) {
            let message = format!("several hosts cannot be told apart on port {}", port.number);
            check.error_hint(port.at.origin(), message, "use an HTTP or TLS port, or one host");
        }
    }
}

/// SE-5: nothing is known beforehand but the pattern, so nothing else may be written.
fn dynamic(entry: &ServiceEntry, check: &mut Check<'_>) {
    let at = &entry.at;
    for (index, host) in entry.hosts.iter().enumerate() {
        if !host.starts_with('*') {
            let hint = "set `resolution: DNS` for a name that is known";
            check.error_hint(at.item("hosts", index), "resolution DYNAMIC_DNS is for wildcard hosts", hint);
        }
    }
    for field in ["addresses", "endpoints"] {
        let written = if field == "addresses" { entry.addresses.len() } else { entry.endpoints.len() };
        if written > 0 {
            check.error(at.field(field), format!("resolution DYNAMIC_DNS cannot have {field}"));
        }
    }
    let allowed = ["HTTP", "HTTP2", "GRPC", "TLS"];
    for port in &entry.ports {
        if !allowed.iter().any(|protocol| protocol.eq_ignore_ascii_case(&port.protocol)) {
            let hint = "one of HTTP, HTTP2, GRPC, TLS";
            let message = format!("resolution DYNAMIC_DNS cannot tell hosts apart on port {}", port.number);
            check.error_hint(port.at.origin(), message, hint);
        }
    }
}

/// An endpoint of one of these two: names are for DNS, sockets and mere networks for STATIC.
fn endpoint(endpoint: &WorkloadEntry, entry: &ServiceEntry, check: &mut Check<'_>) {
    let at = &endpoint.at;
    let address = endpoint.address.as_str();
    workload_entry::sizes(endpoint, check);
    if address.is_empty() && endpoint.network.is_empty() {
        check.error(at.origin(), "`address` is needed, or `network`");
    }
    match entry.resolution {
        Resolution::Static if is_socket(endpoint) => {
            if entry.ports.len() != 1 {
                check.error(at.field("address"), "a unix endpoint needs a service of exactly one port");
            }
        }
        Resolution::Static if !address.is_empty() && !text::is_ip(address) => {
            let hint = "set `resolution: DNS` for names";
            let message = format!("`{address}` is not an IP address, as resolution STATIC needs");
            check.error_hint(at.field("address"), message, hint);
        }
        Resolution::Dns | Resolution::DnsRoundRobin if is_socket(endpoint) => {
            let hint = "set `resolution: STATIC`";
            check.error_hint(at.field("address"), "a unix endpoint is not found by DNS", hint);
        }
        Resolution::Dns | Resolution::DnsRoundRobin
            if !address.is_empty() && !text::is_ip(address) && !text::is_name(address) =>
        {
            workload_entry::neither(endpoint, check);
        }
        Resolution::Dns | Resolution::DnsRoundRobin if address.is_empty() && !endpoint.network.is_empty() => {
            check.error_hint(
                at.origin(),
                "an endpoint without `address` is not found by DNS",
                "set `resolution: STATIC`",
            );
        }
        Resolution::Static | Resolution::Dns | Resolution::DnsRoundRobin => {}
        // Neither may have endpoints, which was said.
        Resolution::None | Resolution::DynamicDns => return,
    }
    check.labels(at, "labels", &endpoint.labels);
    for name in endpoint.ports.keys() {
        if !entry.ports.iter().any(|port| port.name == *name) {
            check.error(at.entry("ports", name), format!("the service has no port named `{name}`"));
        }
    }
}
