//! From YAML to the plan: what a request would meet.

mod aliases;
mod cases;
mod delegates;
mod destination_rules;
mod discovery;
mod fitcycle;
mod gateway_api;
mod gateways;
mod health;
mod hosts;
mod keys;
mod locality;
mod mesh_config;
mod messages;
mod proxy_config;
mod readiness;
mod refused;
mod reload;
mod scale;
mod selectors;
mod services;
mod several;
mod sidecars;
mod yaml;

use std::sync::Arc;

use http::HeaderMap;

use super::{CompileOptions, Compiled, WorkloadSource, compile};
use crate::api::Documents;
use crate::diagnostic::{Code, Diagnostics};
use crate::identity::Workload;
use crate::plan::{Discovery, Plan};
use crate::route::{Action, Found, RequestView, Route, RouteTable};

/// Documents without a finding of level Error.
fn documents(text: &str) -> Documents {
    let (documents, diagnostics) = Documents::parse([("mesh.yaml", text)]);
    assert!(!diagnostics.has_errors(), "{diagnostics:#?}");
    documents
}

fn options(workload: &str) -> CompileOptions {
    CompileOptions { workload: WorkloadSource::Named(workload.into()), ..CompileOptions::default() }
}

fn sidecar(text: &str, workload: &str) -> Compiled {
    compile(&documents(text), &options(workload), None)
}

fn gateway(text: &str, workload: &str) -> Compiled {
    compile(&documents(text), &CompileOptions { gateway: true, ..options(workload) }, None)
}

fn codes(diagnostics: &Diagnostics) -> Vec<Code> {
    let mut codes: Vec<Code> = diagnostics.iter().map(|finding| finding.code).collect();
    codes.dedup();
    codes
}

/// The route for `GET http://<authority><path>` through this table.
fn found<'t>(table: &'t RouteTable, authority: &str, path: &str) -> Option<&'t Arc<Route>> {
    let headers = HeaderMap::new();
    let view = RequestView {
        method: "GET",
        scheme: "http",
        authority,
        path,
        query: None,
        target: path,
        headers: &headers,
        claims: None,
    };
    match table.find(&view) {
        Found::Route(_, route) => Some(route),
        Found::NoRule(_) | Found::NoHost(_) => None,
    }
}

/// Names and weights of the clusters that a route leads to; `-` for an unknown one.
fn clusters(plan: &Plan, route: &Route) -> Vec<(String, u32)> {
    let Action::Forward(forward) = &route.action else { return Vec::new() };
    let name = |id| plan.cluster(id).map_or_else(|| "-".into(), |node| node.policy.name.to_string());
    forward.destinations().iter().map(|one| (name(one.cluster), one.weight)).collect()
}

fn outbound<'p>(plan: &'p Plan, port: u16, authority: &str, path: &str) -> Option<&'p Arc<Route>> {
    found(plan.outbound.get(&port)?, authority, path)
}

fn addresses(plan: &Plan, cluster: &str) -> Vec<String> {
    match &plan.cluster_named(cluster).expect("the cluster exists").discovery {
        Discovery::Static(endpoints) => endpoints.iter().map(|one| one.address.to_string()).collect(),
        Discovery::Dns(targets) => targets.iter().map(|one| format!("{}:{}", one.name, one.port)).collect(),
        Discovery::DnsFirst(one) => vec![format!("first of {}:{}", one.name, one.port)],
        Discovery::Authority => vec!["authority".into()],
    }
}

#[test]
fn gw_1_a_gateway_that_nobody_describes_is_the_one_the_files_select() {
    let text = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ['*']
";
    let (documents, _) = Documents::parse([("gateway.yaml", text)]);
    let listeners = |workload, gateway| {
        let options = CompileOptions { workload, gateway, ..CompileOptions::default() };
        compile(&documents, &options, None).plan.listeners
    };
    assert_eq!(listeners(WorkloadSource::Unknown, true)[0].key.to_string(), "gateway|80");
    assert_eq!(listeners(WorkloadSource::Named("edge".into()), true)[0].key.to_string(), "gateway|80");
    let other = Workload { labels: [("istio".into(), "other".into())].into(), ..Workload::default() };
    assert!(listeners(other.into(), true).is_empty());
}

#[test]
fn op_5_a_rule_that_only_moves_decides_as_before() {
    let rule = "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api}
spec:
  host: api
  trafficPolicy:
    connectionPool: {http: {http2MaxRequests: 7}}
    outlierDetection: {consecutive5xxErrors: 3}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {ports: [{name: http, port: 80}]}
";
    let cluster = |text: &str| {
        let (documents, _) = Documents::parse([("api.yaml", text)]);
        let plan = compile(&documents, &CompileOptions::default(), None).plan;
        plan.cluster_named("outbound|80||api.default.svc.cluster.local").unwrap().policy.clone()
    };
    let before = cluster(rule);
    let moved = cluster(&format!("# a remark\n{rule}"));
    assert_ne!(before.origin, moved.origin);
    assert!(before.same_policy(&moved));
    assert!(
        !before.same_policy(&cluster(&rule.replace("consecutive5xxErrors: 3", "consecutive5xxErrors: 4")))
    );
}
