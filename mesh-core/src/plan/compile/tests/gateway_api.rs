//! The Gateway API, from YAML to what a request meets (GA).

mod edge;
mod mesh;
mod rules;
mod status;

use std::sync::Arc;

use http::HeaderMap;

use super::yaml::object;
use super::{codes, documents, found, options};
use crate::api::Documents;
use crate::diagnostic::Code;
use crate::plan::compile::{CompileOptions, Compiled, WorkloadSource, compile};
use crate::plan::{Listener, ListenerRoutes, Plan};
use crate::route::{Found, RequestView, Route, RouteTable};

/// Services `web` and `api` of namespace default, `other` of namespace far.
const SERVICES: &str = "
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {ports: [{name: grpc, port: 9000}, {name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: other, namespace: far}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: web}
subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{name: http, port: 80}]}]
---
apiVersion: v1
kind: Endpoints
metadata: {name: api}
subsets: [{addresses: [{ip: 10.0.0.2}], ports: [{name: grpc, port: 9000}, {name: http, port: 80}]}]
---
apiVersion: v1
kind: Endpoints
metadata: {name: other, namespace: far}
subsets: [{addresses: [{ip: 10.0.0.3}], ports: [{name: http, port: 80}]}]
---
";

/// A Gateway `edge` of namespace default with these listeners.
fn edge(listeners: &str) -> String {
    format!(
        "{SERVICES}apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: edge}}\n\
         spec:\n  gatewayClassName: istio\n  listeners:\n{listeners}\n---\n"
    )
}

/// The usual listener.
const HTTP: &str = "  - {name: http, port: 80, protocol: HTTP}";

/// An HTTPRoute of a namespace; `spec` follows `spec:` in flow style.
fn route_of(namespace: &str, name: &str, spec: &str) -> String {
    object("HTTPRoute", &format!("{namespace}/{name}"), spec) + "---\n"
}

fn route(name: &str, spec: &str) -> String {
    route_of("default", name, spec)
}

/// A rule for a path prefix that leads to Service `web`.
fn rule(name: &str, prefix: &str) -> String {
    format!(
        "{{name: {name}, matches: [{{path: {{value: {prefix}}}}}], backendRefs: [{{name: web, port: 80}}]}}"
    )
}

/// Compiled for a gateway that no document describes.
fn at_edge(text: &str) -> Compiled {
    let (documents, _) = Documents::parse([("mesh.yaml", text)]);
    let options = CompileOptions { gateway: true, ..CompileOptions::default() };
    compile(&documents, &options, None)
}

fn listener(plan: &Plan, port: u16) -> &Listener {
    plan.listeners.iter().find(|listener| listener.port == port).expect("the listener exists")
}

fn table(plan: &Plan, port: u16) -> &RouteTable {
    match &listener(plan, port).routes {
        ListenerRoutes::Table(table) => table,
        ListenerRoutes::ByAuthority | ListenerRoutes::ByAuthorityOf(_) => panic!("a gateway has a table"),
    }
}

/// The name of the rule that serves a GET at port 80.
fn served(plan: &Plan, authority: &str, path: &str) -> Option<String> {
    found(table(plan, 80), authority, path).map(|route| route.name.to_string())
}

/// The same for another request.
fn route_for<'p>(
    plan: &'p Plan,
    method: &str,
    authority: &str,
    path: &str,
    headers: &HeaderMap,
) -> Option<&'p Arc<Route>> {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let view =
        RequestView { method, scheme: "http", authority, path, query, target: path, headers, claims: None };
    match table(plan, 80).find(&view) {
        Found::Route(_, route) => Some(route),
        Found::NoRule(_) | Found::NoHost(_) => None,
    }
}
