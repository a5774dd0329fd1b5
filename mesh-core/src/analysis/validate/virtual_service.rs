//! `VirtualService` (VS).

use super::gateways::gateways;
use super::{Check, Validate, connection_rules, hosts, http_action, http_match, odd_rules, text};
use crate::api::Metadata;
use crate::api::istio::{Delegate, HttpRoute, VirtualService};
use crate::diagnostic::Code;

impl Validate for VirtualService {
    fn validate(&self, meta: &Metadata, check: &mut Check<'_>) {
        let at = &self.at;
        if self.http.is_empty() && self.tls.is_empty() && self.tcp.is_empty() {
            check.error(at.origin(), "one of `http`, `tls` and `tcp` is needed");
        }
        hosts(self, check);
        gateways(at, &self.gateways, check);
        check.export_to(at, meta, &self.export_to, false);
        let bound_to_gateway = self.gateways.iter().any(|gateway| gateway != "mesh");
        // A delegate is bound where its root is.
        let claims = bound_to_gateway || self.hosts.is_empty();
        for rule in &self.http {
            http_rule(rule, claims, check);
            if let Some(to) = &rule.delegate {
                delegate(to, self.hosts.is_empty(), check);
            }
        }
        connection_rules::check(self, check);
        odd_rules::check(self, check);
    }
}

/// VS-1, VS-2.
fn hosts(service: &VirtualService, check: &mut Check<'_>) {
    let at = &service.at;
    if service.hosts.is_empty() {
        for (field, empty) in [
            ("gateways", service.gateways.is_empty()),
            ("tls", service.tls.is_empty()),
            ("tcp", service.tcp.is_empty()),
        ] {
            if !empty {
                let message = "a delegate (a VirtualService without `hosts`) cannot have it";
                check.error_beside(at.field(field), message, "name the hosts that the rules are for");
            }
        }
        return;
    }
    let mesh = service.gateways.is_empty() || service.gateways.iter().any(|gateway| gateway == "mesh");
    for (index, host) in service.hosts.iter().enumerate() {
        if !text::is_ip(host) {
            hosts::host(check, at.item("hosts", index), host);
        }
        if host == "*" && mesh {
            let hint = "name the hosts, or list only real gateways under `gateways`";
            check.error_hint(at.item("hosts", index), "`*` would catch all traffic of the mesh", hint);
        }
        if let Some(other) = service.hosts[..index].iter().find(|other| text::overlap(other, host)) {
            check.error(at.item("hosts", index), format!("`{host}` overlaps `{other}`"));
        }
    }
}

/// VA-13: that it is not there, whatever its name, is found where the rules are compiled.
fn delegate(to: &Delegate, nested: bool, check: &mut Check<'_>) {
    if nested {
        let message = "a delegate (a VirtualService without `hosts`) cannot delegate";
        check.error(to.at.origin(), message);
    }
}

fn http_rule(rule: &HttpRoute, bound_to_gateway: bool, check: &mut Check<'_>) {
    for block in &rule.r#match {
        http_match::block(block, bound_to_gateway, check);
    }
    one_action(rule, check);
    http_action::check(rule, check);
}

/// VS-6.
fn one_action(rule: &HttpRoute, check: &mut Check<'_>) {
    let at = &rule.at;
    let actions: Vec<&str> = [
        ("route", !rule.route.is_empty()),
        ("redirect", rule.redirect.is_some()),
        ("directResponse", rule.direct_response.is_some()),
        ("delegate", rule.delegate.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, set)| set.then_some(name))
    .collect();
    match actions.as_slice() {
        // Its delegate's rules stand in its place.
        ["directResponse", "delegate"] => {
            let message = "has no effect beside `delegate`";
            check.note(Code::SchemaWarning, at.field("directResponse"), message);
            return;
        }
        [] => check.error(at.origin(), "one of `route`, `redirect` and `directResponse` is needed"),
        [_] => {}
        [first, second, ..] => check.error(at.field(second), format!("excludes `{first}`")),
    }
    if rule.delegate.is_none() && (rule.redirect.is_some() || rule.direct_response.is_some()) {
        let answer = if rule.redirect.is_some() { "redirect" } else { "directResponse" };
        for (field, set) in [("fault", rule.fault.is_some()), ("rewrite", rule.rewrite.is_some())] {
            if set {
                check.error(
                    at.field(field),
                    format!("has no effect beside `{answer}`, which answers by itself"),
                );
            }
        }
    }
    if rule.delegate.is_none() && rule.mirror.is_some() && !rule.mirrors.is_empty() {
        check.error(at.field("mirrors"), "excludes `mirror`");
    }
}
