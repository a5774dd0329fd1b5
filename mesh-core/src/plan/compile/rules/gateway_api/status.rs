//! The `status` that a controller would write for the Gateway API's resources (GA-11).
//!
//! Without a cluster no controller writes it. `mesh-proxy check --status` prints it instead, for users whose route
//! does not work. It is a function of the documents alone, the same for every workload.

use std::fmt;

use serde_json::{Value, json};

use super::{CLASS, CONTROLLER, Edge, EdgeListener, GatewayApi, Problem, RouteDocument, Target};
use crate::api::Documents;
use crate::diagnostic::Diagnostics;
use crate::identity::Workload;
use crate::plan::compile::inputs::changes::Changes;
use crate::plan::compile::inputs::index::Index;
use crate::plan::compile::inputs::settings::Mesh;
use crate::plan::compile::registry::{KnownRegistry, Registry};

/// A condition: `Accepted=False (NotAllowedByListeners): …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `Accepted`, `ResolvedRefs`, `Programmed`, `Conflicted` or `PartiallyInvalid`.
    pub kind: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// The standard's word for why.
    pub reason: &'static str,
    /// More about it; empty where all is well.
    pub message: String,
}

/// The conditions of a listener of a Gateway, or of a parent of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartStatus {
    /// `listener http`, or `parent Gateway default/edge`.
    pub name: String,
    /// How many routes are attached to a listener.
    pub attached_routes: Option<usize>,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// The conditions of a resource and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceStatus {
    /// `Kind namespace/name`.
    pub resource: String,
    /// Its own conditions.
    pub conditions: Vec<Condition>,
    /// Its listeners, or its parents.
    pub parts: Vec<PartStatus>,
}

/// The status of every GatewayClass, Gateway, HTTPRoute and GRPCRoute that is ours.
///
/// ```
/// use mesh_core::api::Documents;
/// use mesh_core::plan::gateway_status;
///
/// let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: web}\n\
///              spec: {parentRefs: [{name: edge}]}\n";
/// let (documents, _) = Documents::parse([("web.yaml", route)]);
/// let status = gateway_status(&documents);
/// assert_eq!(status[0].parts[0].conditions[0].reason, "NoMatchingParent");
/// ```
#[must_use]
pub fn gateway_status(documents: &Documents) -> Vec<ResourceStatus> {
    let mut out = Diagnostics::new();
    let mesh = Mesh::compile(documents, false, &mut out);
    let (workload, known) = (Workload::default(), KnownRegistry::default());
    let (registry, _) = Registry::build(documents, &mesh, &workload, &Changes::default(), &known, &mut out);
    let api = GatewayApi::build(documents, &Index::of(documents), &registry, &mesh, &mut out);
    let ours = documents
        .gateway_classes
        .iter()
        .filter(|class| class.meta.name == CLASS || class.spec.controller_name == CONTROLLER);
    let classes = ours.map(|class| ResourceStatus {
        resource: format!("GatewayClass {}", class.meta.name),
        conditions: vec![well("Accepted", "Accepted")],
        parts: Vec::new(),
    });
    let gateways = api.gateways.iter().filter(|edge| !edge.resource.is_refused()).map(gateway);
    let routes = api.routes.iter().filter(|one| one.refused.is_none()).map(|one| route(&api, one));
    classes.chain(gateways).chain(routes).collect()
}

fn gateway(edge: &Edge<'_>) -> ResourceStatus {
    let usable = edge.listeners.iter().filter(|listener| listener.is_usable()).count();
    let accepted = if usable == edge.listeners.len() {
        well("Accepted", "Accepted")
    } else {
        let message = format!("{usable} of {} listeners are valid", edge.listeners.len());
        Condition { holds: usable > 0, message, ..well("Accepted", "ListenersNotValid") }
    };
    let programmed = if usable > 0 {
        well("Programmed", "Programmed")
    } else {
        Condition { holds: false, message: "no listener is valid".into(), ..well("Programmed", "Invalid") }
    };
    ResourceStatus {
        resource: edge.resource.label().to_owned(),
        conditions: vec![accepted, programmed],
        parts: edge.listeners.iter().map(listener).collect(),
    }
}

fn listener(listener: &EdgeListener<'_>) -> PartStatus {
    let conflicted = match &listener.conflict {
        Some(problem) => Condition { holds: true, ..failed("Conflicted", problem) },
        None => Condition { holds: false, ..well("Conflicted", "NoConflicts") },
    };
    let programmed = match (listener.is_usable(), &listener.unresolved) {
        (true, None) => well("Programmed", "Programmed"),
        // It stands and serves what can be served (GW-7).
        (true, Some(problem)) if problem.reason == "InvalidRouteKinds" && !listener.kinds.is_empty() => {
            well("Programmed", "Programmed")
        }
        _ => Condition { holds: false, ..well("Programmed", "Invalid") },
    };
    PartStatus {
        name: format!("listener {}", listener.written.name),
        attached_routes: Some(listener.attached.len()),
        conditions: vec![
            either("Accepted", "Accepted", listener.refused.as_ref()),
            conflicted,
            either("ResolvedRefs", "ResolvedRefs", listener.unresolved.as_ref()),
            programmed,
        ],
    }
}

fn route(api: &GatewayApi<'_>, route: &RouteDocument<'_>) -> ResourceStatus {
    let ours = route.parents.iter().filter(|parent| parent.target != Target::Foreign);
    let parts = ours.map(|parent| {
        let at_gateway = matches!(parent.target, Target::Edge(_));
        let namespace = parent.written.namespace(&route.meta.namespace);
        let kind = parent.written.kind();
        let section = parent.written.section_name.as_deref().filter(|name| !name.is_empty());
        let section = section.map(|name| format!(" {name}")).unwrap_or_default();
        let name = match &parent.target {
            Target::Edge(edge) => api.gateways[*edge].resource.label().to_owned(),
            Target::Mesh | Target::Foreign | Target::Unknown => {
                format!("{kind} {namespace}/{}", parent.written.name)
            }
        };
        let refused = route.rules.iter().filter_map(|rule| rule.refused_filter.as_ref());
        let mut unserved = route.dropped.iter().chain(refused);
        let nothing_left = route.rules.iter().all(|rule| rule.refused_filter.is_some());
        let unserved = unserved.next();
        let mut accepted = either("Accepted", "Accepted", parent.accepted.as_ref().err());
        if let Some(problem) = unserved.filter(|_| accepted.holds && nothing_left) {
            accepted = failed("Accepted", problem);
        }
        let unresolved = route.rules.iter().flat_map(|rule| rule.problems(at_gateway)).next();
        let mut conditions = vec![accepted, either("ResolvedRefs", "ResolvedRefs", unresolved)];
        if let Some(problem) = unserved.filter(|_| !nothing_left) {
            conditions.push(Condition { holds: true, ..failed("PartiallyInvalid", problem) });
        }
        PartStatus { name: format!("parent {name}{section}"), attached_routes: None, conditions }
    });
    ResourceStatus { resource: route.label().to_owned(), conditions: Vec::new(), parts: parts.collect() }
}

fn well(kind: &'static str, reason: &'static str) -> Condition {
    Condition { kind, holds: true, reason, message: String::new() }
}

fn failed(kind: &'static str, problem: &Problem) -> Condition {
    Condition { kind, holds: false, reason: problem.reason, message: problem.finding.message.clone() }
}

fn either(kind: &'static str, reason: &'static str, problem: Option<&Problem>) -> Condition {
    problem.map_or_else(|| well(kind, reason), |problem| failed(kind, problem))
}

impl ResourceStatus {
    /// The JSON form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let list = |conditions: &[Condition]| conditions.iter().map(Condition::to_json).collect::<Value>();
        let parts = self.parts.iter().map(|part| {
            let mut object = json!({ "name": part.name, "conditions": list(&part.conditions) });
            if let Some(count) = part.attached_routes {
                object["attachedRoutes"] = count.into();
            }
            object
        });
        let parts: Value = parts.collect();
        json!({ "resource": self.resource, "conditions": list(&self.conditions), "parts": parts })
    }
}

impl Condition {
    fn to_json(&self) -> Value {
        let status = if self.holds { "True" } else { "False" };
        json!({ "type": self.kind, "status": status, "reason": self.reason, "message": self.message })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = if self.holds { "True" } else { "False" };
        write!(f, "{}={status} ({})", self.kind, self.reason)?;
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

impl fmt::Display for ResourceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.resource)?;
        for condition in &self.conditions {
            writeln!(f, "  {condition}")?;
        }
        for part in &self.parts {
            match part.attached_routes {
                Some(count) => writeln!(f, "  {}, {count} attached", part.name)?,
                None => writeln!(f, "  {}", part.name)?,
            }
            for condition in &part.conditions {
                writeln!(f, "    {condition}")?;
            }
        }
        Ok(())
    }
}
