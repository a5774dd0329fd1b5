//! Random gateways: of Istio's kind, or of the Gateway API with routes of their own.

use super::{gateway_api, wait};
use crate::parity::draw::Draw;
use crate::parity::gateway::PORT;

/// A configuration with a gateway.
pub(in crate::parity) fn configured(yaml: &str, draw: &mut Draw) -> String {
    if draw.percent(60) {
        return istio(yaml, draw);
    }
    // A pod's label says in this way which Gateway it serves.
    let label = draw.one(&["gateway.networking.k8s.io/gateway-name", "istio.io/gateway-name"]);
    yaml.replace(
        "labels: {app: web, version: v1,",
        &format!("labels: {{{label}: edge, app: web, version: v1,"),
    ) + &gateway_api_edge(draw)
}

/// A gateway with the rules of the mesh.
fn istio(yaml: &str, draw: &mut Draw) -> String {
    let selector = draw.one(&["", "  selector: {app: web}\n", "  selector: {app: web, version: v1}\n"]);
    let tls = if draw.percent(5) { "\n    tls: {httpsRedirect: true}" } else { "" };
    let host = draw.one(&["*", "*", "*/*", "default/*"]);
    yaml.replace("  gateways: [mesh]\n", "  gateways: [mesh, edge]\n")
        + &format!(
            "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: default}}
spec:
{selector}  servers:
  - port: {{number: {PORT}, name: http, protocol: HTTP}}
    hosts: ['{host}']{tls}
---
"
        )
}

/// A Gateway with one or two listeners on its port, and routes for some of the hosts.
fn gateway_api_edge(draw: &mut Draw) -> String {
    let mut listeners = vec![("http", draw.one(&["", "", ", hostname: '*.test'"]), allowed(draw))];
    if draw.percent(50) {
        listeners = vec![("http", ", hostname: a.test", String::new()), ("rest", "", allowed(draw))];
    }
    let listeners: String = listeners
        .into_iter()
        .map(|(name, host, allowed)| {
            format!("  - {{name: {name}, port: {PORT}, protocol: HTTP{host}{allowed}}}\n")
        })
        .collect();
    format!(
        "apiVersion: v1
kind: Namespace
metadata: {{name: default, labels: {{team: web}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: default}}
spec:
  gatewayClassName: istio
  listeners:
{listeners}---
"
    ) + &route("a", "[a.test]", draw)
        + &route("b", draw.one(&["[b.test, 'w.test']", "['*.test']"]), draw)
        + &route("any", "[]", draw)
        + &calls(draw)
}

/// The namespaces that may attach routes; these routes come from the Gateway's own namespace, of the team web.
fn allowed(draw: &mut Draw) -> String {
    const KINDS: &str = "{group: gateway.networking.k8s.io, kind: HTTPRoute}, {kind: GRPCRoute}";
    let expression = |words: &str| {
        format!("namespaces: {{from: Selector, selector: {{matchExpressions: [{{{words}}}]}}}}")
    };
    let allowed = draw.one(&[
        String::new(),
        String::new(),
        "namespaces: {from: All}".to_owned(),
        "namespaces: {from: Same}".to_owned(),
        format!("kinds: [{KINDS}]"),
        "namespaces: {from: Selector, selector: {matchLabels: {team: web}}}".to_owned(),
        expression("key: team, operator: In, values: [web, api]"),
        expression("key: team, operator: NotIn, values: [api]"),
        expression("key: team, operator: Exists"),
        expression("key: other, operator: DoesNotExist"),
    ]);
    if allowed.is_empty() { allowed } else { format!(", allowedRoutes: {{{allowed}}}") }
}

fn parent(draw: &mut Draw) -> &'static str {
    draw.one(&[
        "{name: edge}",
        "{group: gateway.networking.k8s.io, kind: Gateway, name: edge, namespace: default}",
        "{name: edge, port: 8080}",
        "{name: edge, sectionName: http}, {name: edge, sectionName: rest}",
    ])
}

/// Rules for HTTP; the last rule takes the requests that the others leave.
fn route(name: &str, hosts: &str, draw: &mut Draw) -> String {
    let mut rules = wait::http_rules(draw);
    rules.extend((0..1 + draw.below(3)).map(|number| gateway_api::http_rule(number, draw)));
    rules.push(gateway_api::item(&[format!("backendRefs: [{}]", gateway_api::backends("", draw))]));
    object("HTTPRoute", name, hosts, &rules, draw)
}

/// Rules for the gRPC calls of one host.
fn calls(draw: &mut Draw) -> String {
    let rules: Vec<String> =
        (0..1 + draw.below(2)).map(|number| gateway_api::grpc_rule(number, draw)).collect();
    object("GRPCRoute", "calls", "[c.default]", &rules, draw)
}

/// The rules of the mesh lead into another namespace too; a gateway's route without permission there is an error.
fn object(kind: &str, name: &str, hosts: &str, rules: &[String], draw: &mut Draw) -> String {
    let rules = rules.concat().replace("name: far, namespace: other", "name: c-one");
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: edge-{name}, namespace: default}}
spec:
  parentRefs: [{}]
  hostnames: {hosts}
  rules:
{}---
",
        parent(draw),
        rules
    )
}
