//! Which routes are attached to which listeners and hosts (GA-1, GA-2, GA-12).

use std::collections::{HashMap, HashSet};

use super::reference::References;
use super::{
    Attached, Binding, CLASS, CONTROLLER, Edge, EdgeListener, GROUP, GatewayApi, ISTIO_GROUP, Parent,
    Problem, RouteDocument, RouteKind, Target,
};
use crate::api::gateway_api::{FromNamespaces, Gateway, GatewayListener, ListenerTlsConfig, ParentReference};
use crate::api::{Documents, Resource};
use crate::diagnostic::Code;
use crate::plan::Material;
use crate::plan::compile::inputs::material;
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::refusal;
use crate::text_map::TextMap;

/// The label that Kubernetes gives every Namespace.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// The Gateways of classes that are ours.
pub(super) fn gateways<'a>(documents: &'a Documents, references: &References<'a, '_>) -> Vec<Edge<'a>> {
    let refused = refusal::refused(documents, |documents| &documents.k8s_gateways);
    let all = documents.k8s_gateways.iter().chain(refused);
    let ours = all.filter(|gateway| is_ours(documents, gateway));
    let edges = ours.map(|resource| {
        let mut listeners: Vec<EdgeListener<'a>> = Vec::new();
        for written in &resource.spec.listeners {
            let mut one = listener(resource, written, references);
            one.conflict = conflict(resource, &one, &listeners);
            listeners.push(one);
        }
        Edge { resource, listeners }
    });
    edges.collect()
}

/// Whether we are the controller of a Gateway's class. One without a document is taken to be ours:
/// a folder has no cluster that would hold it.
fn is_ours(documents: &Documents, gateway: &Resource<Gateway>) -> bool {
    let class = gateway.spec.gateway_class_name.as_str();
    // One that is refused still says whose it is.
    let refused = refusal::refused(documents, |documents| &documents.gateway_classes);
    let mut classes = documents.gateway_classes.iter().chain(refused);
    let document = classes.find(|known| known.meta.name == class);
    class == CLASS || document.is_none_or(|class| class.spec.controller_name == CONTROLLER)
}

fn listener<'a>(
    resource: &'a Resource<Gateway>,
    written: &'a GatewayListener,
    references: &References<'a, '_>,
) -> EdgeListener<'a> {
    let at = &written.at;
    let host = written.hostname.as_deref().filter(|host| !host.is_empty()).unwrap_or("*");
    let mut this = EdgeListener {
        written,
        port: u16::try_from(written.port).unwrap_or_default(),
        https: written.protocol == "HTTPS",
        host: host.to_ascii_lowercase(),
        refused: None,
        conflict: None,
        unresolved: None,
        certificate: Material::Missing,
        kinds: vec![RouteKind::Http, RouteKind::Grpc],
        attached: Vec::new(),
    };
    if !matches!(written.protocol.as_str(), "HTTP" | "HTTPS") {
        let message = format!("a listener of protocol {} is not implemented", written.protocol);
        let origin = resource.locate(at.field("protocol"));
        let problem = Problem::new("UnsupportedValue", Code::NotImplemented, origin, message);
        this.refused = Some(problem.hint("HTTP and HTTPS are"));
        this.kinds.clear();
        return this;
    }
    let mode = |tls: &&ListenerTlsConfig| tls.mode.as_deref().is_some_and(|mode| mode != "Terminate");
    if let Some(tls) = written.tls.as_ref().filter(mode) {
        let message = "a listener whose TLS mode is not Terminate is not implemented";
        let origin = resource.locate(tls.at.field("mode"));
        this.refused = Some(Problem::new("UnsupportedValue", Code::NotImplemented, origin, message));
        return this;
    }
    if this.https && written.tls.is_none() {
        let message = "a listener of protocol HTTPS without `tls` is not served";
        let finding = resource.locate(at.origin());
        let problem = Problem::new("UnsupportedValue", Code::SchemaWarning, finding, message);
        this.refused = Some(problem.hint("`tls` with `certificateRefs`"));
        return this;
    }
    if let Some(reference) = written.tls.as_ref().and_then(|tls| tls.certificate_refs.first()) {
        let origin = resource.locate(reference.at.origin());
        let found = references.secret(&resource.meta.namespace, reference.into(), &origin);
        match found.and_then(|secret| {
            material::pair(secret).ok_or_else(|| {
                let message = format!("{} has no tls.crt and tls.key", secret.label());
                Problem::new("InvalidCertificateRef", Code::InvalidGatewayCredential, origin, message)
            })
        }) {
            Ok(material) => this.certificate = material,
            Err(problem) => this.unresolved = Some(problem),
        }
    }
    let kinds = written.allowed_routes.as_ref().map(|allowed| allowed.kinds.as_slice()).unwrap_or_default();
    if !kinds.is_empty() {
        this.kinds.clear();
        for kind in kinds {
            let group = kind.group.as_deref().unwrap_or(GROUP);
            match (group, kind.kind.as_str()) {
                (GROUP, "HTTPRoute") => this.kinds.push(RouteKind::Http),
                (GROUP, "GRPCRoute") => this.kinds.push(RouteKind::Grpc),
                (_, name) => {
                    let message = format!("routes of kind {name} are not implemented at this listener");
                    let origin = resource.locate(kind.at.origin());
                    this.unresolved.get_or_insert(Problem::new(
                        "InvalidRouteKinds",
                        Code::NotImplemented,
                        origin,
                        message,
                    ));
                }
            }
        }
    }
    this
}

/// An earlier listener of the Gateway has the port with another protocol (GW-9).
fn conflict(
    resource: &Resource<Gateway>,
    one: &EdgeListener<'_>,
    earlier: &[EdgeListener<'_>],
) -> Option<Problem> {
    let other = earlier
        .iter()
        .find(|other| other.port == one.port && other.https != one.https && other.refused.is_none())?;
    let message = format!(
        "port {} is served by the listener `{}` with another protocol: this one is skipped",
        one.port, other.written.name
    );
    let origin = resource.locate(one.written.at.field("protocol"));
    one.refused
        .is_none()
        .then(|| Problem::new("ProtocolConflict", Code::ConflictingGateways, origin, message).warning())
}

/// What routes are attached by.
struct Known<'a> {
    /// Labels of the documented Namespaces.
    namespaces: HashMap<&'a str, &'a TextMap<String>>,
    /// Namespaces whose labels are unknown, because their documents are refused: no selector takes them.
    shut: HashSet<&'a str>,
    /// Positions of the Gateways, by namespace and name.
    gateways: HashMap<(&'a str, &'a str), usize>,
}

impl<'a> GatewayApi<'a> {
    /// Attaches every route to what it names.
    pub(super) fn attach(&mut self, documents: &'a Documents, references: &References<'a, '_>) {
        let labels = documents
            .namespaces
            .iter()
            .map(|namespace| (namespace.meta.name.as_str(), &namespace.meta.labels))
            .collect();
        let refused = refusal::refused(documents, |documents| &documents.namespaces);
        let mut known = Known {
            namespaces: labels,
            shut: refused.iter().map(|namespace| namespace.meta.name.as_str()).collect(),
            gateways: HashMap::with_capacity(self.gateways.len()),
        };
        for (edge, gateway) in self.gateways.iter().enumerate() {
            let meta = &gateway.resource.meta;
            known.gateways.entry((&meta.namespace, &meta.name)).or_insert(edge);
        }
        for index in 0..self.routes.len() {
            let parents = self.routes[index].parent_refs.iter();
            let parents: Vec<Parent<'a>> =
                parents.map(|parent| self.parent(index, parent, references, &known)).collect();
            self.routes[index].parents = parents;
        }
    }

    fn parent(
        &mut self,
        index: usize,
        written: &'a ParentReference,
        references: &References<'a, '_>,
        known: &Known<'_>,
    ) -> Parent<'a> {
        let group = written.group.as_deref().unwrap_or(GROUP);
        let kind = written.kind();
        let (target, accepted) = match (group, kind) {
            (GROUP, "Gateway") => self.at_gateway(index, written, references, known),
            ("" | "core", "Service") | (ISTIO_GROUP, "ServiceEntry") => {
                let accepted = self.in_mesh(index, written, kind, references);
                (if accepted.is_ok() { Target::Mesh } else { Target::Unknown }, accepted)
            }
            _ => {
                let message = format!("a route cannot be attached to a {kind}");
                let origin = self.located(index, written.at.origin());
                let problem = Problem::new("InvalidKind", Code::NotImplemented, origin, message);
                (Target::Unknown, Err(problem.hint("to a Gateway, a Service or a ServiceEntry it can")))
            }
        };
        Parent { written, target, accepted }
    }

    fn located(&self, index: usize, origin: crate::error::Origin) -> crate::error::Origin {
        let mut origin = origin;
        if origin.resource.is_empty() {
            origin.group = self.routes[index].source.group;
            origin.resource = self.routes[index].source.resource.clone();
        }
        origin
    }

    fn at_gateway(
        &mut self,
        index: usize,
        written: &ParentReference,
        references: &References<'a, '_>,
        known: &Known<'_>,
    ) -> (Target, Result<(), Problem>) {
        let route = &self.routes[index];
        let namespace = written.namespace(&route.meta.namespace);
        let Some(edge) = known.gateways.get(&(namespace, written.name.as_str())).copied() else {
            if references.is_gateway(namespace, &written.name) {
                return (Target::Foreign, Ok(()));
            }
            let message = format!("referenced gateway not found: \"{namespace}/{}\"", written.name);
            let origin = self.located(index, written.at.field("name"));
            let problem = Problem::new("NoMatchingParent", Code::ReferencedResourceNotFound, origin, message);
            return (Target::Unknown, Err(problem));
        };
        let origin = self.located(index, written.at.origin());
        let refuse = |reason, message: String| {
            Err(Problem::new(reason, Code::RouteNotAccepted, origin.clone(), message))
        };
        let label = self.gateways[edge].resource.label().to_owned();
        let named = |listener: &EdgeListener<'_>| {
            written
                .section_name
                .as_deref()
                .is_none_or(|name| name.is_empty() || name == listener.written.name)
                && written.port.is_none_or(|port| port == u32::from(listener.port))
        };
        let (mut any, mut allowed, mut attached) = (false, false, Vec::new());
        let gateway = &self.gateways[edge];
        for (position, listener) in gateway.listeners.iter().enumerate().filter(|(_, one)| named(one)) {
            any = true;
            if !listener.is_usable() || !allows(&gateway.resource.meta.namespace, listener, route, known) {
                continue;
            }
            allowed = true;
            let hosts = shared_hosts(&listener.host, route.hostnames);
            if !hosts.is_empty() {
                attached.push((position, hosts));
            }
        }
        let accepted = match (any, allowed, attached.is_empty()) {
            (false, ..) => {
                refuse("NoMatchingParent", format!("{label} has no listener of this name and port"))
            }
            (true, false, _) => {
                refuse("NotAllowedByListeners", format!("no listener of {label} takes this route"))
            }
            (true, true, true) => refuse(
                "NoMatchingListenerHostname",
                format!("no listener of {label} serves one of its hosts"),
            ),
            (true, true, false) => Ok(()),
        };
        for (position, hosts) in attached {
            let listener = &mut self.gateways[edge].listeners[position];
            // Two parent references may name one listener.
            match listener.attached.iter_mut().find(|known| known.route == index) {
                Some(known) => known.hosts = hosts,
                None => listener.attached.push(Attached { route: index, hosts }),
            }
        }
        (Target::Edge(edge), accepted)
    }

    /// GA-1: as producer for everybody, as consumer for the clients of its own namespace.
    fn in_mesh(
        &mut self,
        index: usize,
        written: &ParentReference,
        kind: &str,
        references: &References<'a, '_>,
    ) -> Result<(), Problem> {
        let route = &self.routes[index];
        let owner = written.namespace(&route.meta.namespace).to_owned();
        let hosts = if kind == "Service" {
            vec![references.host(&owner, &written.name)]
        } else {
            references.hosts_of_entry(&owner, &written.name)
        };
        let missing = |message: String| {
            let origin = self.located(index, written.at.origin());
            Problem::new("NoMatchingParent", Code::ReferencedResourceNotFound, origin, message)
        };
        let known = |host: &String| references.registry.exact(host);
        let Some(service) = hosts.iter().find_map(known) else {
            return Err(missing(format!("referenced host not found: {kind} \"{owner}/{}\"", written.name)));
        };
        let section = written.section_name.as_deref().filter(|name| !name.is_empty());
        let mut port = written.port.and_then(|port| u16::try_from(port).ok());
        if let Some(section) = section {
            let named = references.port_named(kind, &owner, &written.name, section);
            port = match (named, port) {
                (Some(named), None) => Some(named),
                (Some(named), Some(port)) if named == port => Some(named),
                _ => return Err(missing(format!("{kind} {owner}/{} has no port {section:?}", written.name))),
            };
        }
        let service = references.registry.get(service);
        if let Some(port) = port.filter(|port| service.port(*port).is_none()) {
            return Err(missing(format!("{kind} {owner}/{} has no port {port}", written.name)));
        }
        for host in hosts {
            let binding = Binding { route: index, port, owner: owner.clone() };
            self.mesh.entry(host).or_default().push(binding);
        }
        Ok(())
    }
}

/// Whether a listener takes routes of this kind and namespace.
fn allows(own: &str, listener: &EdgeListener<'_>, route: &RouteDocument<'_>, known: &Known<'_>) -> bool {
    if !listener.kinds.contains(&route.kind) {
        return false;
    }
    let namespace = route.meta.namespace.as_str();
    let written = listener.written.allowed_routes.as_ref().and_then(|allowed| allowed.namespaces.as_ref());
    let from = written.and_then(|namespaces| namespaces.from).unwrap_or_default();
    match from {
        FromNamespaces::Same => namespace == own,
        FromNamespaces::All => true,
        FromNamespaces::None => false,
        FromNamespaces::Selector if known.shut.contains(namespace) => false,
        FromNamespaces::Selector => {
            let mut labels = known.namespaces.get(namespace).copied().cloned().unwrap_or_default();
            labels.insert_new(NAMESPACE_NAME, &namespace.to_owned());
            let selector = written.and_then(|namespaces| namespaces.selector.as_ref());
            selector.is_some_and(|selector| selector.selects(&labels))
        }
    }
}

/// The hosts that both serve: of each pair the narrower (GA-2).
fn shared_hosts(listener: &str, hostnames: &[String]) -> Vec<String> {
    if hostnames.is_empty() {
        return vec![listener.to_owned()];
    }
    let mut hosts: Vec<String> = Vec::with_capacity(hostnames.len());
    for host in hostnames {
        let host = host.to_ascii_lowercase();
        if let Some(narrow) = names::narrower(&host, listener)
            && !hosts.iter().any(|known| known == narrow)
        {
            hosts.push(narrow.to_owned());
        }
    }
    hosts
}
