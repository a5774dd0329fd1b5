//! `tls` and `tcp` of a VirtualService: they are not served, and judged all the same.

use super::gateways::gateways;
use super::traffic_policy::destination;
use super::{Check, hosts, text};
use crate::api::At;
use crate::api::istio::{RouteDestination, VirtualService};

pub(super) fn check(service: &VirtualService, check: &mut Check<'_>) {
    for rule in &service.tls {
        if rule.r#match.is_empty() {
            check.error(rule.at.origin(), "a TLS rule needs a `match`");
        }
        for block in &rule.r#match {
            if block.sni_hosts.is_empty() {
                check.error(block.at.origin(), "`sniHosts` is needed");
            }
            for (index, host) in block.sni_hosts.iter().enumerate() {
                server_name(service, &block.at, index, host, check);
            }
            conditions(&block.at, &block.destination_subnets, block.port, check);
            check.labels(&block.at, "sourceLabels", &block.source_labels);
            gateways(&block.at, &block.gateways, check);
        }
        destinations(&rule.at, &rule.route, check);
    }
    for rule in &service.tcp {
        for block in &rule.r#match {
            conditions(&block.at, &block.destination_subnets, block.port, check);
            check.labels(&block.at, "sourceLabels", &block.source_labels);
            gateways(&block.at, &block.gateways, check);
        }
        destinations(&rule.at, &rule.route, check);
    }
}

/// A server name lies within the hosts of its VirtualService.
fn server_name(service: &VirtualService, at: &At, index: usize, name: &str, check: &mut Check<'_>) {
    let at_gateways = !service.gateways.iter().any(|gateway| gateway == "mesh");
    let legal = text::is_wildcard_name(name) || (at_gateways && is_of_cluster(name));
    if !legal {
        if !text::is_ip(name) {
            hosts::host(check, at.item("sniHosts", index), name);
        }
        return;
    }
    let within = |host: &String| match (name.strip_prefix('*'), host.strip_prefix('*')) {
        (None, None) => name == host,
        (None, Some(suffix)) => name.ends_with(suffix),
        (Some(_), None) => false,
        (Some(name), Some(suffix)) => name.ends_with(suffix),
    };
    if !service.hosts.iter().any(within) {
        let message = format!("`{name}` is not within the hosts of this VirtualService");
        check.error(at.item("sniHosts", index), message);
    }
}

/// `outbound_.80_._.host`: what sidecars ask for through gateways that pass TLS on by itself.
fn is_of_cluster(name: &str) -> bool {
    let parts: Vec<&str> = name.split('_').collect();
    let [first, port, _, host, ..] = parts.as_slice() else { return false };
    *first == "outbound"
        && port.contains(|character: char| character.is_ascii_digit())
        && host.contains(|character: char| character.is_ascii_alphabetic())
}

fn conditions(at: &At, subnets: &[String], port: Option<u32>, check: &mut Check<'_>) {
    for (index, subnet) in subnets.iter().enumerate() {
        if !text::is_ip(subnet) && !text::is_cidr(subnet) {
            let message = format!("`{subnet}` is neither an address nor a block of addresses");
            check.error(at.item("destinationSubnets", index), message);
        }
    }
    if let Some(port) = port.filter(|port| *port != 0) {
        check.port(at, "port", port);
    }
}

fn destinations(at: &At, route: &[RouteDestination], check: &mut Check<'_>) {
    if route.is_empty() {
        check.error(at.origin(), "`route` is needed");
    }
    let mut total: i64 = 0;
    for to in route {
        match &to.destination {
            Some(host) => destination(host, check),
            None => check.error(to.at.origin(), "a `destination` is needed"),
        }
        let weight = to.weight.unwrap_or(0);
        check.not_negative(&to.at, "weight", weight);
        total += i64::from(weight);
    }
    if route.len() > 1 && total == 0 {
        check.error(at.field("route"), "the weights of several destinations must not all be 0");
    }
}
