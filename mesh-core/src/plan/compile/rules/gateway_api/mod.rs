//! The Gateway API: which routes are attached to what, and what they do there (GA).
//!
//! A VirtualService says in one place what a host's requests meet, in its own order. Here many small
//! resources of many owners each say a part, some of them may be wrong or not permitted, and the most
//! specific match wins over all of them. So it is put together first, the same for every workload
//! ([`GatewayApi`]), and what each workload needs of it is compiled to the very routes that a
//! VirtualService becomes.
//!
//! ```text
//! Gateway ─ listeners ─┐                                ┌─ listeners of a gateway workload
//!                      ├─ attach ─ GatewayApi ─ routes ─┤
//! HTTPRoute, GRPCRoute ┘              │                 └─ outbound tables of everybody else
//!   ReferenceGrant ─ references       └─ status (conditions, as a controller would write them)
//! ```

mod attach;
mod filters;
mod matches;
mod reference;
pub(crate) mod routes;
mod rule;
mod serve;
mod status;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use self::serve::Serves;
pub use self::status::{Condition, PartStatus, ResourceStatus, gateway_status};

use self::reference::References;
use self::rule::Rule;
use crate::api::gateway_api::{Gateway, GatewayListener, ParentReference};
use crate::api::{Documents, Metadata, Resource, Source};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Level};
use crate::error::{Identity, Origin};
use crate::plan::Material;
use crate::plan::compile::inputs::index::Index;
use crate::plan::compile::inputs::settings::Mesh;
use crate::plan::compile::registry::Registry;

/// The group of the Gateway API.
const GROUP: &str = "gateway.networking.k8s.io";
/// The group of Istio's kinds.
const ISTIO_GROUP: &str = "networking.istio.io";
/// The controller that we are.
const CONTROLLER: &str = "istio.io/gateway-controller";
/// The class that is ours, whichever controller the document names.
const CLASS: &str = "istio";

/// What is wrong with a part of a resource: its condition's reason, and the finding.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) reason: &'static str,
    finding: Box<Diagnostic>,
}

impl Problem {
    fn new(reason: &'static str, code: Code, origin: Origin, message: impl Into<String>) -> Self {
        Self { reason, finding: Box::new(Diagnostic::new(code, origin, message)) }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.finding.hint = Some(hint.into());
        self
    }

    /// What the standard leaves to a condition of the status: the document itself is legal.
    fn warning(mut self) -> Self {
        self.finding.level = Level::Warning;
        self
    }

    fn finding(&self) -> Diagnostic {
        Diagnostic::clone(&self.finding)
    }
}

/// A kind of route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RouteKind {
    Http,
    Grpc,
}

impl RouteKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTPRoute",
            Self::Grpc => "GRPCRoute",
        }
    }
}

/// A Gateway of a class that is ours.
#[derive(Debug)]
pub(crate) struct Edge<'a> {
    pub(crate) resource: &'a Resource<Gateway>,
    pub(crate) listeners: Vec<EdgeListener<'a>>,
}

/// A listener of a Gateway, and what is attached to it.
#[derive(Debug)]
pub(crate) struct EdgeListener<'a> {
    pub(crate) written: &'a GatewayListener,
    pub(crate) port: u16,
    pub(crate) https: bool,
    /// `*` where none is written.
    pub(crate) host: String,
    /// Why it is not accepted (GA-12).
    refused: Option<Problem>,
    /// Which other listener has its port.
    conflict: Option<Problem>,
    /// What its references lack.
    pub(crate) unresolved: Option<Problem>,
    pub(crate) certificate: Material,
    /// Kinds of routes that it takes.
    kinds: Vec<RouteKind>,
    pub(crate) attached: Vec<Attached>,
}

impl EdgeListener<'_> {
    pub(crate) fn is_usable(&self) -> bool {
        self.refused.is_none() && self.conflict.is_none()
    }
}

/// A route at a listener, with the hosts that both serve.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) route: usize,
    pub(crate) hosts: Vec<String>,
}

/// A route document.
#[derive(Debug)]
pub(crate) struct RouteDocument<'a> {
    kind: RouteKind,
    pub(crate) meta: &'a Metadata,
    source: &'a Source,
    pub(crate) origin: Origin,
    hostnames: &'a [String],
    parent_refs: &'a [ParentReference],
    parents: Vec<Parent<'a>>,
    rules: Vec<Rule>,
    /// Rules that cannot be served at all.
    dropped: Vec<Problem>,
    /// Its name, if it is refused and its hosts answer so.
    refused: Option<Arc<str>>,
}

impl RouteDocument<'_> {
    pub(crate) fn label(&self) -> &str {
        &self.source.resource
    }

    fn is_at(&self, kind: fn(&Target) -> bool) -> bool {
        self.parents.iter().any(|parent| kind(&parent.target))
    }
}

/// What a route wants to be attached to, and what became of it.
#[derive(Debug)]
struct Parent<'a> {
    written: &'a ParentReference,
    target: Target,
    accepted: Result<(), Problem>,
}

/// What a parent reference names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// A Gateway of ours, by index.
    Edge(usize),
    /// Hosts of the mesh.
    Mesh,
    /// A Gateway of a foreign class.
    Foreign,
    /// Nothing that is there.
    Unknown,
}

/// A route of a host of the mesh.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) route: usize,
    /// `None` is every port.
    pub(crate) port: Option<u16>,
    /// The namespace of the Service.
    pub(crate) owner: String,
}

/// A route that names a Gateway, or a listener of one, that is not there.
#[derive(Debug)]
pub(crate) struct Unbound<'r> {
    pub(crate) owner: Identity<'r>,
    pub(crate) namespace: &'r str,
    pub(crate) hosts: &'r [String],
    /// All that it names.
    pub(crate) parents: &'r [ParentReference],
    /// Those that are not there.
    pub(crate) gone: Vec<&'r ParentReference>,
}

/// All resources of the Gateway API, put together.
#[derive(Debug, Default)]
pub(crate) struct GatewayApi<'a> {
    pub(crate) gateways: Vec<Edge<'a>>,
    /// Oldest first, then by `namespace/name` (GA-4).
    pub(crate) routes: Vec<RouteDocument<'a>>,
    pub(crate) mesh: HashMap<String, Vec<Binding>>,
}

impl<'a> GatewayApi<'a> {
    /// Puts together what the documents say, for every workload alike.
    pub(crate) fn build(
        documents: &'a Documents,
        index: &Index<'a>,
        registry: &Registry,
        mesh: &Mesh<'_>,
        out: &mut Diagnostics,
    ) -> Self {
        let references = References::of(documents, index, registry, &mesh.settings.domain_suffix);
        let mut api = Self {
            gateways: attach::gateways(documents, &references),
            routes: rule::routes(documents, &references),
            mesh: HashMap::new(),
        };
        api.attach(documents, &references);
        api.report(out);
        api
    }

    /// Says what is wrong.
    fn report(&self, out: &mut Diagnostics) {
        // Of one that is refused this has been told.
        let served = self.gateways.iter().filter(|edge| !edge.resource.is_refused());
        for listener in served.flat_map(|edge| &edge.listeners) {
            let problems = [&listener.refused, &listener.conflict, &listener.unresolved];
            out.extend(problems.into_iter().flatten().map(Problem::finding));
        }
        for route in self.routes.iter().filter(|route| route.refused.is_none()) {
            if route.parents.is_empty() {
                let message = "is attached to nothing: it has no `parentRefs`";
                out.push(Diagnostic::new(Code::RouteNotAccepted, route.origin.clone(), message));
            }
            out.extend(
                route
                    .parents
                    .iter()
                    .filter_map(|parent| parent.accepted.as_ref().err())
                    .map(Problem::finding),
            );
            out.extend(route.dropped.iter().map(Problem::finding));
            let at_gateway = route.is_at(|target| matches!(target, Target::Edge(_)));
            for rule in &route.rules {
                out.extend(rule.problems(at_gateway).map(Problem::finding));
            }
        }
        out.extend(self.both_kinds());
    }

    /// The routes that name a Gateway, or a listener of one, that is not there.
    pub(crate) fn unbound(&self) -> impl Iterator<Item = Unbound<'_>> {
        let is_gone = |parent: &&Parent<'_>| {
            parent.written.kind() == "Gateway"
                && parent.accepted.as_ref().is_err_and(|problem| problem.reason == "NoMatchingParent")
        };
        self.routes.iter().filter_map(move |route| {
            let gone: Vec<_> = route.parents.iter().filter(is_gone).map(|parent| parent.written).collect();
            (!gone.is_empty()).then(|| Unbound {
                owner: route.origin.identity(),
                namespace: &route.meta.namespace,
                hosts: route.hostnames,
                parents: route.parent_refs,
                gone,
            })
        })
    }

    /// A host of a listener that has routes of both kinds: who comes first is ours to say.
    fn both_kinds(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for listener in self.gateways.iter().flat_map(|edge| &edge.listeners) {
            let mut hosts: HashMap<&str, RouteKind> = HashMap::new();
            for attached in &listener.attached {
                let route = &self.routes[attached.route];
                for host in &attached.hosts {
                    if *hosts.entry(host).or_insert(route.kind) != route.kind {
                        let message = format!("host {host} has HTTPRoutes and GRPCRoutes at one listener");
                        let finding = Diagnostic::new(Code::SchemaWarning, route.origin.clone(), message);
                        found.push(
                            finding
                                .level(Level::Warning)
                                .hint("GRPCRoutes are asked first; give them a host"),
                        );
                        break;
                    }
                }
            }
        }
        found
    }
}
