//! `GatewayClass` and `Gateway` (GA-12).

use super::{Check, Validate, hostname, names, namespace};
use crate::api::Metadata;
use crate::api::gateway_api::{
    AllowedRoutes, FromNamespaces, Gateway, GatewayClass, GatewayListener, LabelSelectorOperator,
};

impl Validate for GatewayClass {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        if self.controller_name.is_empty() {
            check.error(self.at.origin(), "`controllerName` is needed");
        }
    }
}

impl Validate for Gateway {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        if self.gateway_class_name.is_empty() {
            check.error(self.at.origin(), "`gatewayClassName` is needed");
        }
        if self.listeners.is_empty() {
            check.error(self.at.origin(), "at least one listener is needed");
        }
        for (index, listener) in self.listeners.iter().enumerate() {
            let before = &self.listeners[..index];
            self::listener(listener, check);
            if before.iter().any(|other| other.name == listener.name) {
                let message = format!("the listener `{}` is written twice", listener.name);
                check.error(listener.at.field("name"), message);
            }
            let same = |other: &&GatewayListener| {
                other.port == listener.port
                    && other.protocol == listener.protocol
                    && other.hostname == listener.hostname
            };
            if let Some(other) = before.iter().find(same) {
                let message = format!("has port, protocol and hostname of the listener `{}`", other.name);
                check.error(listener.at.origin(), message);
            }
        }
        for address in &self.addresses {
            let kind = address.r#type.as_deref().unwrap_or("IPAddress");
            if kind != "Hostname" {
                let message = format!("an address of type {kind} is not implemented");
                let hint =
                    "say it to the proxy, with --bind; `type: Hostname` names the Service of the proxies";
                check.not_implemented(address.at.origin(), message, hint);
            }
        }
    }
}

fn listener(listener: &GatewayListener, check: &mut Check<'_>) {
    let at = &listener.at;
    if !names::is_name(&listener.name) {
        check.error(at.field("name"), format!("`{}` is not a DNS-1123 name", listener.name));
    }
    check.port(at, "port", listener.port);
    let protocol = listener.protocol.as_str();
    if protocol.is_empty() {
        check.error_hint(at.origin(), "`protocol` is needed", "one of HTTP, HTTPS, TLS, TCP");
    }
    if let Some(host) = &listener.hostname {
        if matches!(protocol, "TCP" | "UDP") {
            check.error(at.field("hostname"), format!("a listener of protocol {protocol} has no host"));
        } else if !host.is_empty() {
            hostname(host, at.field("hostname"), check);
        }
    }
    match &listener.tls {
        Some(tls) => {
            if matches!(protocol, "HTTP" | "TCP" | "UDP") {
                check.error(at.field("tls"), format!("a listener of protocol {protocol} has no TLS"));
            } else if protocol == "HTTPS"
                && tls.mode.as_deref().is_none_or(|mode| mode == "Terminate")
                && tls.certificate_refs.is_empty()
            {
                check.error(tls.at.origin(), "`certificateRefs` is needed");
            }
            for reference in &tls.certificate_refs {
                if reference.name.is_empty() {
                    check.error(reference.at.origin(), "`name` is needed");
                }
                namespace(&reference.at, reference.namespace.as_deref(), check);
            }
            if let Some(second) = tls.certificate_refs.get(1) {
                let message = "more than one certificate of a listener is not implemented";
                check.not_implemented(second.at.origin(), message, None);
            }
        }
        None if protocol == "HTTPS" => {
            check.error(at.origin(), "a listener of protocol HTTPS needs `tls`");
        }
        None => {}
    }
    if let Some(allowed) = &listener.allowed_routes {
        allowed_routes(allowed, check);
    }
}

fn allowed_routes(allowed: &AllowedRoutes, check: &mut Check<'_>) {
    for kind in allowed.kinds.iter().filter(|kind| kind.kind.is_empty()) {
        check.error(kind.at.origin(), "`kind` is needed");
    }
    let Some(namespaces) = &allowed.namespaces else { return };
    let from = namespaces.from.unwrap_or_default();
    match &namespaces.selector {
        None if from == FromNamespaces::Selector => {
            check.error(namespaces.at.origin(), "`from: Selector` needs a `selector`");
        }
        Some(selector) => {
            for condition in &selector.match_expressions {
                let wants = match condition.operator {
                    None => {
                        check.error(condition.at.origin(), "`operator` is needed");
                        continue;
                    }
                    Some(LabelSelectorOperator::In | LabelSelectorOperator::NotIn) => true,
                    Some(LabelSelectorOperator::Exists | LabelSelectorOperator::DoesNotExist) => false,
                };
                if wants == condition.values.is_empty() {
                    let message = if wants { "`values` is needed" } else { "has no `values`" };
                    check.error(condition.at.origin(), message);
                }
            }
        }
        None => {}
    }
}
