//! `ServiceEntry` and `WorkloadEntry` (SE-4 to SE-8).

use super::{Check, Validate, names};
use crate::analysis::Code;
use crate::api::Metadata;
use crate::api::istio::{Resolution, ServiceEntry, ServiceEntryPort, WorkloadEntry};

impl Validate for ServiceEntry {
    fn validate(&self, meta: &Metadata, check: &mut Check<'_>) {
        hosts(self, check);
        addresses(self, check);
        for (index, port) in self.ports.iter().enumerate() {
            self::port(port, &self.ports[..index], check);
        }
        if self.ports.is_empty() {
            check.error(self.at.origin(), "`ports` is needed");
        }
        resolution(self, check);
        for endpoint in &self.endpoints {
            self::endpoint(endpoint, self, check);
        }
        if self.workload_selector.is_some() && !self.endpoints.is_empty() {
            check.error(self.at.field("workloadSelector"), "excludes `endpoints`");
        }
        if let Some(selector) = &self.workload_selector {
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
    for (index, host) in entry.hosts.iter().enumerate() {
        let place = || at.item("hosts", index);
        if host == "*" {
            check.error(place(), "`*` alone cannot be a host of a ServiceEntry");
        } else if !names::is_wildcard_host(host) {
            names::host(check, place(), host);
        } else if host.starts_with('*') && !host.starts_with("*.") {
            check.note(
                Code::SchemaWarning,
                place(),
                format!("`{host}`: the wildcard is only a part of a label"),
            );
        }
    }
}

fn addresses(entry: &ServiceEntry, check: &mut Check<'_>) {
    let blocks_allowed = matches!(entry.resolution, Resolution::None | Resolution::Static);
    for (index, address) in entry.addresses.iter().enumerate() {
        let place = || entry.at.item("addresses", index);
        if names::is_cidr(address) {
            if !blocks_allowed {
                check.error(place(), "a block of addresses needs resolution NONE or STATIC");
            }
        } else if !names::is_ip(address) {
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
    if let Some(target) = port.target_port.filter(|target| *target != 0) {
        check.port(at, "targetPort", target);
    }
    if !names::is_label(&port.name) {
        check.error(at.field("name"), format!("the port name `{}` is not a DNS-1123 label", port.name));
    }
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
        Resolution::None if !entry.endpoints.is_empty() => {
            let hint = "set `resolution: STATIC` or `DNS`";
            check.error_beside(at.field("endpoints"), "resolution NONE cannot have endpoints", hint);
        }
        Resolution::Dns | Resolution::DnsRoundRobin if entry.endpoints.is_empty() => {
            if let Some(index) = entry.hosts.iter().position(|host| host.starts_with('*')) {
                check.error(at.item("hosts", index), "a wildcard cannot be looked up; write `endpoints`");
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

fn endpoint(endpoint: &WorkloadEntry, entry: &ServiceEntry, check: &mut Check<'_>) {
    let at = &endpoint.at;
    let address = endpoint.address.as_str();
    if address.starts_with("unix://") {
        if matches!(entry.resolution, Resolution::Dns | Resolution::DnsRoundRobin) {
            let hint = "set `resolution: STATIC`";
            check.error_hint(at.field("address"), "a unix endpoint is not found by DNS", hint);
        }
        unix(endpoint, check);
        if entry.ports.len() != 1 {
            check.error(at.field("address"), "a unix endpoint needs a service of exactly one port");
        }
    } else {
        match entry.resolution {
            Resolution::Static if !names::is_ip(address) => {
                let hint = "set `resolution: DNS` for names";
                check.error_hint(
                    at.field("address"),
                    format!("`{address}` is not an IP address, as resolution STATIC needs"),
                    hint,
                );
            }
            Resolution::Dns | Resolution::DnsRoundRobin
                if !names::is_ip(address) && !names::is_host(address) =>
            {
                check.error(
                    at.field("address"),
                    format!("`{address}` is neither a DNS name nor an IP address"),
                );
            }
            Resolution::None
            | Resolution::Static
            | Resolution::Dns
            | Resolution::DnsRoundRobin
            | Resolution::DynamicDns => {}
        }
    }
    for (name, number) in &endpoint.ports {
        if !entry.ports.iter().any(|port| port.name == *name) {
            check.error(at.entry("ports", name), format!("the service has no port named `{name}`"));
        }
        if !(1..=65_535).contains(number) {
            check.error(at.entry("ports", name), format!("a port is a number from 1 to 65535, not {number}"));
        }
    }
}

fn unix(endpoint: &WorkloadEntry, check: &mut Check<'_>) {
    let path = endpoint.address.strip_prefix("unix://").unwrap_or_default();
    let at = &endpoint.at;
    if !path.starts_with('/') && !path.starts_with('@') {
        check.error(at.field("address"), "a unix address is `unix://` and an absolute path");
    }
    if !endpoint.ports.is_empty() {
        check.error(at.field("ports"), "a unix endpoint has no ports");
    }
}

impl Validate for WorkloadEntry {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        let at = &self.at;
        let address = self.address.as_str();
        if address.is_empty() {
            if self.network.is_empty() {
                check.error(at.origin(), "`address` is needed, or `network`");
            }
        } else if address.starts_with("unix://") {
            unix(self, check);
        } else if !names::is_ip(address) && !names::is_host(address) {
            check.error(at.field("address"), format!("`{address}` is neither a DNS name nor an IP address"));
        }
        for (name, number) in &self.ports {
            if !(1..=65_535).contains(number) {
                check.error(
                    at.entry("ports", name),
                    format!("a port is a number from 1 to 65535, not {number}"),
                );
            }
        }
    }
}
