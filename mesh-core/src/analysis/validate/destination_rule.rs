//! `DestinationRule` (DR).

use super::traffic_policy::{client_tls, load_balancer, never_ejects};
use super::{Check, Validate, hosts, text};
use crate::analysis::blocks;
use crate::api::Metadata;
use crate::api::istio::{
    ClientTlsSettings, ConnectionPoolSettings, DestinationRule, LoadBalancerSettings, OutlierDetection,
    PortTrafficPolicy, TrafficPolicy,
};
use crate::circuit::CircuitPolicy;
use crate::diagnostic::Code;

impl Validate for DestinationRule {
    fn validate(&self, meta: &Metadata, check: &mut Check<'_>) {
        let at = &self.at;
        hosts::host(check, at.field("host"), &self.host);
        check.export_to(at, meta, &self.export_to, false);
        if let Some(policy) = &self.traffic_policy {
            traffic_policy(policy, check);
        }
        for (index, subset) in self.subsets.iter().enumerate() {
            if !text::is_label(&subset.name) {
                check.error(subset.at.field("name"), format!("`{}` is not a DNS-1123 label", subset.name));
            } else if self.subsets[..index].iter().any(|other| other.name == subset.name) {
                check
                    .error(subset.at.field("name"), format!("the subset `{}` is written twice", subset.name));
            }
            check.labels(&subset.at, "labels", &subset.labels);
            if let Some(policy) = &subset.traffic_policy {
                traffic_policy(policy, check);
            }
        }
        if let Some(selector) = &self.workload_selector {
            check.count(&selector.at, "matchLabels", selector.match_labels.len(), 4_096);
            check.selector(&selector.at, "matchLabels", selector.match_labels.iter());
            // DR-4: the selected workloads are of this namespace.
            let beyond = |entry: &String| entry != "." && *entry != meta.namespace;
            for (index, entry) in self.export_to.iter().enumerate().filter(|(_, entry)| beyond(entry)) {
                check.error_hint(
                    at.item("exportTo", index),
                    format!("a rule with a `workloadSelector` is not exported to `{entry}`"),
                    "leave it out, or write `.`: the selector chooses among workloads of its own namespace",
                );
            }
        }
    }
}

/// DR-7.
fn traffic_policy(policy: &TrafficPolicy, check: &mut Check<'_>) {
    let at = &policy.at;
    let any = ["tunnel", "proxyProtocol"].iter().any(|refused| at.is_written(refused))
        || policy.retry_budget.is_some()
        || !policy.port_level_settings.is_empty()
        || policy.tunnel.is_some()
        || policy.proxy_protocol.is_some();
    if !any
        && !blocks(
            &policy.load_balancer,
            &policy.connection_pool,
            &policy.outlier_detection,
            &policy.tls,
            check,
        )
    {
        check.error(at.origin(), "a traffic policy must not be empty");
    } else if any {
        blocks(&policy.load_balancer, &policy.connection_pool, &policy.outlier_detection, &policy.tls, check);
    }
    if policy.tunnel.is_some() && policy.proxy_protocol.is_some() {
        check.error(at.field("proxyProtocol"), "excludes `tunnel`");
    }
    if let Some(budget) = &policy.retry_budget {
        check.refused(blocks::budget(budget));
    }
    check.count(at, "portLevelSettings", policy.port_level_settings.len(), 4_096);
    for (index, port) in policy.port_level_settings.iter().enumerate() {
        match &port.port {
            Some(number) => {
                let same = |other: &PortTrafficPolicy| {
                    other.port.as_ref().is_some_and(|other| other.number == number.number)
                };
                // Istio takes both; the first is in force.
                if policy.port_level_settings[..index].iter().any(same) {
                    let message =
                        format!("the port {} is written twice: the first is in force", number.number);
                    check.note(Code::SchemaWarning, number.at.origin(), message);
                } else if !(1..=65_535).contains(&number.number) {
                    let message = format!("no service has a port {}: this has no effect", number.number);
                    check.note(Code::SchemaWarning, number.at.field("number"), message);
                }
            }
            None => check.error(port.at.origin(), "`port` is needed"),
        }
        if !blocks(&port.load_balancer, &port.connection_pool, &port.outlier_detection, &port.tls, check) {
            check.error(port.at.origin(), "settings of a port must not be empty");
        }
    }
}

/// The four blocks that a policy and a port share; says whether one is there.
fn blocks(
    balancer: &Option<LoadBalancerSettings>,
    pool: &Option<ConnectionPoolSettings>,
    outlier: &Option<OutlierDetection>,
    tls: &Option<ClientTlsSettings>,
    check: &mut Check<'_>,
) -> bool {
    if let Some(balancer) = balancer {
        load_balancer(balancer, check);
    }
    if let Some(pool) = pool {
        check.refused(blocks::pool(pool, CircuitPolicy::default()));
    }
    if let Some(outlier) = outlier {
        check.refused(blocks::outlier(outlier));
        never_ejects(outlier, check);
    }
    if let Some(tls) = tls {
        client_tls(tls, check);
    }
    balancer.is_some() || pool.is_some() || outlier.is_some() || tls.is_some()
}
