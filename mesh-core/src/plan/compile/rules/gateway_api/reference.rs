//! References to Services, hosts and Secrets, and whether they are permitted (GA-6).

use std::cell::RefCell;
use std::collections::HashMap;

use super::{GROUP, ISTIO_GROUP, Problem, RouteKind};
use crate::api::gateway_api::{
    BackendObjectReference, HttpBackendRef, ReferenceGrant, SecretObjectReference,
};
use crate::api::kubernetes::Secret;
use crate::api::{Documents, Resource};
use crate::diagnostic::Code;
use crate::error::Origin;
use crate::plan::compile::inputs::hints::Hints;
use crate::plan::compile::inputs::index::Index;
use crate::plan::compile::inputs::names;
use crate::plan::compile::registry::Registry;
use crate::plan::compile::rules::references::ports_hint;

/// A reference as written, whatever message it stands in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference<'w> {
    pub(super) group: Option<&'w str>,
    pub(super) kind: Option<&'w str>,
    pub(super) namespace: Option<&'w str>,
    pub(super) name: &'w str,
    pub(super) port: Option<u32>,
}

/// The same in every message that refers to something; a Secret has no port.
macro_rules! reference {
    ($message:ty $(, $port:ident)?) => {
        impl<'w> From<&'w $message> for Reference<'w> {
            fn from(written: &'w $message) -> Self {
                Self {
                    group: written.group.as_deref(),
                    kind: written.kind.as_deref(),
                    namespace: written.namespace.as_deref(),
                    name: &written.name,
                    port: None $(.or(written.$port))?,
                }
            }
        }
    };
}

reference!(HttpBackendRef, port);
reference!(BackendObjectReference, port);
reference!(SecretObjectReference);

/// Where a reference leads.
#[derive(Clone, Debug)]
pub(super) struct Destined {
    pub(super) host: String,
    pub(super) port: u16,
    /// Why a route at a Gateway may not refer to it. Inside the mesh a client may call it anyway, so no grant is
    /// needed **[E]**.
    pub(super) forbidden: Option<Problem>,
}

/// What can be referred to.
#[derive(Debug)]
pub(super) struct References<'a, 'r> {
    pub(super) registry: &'r Registry,
    pub(super) suffix: &'r str,
    index: &'r Index<'a>,
    hints: RefCell<Hints>,
    /// By the namespace that they are of.
    grants: HashMap<&'a str, Vec<&'a ReferenceGrant>>,
}

impl<'a, 'r> References<'a, 'r> {
    pub(super) fn of(
        documents: &'a Documents,
        index: &'r Index<'a>,
        registry: &'r Registry,
        suffix: &'r str,
    ) -> Self {
        let mut grants: HashMap<&str, Vec<&ReferenceGrant>> = HashMap::new();
        for grant in &documents.reference_grants {
            grants.entry(&grant.meta.namespace).or_default().push(&grant.spec);
        }
        Self { registry, suffix, index, hints: RefCell::default(), grants }
    }

    /// The host of a Service.
    pub(super) fn host(&self, namespace: &str, name: &str) -> String {
        names::of_service(name, namespace, self.suffix)
    }

    /// The destination that a route of `own` namespace means.
    pub(super) fn destination(
        &self,
        from: RouteKind,
        own: &str,
        written: Reference<'_>,
        origin: &Origin,
    ) -> Result<Destined, Problem> {
        let (group, kind) = (written.group.unwrap_or_default(), written.kind.unwrap_or("Service"));
        let missing = |message: String| {
            Problem::new("BackendNotFound", Code::ReferencedResourceNotFound, origin.clone(), message)
        };
        let namespace = written.namespace.unwrap_or(own);
        let host = match (group, kind) {
            ("" | "core", "Service") => self.host(namespace, written.name),
            (ISTIO_GROUP, "Hostname") => written.name.to_ascii_lowercase(),
            _ => {
                let message = format!("a backend of kind {kind} is not implemented: its share gets 500");
                let problem = Problem::new("InvalidKind", Code::NotImplemented, origin.clone(), message);
                return Err(problem.hint("a Service, or kind Hostname of networking.istio.io"));
            }
        };
        let hidden = || self.registry.find(&host);
        let Some(service) =
            self.registry.find_visible(&host).or_else(hidden).map(|index| self.registry.get(index))
        else {
            let message = format!("referenced host not found: {host:?}");
            let hosts = self.registry.services().iter().map(|service| &*service.identity.host);
            let near = self.hints.borrow_mut().nearest(&host, hosts);
            let problem = missing(message);
            return Err(match near {
                Some(near) => problem.hint(format!("did you mean {near}?")),
                None => problem,
            });
        };
        let ports = &service.ports;
        let port = match (written.port.and_then(|port| u16::try_from(port).ok()), ports.as_slice()) {
            (Some(port), _) => port,
            (None, [only]) => only.number,
            (None, _) => return Err(missing(format!("{host} has several ports: say which"))),
        };
        if service.port(port).is_none() {
            let known: Vec<String> = ports.iter().map(|port| port.number.to_string()).collect();
            let problem = missing(format!("referenced host:port not found: \"{host}:{port}\""));
            return Err(problem.hint(ports_hint(&host, &known)));
        }
        let service = kind == "Service";
        let forbidden = (service && namespace != own).then(|| {
            self.not_granted((GROUP, from.as_str(), own), ("Service", namespace, written.name), origin)
        });
        Ok(Destined { host, port, forbidden: forbidden.flatten() })
    }

    /// The Secret that a Gateway of `own` namespace means.
    pub(super) fn secret(
        &self,
        own: &str,
        written: Reference<'_>,
        origin: &Origin,
    ) -> Result<&'a Resource<Secret>, Problem> {
        const REASON: &str = "InvalidCertificateRef";
        let (group, kind) = (written.group.unwrap_or_default(), written.kind.unwrap_or("Secret"));
        if !matches!((group, kind), ("" | "core", "Secret")) {
            let message = format!("a certificate of kind {kind} is not implemented");
            return Err(Problem::new(REASON, Code::NotImplemented, origin.clone(), message));
        }
        let namespace = written.namespace.unwrap_or(own);
        if namespace != own
            && let Some(problem) =
                self.not_granted((GROUP, "Gateway", own), ("Secret", namespace, written.name), origin)
        {
            return Err(problem);
        }
        self.index.secrets.get(&(namespace, written.name)).copied().ok_or_else(|| {
            let message = format!("referenced credentialName not found: {:?}", written.name);
            Problem::new(REASON, Code::ReferencedResourceNotFound, origin.clone(), message)
                .hint(format!("a Secret {namespace}/{} with tls.crt and tls.key", written.name))
        })
    }

    /// Why `from` may not refer to `to` of another namespace; `None` if a grant lets it.
    fn not_granted(
        &self,
        (group, kind, own): (&str, &str, &str),
        (to, namespace, name): (&str, &str, &str),
        origin: &Origin,
    ) -> Option<Problem> {
        let grants = self.grants.get(namespace).map(Vec::as_slice).unwrap_or_default();
        let lets = |grant: &&ReferenceGrant| {
            let from = |from: &crate::api::gateway_api::ReferenceGrantFrom| {
                from.group == group && from.kind == kind && from.namespace == own
            };
            let into = |into: &crate::api::gateway_api::ReferenceGrantTo| {
                matches!(into.group.as_str(), "" | "core")
                    && into.kind == to
                    && into.name.as_deref().is_none_or(|named| named.is_empty() || named == name)
            };
            grant.from.iter().any(from) && grant.to.iter().any(into)
        };
        if grants.iter().any(lets) {
            return None;
        }
        let message = format!("{to} {namespace}/{name} may not be referred to from namespace {own}");
        let problem = Problem::new("RefNotPermitted", Code::ReferenceNotPermitted, origin.clone(), message);
        Some(problem.hint(format!(
            "a ReferenceGrant in namespace {namespace}, from {kind} of {own} to {to}, lets it"
        )))
    }

    /// The number of a port by its name, of a Service or a ServiceEntry.
    pub(super) fn port_named(&self, kind: &str, namespace: &str, name: &str, port: &str) -> Option<u16> {
        let key = (namespace, name);
        let number = if kind == "Service" {
            let ports = &self.index.services.get(&key)?.spec.ports;
            ports.iter().find(|known| known.name == port)?.port
        } else {
            let ports = &self.index.service_entries.get(&key)?.spec.ports;
            ports.iter().find(|known| known.name == port)?.number
        };
        u16::try_from(number).ok()
    }
}

impl References<'_, '_> {
    /// Whether a Gateway of this name exists, whichever workload serves it.
    pub(super) fn is_gateway(&self, namespace: &str, name: &str) -> bool {
        self.index.k8s_gateways.contains_key(&(namespace, name))
    }

    /// The hosts of a ServiceEntry.
    pub(super) fn hosts_of_entry(&self, namespace: &str, name: &str) -> Vec<String> {
        let entry = self.index.service_entries.get(&(namespace, name));
        let hosts = entry.map(|entry| entry.spec.hosts.as_slice()).unwrap_or_default();
        hosts.iter().map(|host| host.to_ascii_lowercase()).collect()
    }
}
