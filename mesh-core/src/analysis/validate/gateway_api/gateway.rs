//! `GatewayClass` and `Gateway` (GA-12).

use std::collections::{HashMap, HashSet};

use super::fields::{self, LONGEST, at_most, group, kind, length, namespace, needed_kind, section};
use super::{Check, Validate, hostname, names};
use crate::analysis::validate::text;
use crate::api::Metadata;
use crate::api::gateway_api::{
    AllowedRoutes, FromNamespaces, Gateway, GatewayAddress, GatewayClass, GatewayInfrastructure,
    GatewayListener, LabelSelector, ListenerTlsConfig, RouteNamespaces,
};
use crate::diagnostic::{Code, Diagnostic};

/// The characters in the path of a name that an implementation made up: `example.com/path`.
const IN_PATH: &[u8] = b"/-._~%!$&'()*+,;=:";

impl Validate for GatewayClass {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        let name = self.controller_name.as_str();
        if name.is_empty() {
            check.error(self.at.origin(), "`controllerName` is needed");
        } else if name.len() > LONGEST || !is_controller(name) {
            let hint = "a domain and a path, such as istio.io/gateway-controller";
            let origin = self.at.field("controllerName");
            check.error_hint(origin, format!("`{name}` is not the name of a controller"), hint);
        }
        if let Some(text) = &self.description {
            length(self.at.field("description"), text, 64, check);
        }
    }
}

fn is_controller(name: &str) -> bool {
    name.split_once('/').is_some_and(|(domain, path)| names::is_subdomain(domain) && is_path(path))
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || IN_PATH.contains(&b))
}

impl Validate for Gateway {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        if self.gateway_class_name.is_empty() {
            check.error(self.at.origin(), "`gatewayClassName` is needed");
        } else {
            length(self.at.field("gatewayClassName"), &self.gateway_class_name, LONGEST, check);
        }
        if self.listeners.is_empty() {
            check.error(self.at.field("listeners"), "at least one listener is needed");
        }
        at_most(&self.at, "listeners", self.listeners.len(), 64, check);
        let (mut names, mut places) = (HashSet::new(), HashMap::new());
        for listener in &self.listeners {
            self::listener(listener, check);
            let place = (listener.port, &listener.protocol, &listener.hostname);
            let other = *places.entry(place).or_insert(listener);
            if !names.insert(&listener.name) {
                let message = format!("the listener `{}` is written twice", listener.name);
                check.error(listener.at.field("name"), message);
            } else if !std::ptr::eq(other, listener) {
                let message = format!("has port, protocol and hostname of the listener `{}`", other.name);
                check.error(listener.at.origin(), message);
            }
        }
        at_most(&self.at, "addresses", self.addresses.len(), 16, check);
        let mut seen = HashSet::new();
        for address in &self.addresses {
            self::address(address, &mut seen, check);
        }
        if let Some(infrastructure) = &self.infrastructure {
            self::infrastructure(infrastructure, check);
        }
        let allowed = self.allowed_listeners.as_ref();
        if let Some(namespaces) = allowed.and_then(|allowed| allowed.namespaces.as_ref()) {
            selector(namespaces, check);
        }
    }
}

fn listener(listener: &GatewayListener, check: &mut Check<'_>) {
    let at = &listener.at;
    if listener.name.is_empty() {
        check.error(at.origin(), "`name` is needed");
    } else {
        section(at, "name", Some(&listener.name), check);
    }
    if at.lacks("port") {
        check.error(at.origin(), "`port` is needed");
    } else {
        check.port(at, "port", listener.port);
    }
    let protocol = listener.protocol.as_str();
    if protocol.is_empty() {
        check.error_hint(at.origin(), "`protocol` is needed", "one of HTTP, HTTPS, TLS, TCP");
    } else if !is_protocol(protocol) {
        check.error(at.field("protocol"), format!("`{protocol}` is not the name of a protocol"));
    }
    if let Some(host) = &listener.hostname {
        if matches!(protocol, "TCP" | "UDP") {
            check.error(at.field("hostname"), format!("a listener of protocol {protocol} has no host"));
        } else {
            hostname(host, at.field("hostname"), check);
        }
    }
    match &listener.tls {
        Some(tls) => self::tls(tls, protocol, check),
        None if protocol == "TLS" && !at.is_written("tls") => {
            check.error(at.origin(), "a listener of protocol TLS needs `tls`");
        }
        None => {}
    }
    if let Some(allowed) = &listener.allowed_routes {
        allowed_routes(allowed, check);
    }
}

/// Letters, digits and hyphens, or a name that an implementation made up, behind a domain.
fn is_protocol(text: &str) -> bool {
    let word = |text: &str| {
        !text.starts_with('-')
            && !text.ends_with('-')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let own = |(domain, name): (&str, &str)| {
        domain.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    text.chars().count() <= 255 && (word(text) || text.rsplit_once('/').is_some_and(own))
}

fn tls(tls: &ListenerTlsConfig, protocol: &str, check: &mut Check<'_>) {
    let at = &tls.at;
    let mode = tls.mode.as_deref().unwrap_or("Terminate");
    if !matches!(mode, "Terminate" | "Passthrough") {
        check.error(at.field("mode"), format!("must be Terminate or Passthrough, not {mode:?}"));
    } else if matches!(protocol, "HTTP" | "TCP" | "UDP") {
        check.error(at.origin(), format!("a listener of protocol {protocol} has no TLS"));
    } else if protocol == "HTTPS" && mode != "Terminate" {
        check.error(at.field("mode"), "must be Terminate for the protocol HTTPS");
    } else if mode == "Terminate" && tls.certificate_refs.is_empty() && !at.is_written("options") {
        check.error(at.origin(), "`certificateRefs` is needed");
    }
    at_most(at, "certificateRefs", tls.certificate_refs.len(), 64, check);
    for reference in &tls.certificate_refs {
        group(&reference.at, reference.group.as_deref(), check);
        kind(&reference.at, reference.kind.as_deref(), check);
        namespace(&reference.at, reference.namespace.as_deref(), check);
        fields::name(&reference.at, &reference.name, check);
    }
    if let Some(second) = tls.certificate_refs.get(1) {
        let message = "more than one certificate of a listener is not implemented";
        check.not_implemented(second.at.origin(), message, None);
    }
}

fn allowed_routes(allowed: &AllowedRoutes, check: &mut Check<'_>) {
    at_most(&allowed.at, "kinds", allowed.kinds.len(), 8, check);
    for one in &allowed.kinds {
        group(&one.at, one.group.as_deref(), check);
        needed_kind(&one.at, &one.kind, check);
    }
    let Some(namespaces) = &allowed.namespaces else { return };
    if namespaces.from == Some(FromNamespaces::None) {
        check.error(namespaces.at.field("from"), "must be All, Selector or Same");
    }
    selector(namespaces, check);
}

fn selector(namespaces: &RouteNamespaces, check: &mut Check<'_>) {
    match &namespaces.selector {
        Some(selector) => conditions(selector, check),
        None if namespaces.from == Some(FromNamespaces::Selector) => {
            let message = "`from: Selector` without a `selector` takes no route";
            check.report(Diagnostic::new(Code::SchemaWarning, namespaces.at.origin(), message));
        }
        None => {}
    }
}

/// A selector that selects nothing is legal.
fn conditions(selector: &LabelSelector, check: &mut Check<'_>) {
    for condition in &selector.match_expressions {
        let at = &condition.at;
        if at.lacks("key") || at.lacks("operator") {
            check.error(at.origin(), "`key` and `operator` are needed");
        } else if !condition.is_valid() {
            let message = "selects nothing";
            let hint = "In and NotIn have `values`, Exists and DoesNotExist have none";
            check.report(Diagnostic::new(Code::SchemaWarning, at.origin(), message).hint(hint));
        }
    }
}

fn address<'a>(
    address: &'a GatewayAddress,
    seen: &mut HashSet<(&'a str, Option<&'a str>)>,
    check: &mut Check<'_>,
) {
    let at = &address.at;
    let kind = address.r#type.as_deref().unwrap_or("IPAddress");
    let value = address.value.as_deref();
    let is_new = seen.insert((kind, value));
    if !is_address_type(kind) {
        let hint = "IPAddress, Hostname, NamedAddress, or a domain and a path";
        check.error_hint(at.field("type"), format!("`{kind}` is not a type of addresses"), hint);
        return;
    }
    if let Some(text) = value {
        match kind {
            "IPAddress" if !text::is_ip(text) => {
                check.error(at.field("value"), format!("`{text}` is not an IP address"));
            }
            "Hostname" => hostname(text, at.field("value"), check),
            _ => length(at.field("value"), text, LONGEST, check),
        }
    }
    if value.is_some() && matches!(kind, "IPAddress" | "Hostname") && !is_new {
        check.error(at.field("value"), format!("`{}` is written twice", value.unwrap_or_default()));
    }
    if kind != "Hostname" {
        let message = format!("an address of type {kind} is not implemented");
        let hint = "say it to the proxy, with --bind; `type: Hostname` names the Service of the proxies";
        check.not_implemented(at.origin(), message, hint);
    }
}

/// The standard's words stand within others too, as the schema's pattern is written.
fn is_address_type(text: &str) -> bool {
    let behind_domain = |(index, _)| {
        let domain: &str = &text[..index];
        domain.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && is_path(&text[index + 1..])
    };
    text.chars().count() <= LONGEST
        && (text.starts_with("Hostname")
            || text.contains("IPAddress")
            || text.contains("NamedAddress")
            || text.match_indices('/').any(behind_domain))
}

fn infrastructure(infrastructure: &GatewayInfrastructure, check: &mut Check<'_>) {
    let at = &infrastructure.at;
    at_most(at, "labels", infrastructure.labels.len(), 8, check);
    at_most(at, "annotations", infrastructure.annotations.len(), 16, check);
    names::labels(at, "labels", &infrastructure.labels, check);
    for (key, value) in &infrastructure.annotations {
        if names::is_qualified(key) {
            length(at.entry("annotations", key), value, 4096, check);
        } else {
            names::no_key(at.entry("annotations", key), key, check);
        }
    }
}
