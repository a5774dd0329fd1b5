//! The kinds of the Gateway API: what its own schema refuses (GA).
//!
//! In a cluster the API server has done so before anybody reads a document. What one implementation
//! may know and another not, such as a listener's protocol, is no mistake of the document: it becomes
//! a condition in its status, and the rest of it is served.

mod filters;
mod gateway;
mod rules;

use super::{Check, Validate, names};
use crate::api::gateway_api::{GrpcRoute, HttpRoute, ParentReference, ReferenceGrant};
use crate::api::{At, Metadata};
use crate::error::Origin;

/// Most matches that a route may have (GA-3).
const MATCHES: usize = 128;

impl Validate for HttpRoute {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        route(&self.at, &self.parent_refs, &self.hostnames, check);
        let matches = self.rules.iter().map(|rule| rule.matches.len().max(1)).sum();
        too_many(&self.at, matches, check);
        for rule in &self.rules {
            rules::http(rule, check);
        }
    }
}

impl Validate for GrpcRoute {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        route(&self.at, &self.parent_refs, &self.hostnames, check);
        let matches = self.rules.iter().map(|rule| rule.matches.len().max(1)).sum();
        too_many(&self.at, matches, check);
        for rule in &self.rules {
            rules::grpc(rule, check);
        }
    }
}

impl Validate for ReferenceGrant {
    fn validate(&self, _: &Metadata, check: &mut Check<'_>) {
        if self.from.is_empty() {
            check.error(self.at.field("from"), "at least one entry is needed");
        }
        if self.to.is_empty() {
            check.error(self.at.field("to"), "at least one entry is needed");
        }
        for from in &self.from {
            if from.kind.is_empty() || !names::is_label(&from.namespace) {
                check.error(from.at.origin(), "`kind` and `namespace` are needed");
            }
        }
        for to in self.to.iter().filter(|to| to.kind.is_empty()) {
            check.error(to.at.origin(), "`kind` is needed");
        }
    }
}

fn too_many(at: &At, matches: usize, check: &mut Check<'_>) {
    if matches > MATCHES {
        let message = format!("a route may have {MATCHES} matches, not {matches}");
        check.error_hint(at.field("rules"), message, "split it into several routes");
    }
}

fn route(at: &At, parents: &[ParentReference], hostnames: &[String], check: &mut Check<'_>) {
    for parent in parents {
        if parent.name.is_empty() {
            check.error(parent.at.origin(), "`name` is needed");
        }
        if let Some(port) = parent.port {
            check.port(&parent.at, "port", port);
        }
        namespace(&parent.at, parent.namespace.as_deref(), check);
    }
    for (index, hostname) in hostnames.iter().enumerate() {
        self::hostname(hostname, at.item("hostnames", index), check);
    }
}

/// A host, or `*.` and a host.
fn hostname(text: &str, origin: Origin, check: &mut Check<'_>) {
    let name = text.strip_prefix("*.").unwrap_or(text);
    if text == "*" {
        check.error_hint(origin, "`*` is not a hostname", "leave it out to serve all hosts");
    } else if names::is_ip(text) {
        check.error(origin, format!("`{text}` is an address, not a hostname"));
    } else if !names::is_host(name) || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let hint = "small letters, digits, hyphens and dots, perhaps after `*.`";
        check.error_hint(origin, format!("`{text}` is not a hostname"), hint);
    }
}

fn namespace(at: &At, namespace: Option<&str>, check: &mut Check<'_>) {
    if let Some(namespace) = namespace.filter(|namespace| !names::is_label(namespace)) {
        check.error(at.field("namespace"), format!("`{namespace}` is not a namespace"));
    }
}

/// A reference to a destination: a Service needs a port.
fn backend(
    at: &At,
    (group, kind): (Option<&str>, Option<&str>),
    name: &str,
    port: Option<u32>,
    check: &mut Check<'_>,
) {
    let service = group.unwrap_or_default().is_empty() && kind.is_none_or(|kind| kind == "Service");
    if name.is_empty() {
        check.error(at.origin(), "`name` is needed");
    }
    match port {
        Some(port) => check.port(at, "port", port),
        None if service => check.error(at.origin(), "a Service needs a `port`"),
        None => {}
    }
}
