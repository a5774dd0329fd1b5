//! Rules taken from other VirtualServices (VA-13).

use super::yaml::object;
use super::{Documents, clusters, codes, documents, gateway, options, outbound, sidecar};
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::compile::{CompileOptions, compile};

const SERVICES: &str = "
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: team}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: copies}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root}
spec:
  hosts: [shop]
  http:
  - name: cart
    match: [{name: path, uri: {prefix: /cart}}]
    delegate: {name: cart, namespace: team}
    timeout: 3s
    mirror: {host: copies}
  - {name: rest, route: [{destination: {host: shop}}]}
";

fn delegate(spec: &str, rules: &str) -> String {
    object("VirtualService", "team/cart", &format!("\n{spec}  http:\n{rules}"))
}

const RULES: &str = "  - name: add
    match: [{name: add, uri: {exact: /cart/add}}, {uri: {prefix: /cart/put}, method: {exact: PUT}}]
    route: [{destination: {host: cart}}]
    timeout: 1s
  - match: [{uri: {prefix: /elsewhere}}]
    route: [{destination: {host: cart}}]
  - route: [{destination: {host: cart}}]
";

#[test]
fn va_13_the_delegates_rules_stand_in_the_roots_place() {
    let compiled = sidecar(&format!("{SERVICES}{}", delegate("", RULES)), "web");
    let plan = &compiled.plan;
    let routes = &plan.outbound[&80].host("shop").unwrap().routes;
    let told: Vec<_> = routes.iter().map(|route| format!("{} {}", route.name, route.matcher)).collect();
    assert_eq!(
        told,
        [
            "cart-add.path-add uri exact \"/cart/add\"",
            "cart-add.path uri prefix \"/cart/put\" and method exact \"PUT\"",
            "cart.path uri prefix \"/cart\"",
            "rest any request",
        ]
    );
    let indices: Vec<_> = routes.iter().map(|route| (route.rule_index, route.match_index)).collect();
    assert_eq!(indices, [(0, 0), (0, 1), (2, 0), (1, 0)], "as they are numbered where they stand");
    let seconds: Vec<_> = routes.iter().map(|route| route.timeout.map(|limit| limit.as_secs())).collect();
    assert_eq!(seconds, [Some(1), Some(1), Some(3), None]);
    assert_eq!(clusters(plan, &routes[0])[0].0, "outbound|80||cart.team.svc.cluster.local");
    let mirror = plan.cluster(routes[0].mirrors[0].cluster).unwrap();
    assert_eq!(
        &*mirror.policy.name, "outbound|80||copies.default.svc.cluster.local",
        "the root's short name"
    );
    let origin = &routes[0].origin;
    assert_eq!(&*origin.resource, "VirtualService team/cart");
    assert!(origin.line > 30 && &*origin.path == "spec.http[0]", "{origin:?}");

    let unreachable = |finding: &&Diagnostic| finding.code == Code::VirtualServiceUnreachableRule;
    let found: Vec<_> = compiled.diagnostics.iter().filter(unreachable).collect();
    let [finding] = found.as_slice() else { panic!("{:#}", compiled.diagnostics) };
    assert_eq!(&*finding.origin.path, "spec.http[1]");
    assert!(finding.message.contains("VirtualService default/root (mesh.yaml:"), "{}", finding.message);
}

#[test]
fn va_13_a_delegate_must_exist_be_without_hosts_and_be_exported() {
    let hint = |text: &str| {
        let compiled = sidecar(&format!("{SERVICES}{text}"), "web");
        let finding = compiled.diagnostics.iter().find(|one| one.code == Code::ReferencedResourceNotFound);
        let finding = finding.unwrap_or_else(|| panic!("{:#}", compiled.diagnostics)).clone();
        assert_eq!(finding.message, "referenced delegate not found: \"team/cart\"");
        assert_eq!(&*finding.origin.path, "spec.http[0].delegate.name");
        let names: Vec<_> = compiled.plan.outbound[&80].host("shop").unwrap().routes.iter().collect();
        assert_eq!((names.len(), &*names[0].name), (1, "rest"), "only that rule is left out");
        finding.hint.unwrap_or_default()
    };
    assert_eq!(hint(""), "");
    let private = delegate("  exportTo: [\".\"]\n", RULES);
    assert_eq!(hint(&private), "VirtualService team/cart exists, but is not exported to namespace default");
    let whole = delegate("  hosts: [cart]\n", RULES);
    assert_eq!(hint(&whole), "VirtualService team/cart has `hosts`, which no delegate has");
    let near = delegate("", RULES).replace("name: cart, namespace", "name: kart, namespace");
    assert_eq!(hint(&near), "did you mean kart?");
    let elsewhere = delegate("", RULES).replace("namespace: team", "namespace: other");
    assert_eq!(hint(&elsewhere), "there is one in namespace other");
}

#[test]
fn va_13_a_delegate_exported_to_the_root_is_used_wherever_the_root_is() {
    let text = format!("{SERVICES}{}", delegate("  exportTo: [default]\n", RULES));
    for workload in ["web", "third/web"] {
        let compiled = sidecar(&text, workload);
        let route = outbound(&compiled.plan, 80, "shop.default", "/cart/x").unwrap();
        assert_eq!(&*route.name, "cart.path", "{workload}");
    }
}

#[test]
fn va_13_y_12_a_lost_delegate_keeps_the_last_good_rules() {
    let good = documents(&format!("{SERVICES}{}", delegate("", RULES)));
    let first = compile(&good, &options("web"), None);
    let second = compile(&documents(SERVICES), &options("web"), Some(&first.plan));
    assert!(second.stale_hosts.contains("shop.default.svc.cluster.local:80"), "{:?}", second.stale_hosts);
    assert_eq!(&*outbound(&second.plan, 80, "shop", "/cart/x").unwrap().name, "cart.path");
    let lenient = CompileOptions { istio_runtime: true, ..options("web") };
    let third = compile(&documents(SERVICES), &lenient, Some(&first.plan));
    assert_eq!(&*outbound(&third.plan, 80, "shop", "/cart/x").unwrap().name, "rest");
}

#[test]
fn va_13_gateways_of_a_delegates_matches_lie_within_the_roots() {
    let text = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: infra}
spec:
  selector: {istio: edge}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root, namespace: infra}
spec:
  hosts: [shop.example.com]
  gateways: [edge, mesh]
  http:
  - {name: root, match: [{gateways: [edge]}], delegate: {name: cart, namespace: team}}
";
    let rules = "  - {name: edge, match: [{gateways: [infra/edge], uri: {exact: /edge}}], route: [{destination: {host: cart}}]}
  - {name: mesh, match: [{gateways: [mesh]}], route: [{destination: {host: cart}}]}
  - {name: all, route: [{destination: {host: cart}}]}
";
    let compiled = gateway(&format!("{SERVICES}---{text}{}", delegate("", rules)), "infra/edge");
    let crate::plan::ListenerRoutes::Table(table) = &compiled.plan.listeners[0].routes else {
        panic!("table")
    };
    let routes = &table.host("shop.example.com").unwrap().routes;
    let names: Vec<_> = routes.iter().map(|route| route.name.to_string()).collect();
    assert_eq!(names, ["root-edge", "root-all"]);
    assert!(codes(&compiled.diagnostics).contains(&Code::VirtualServiceUnreachableRule));
}

#[test]
fn va_13_rules_that_nobody_takes_are_told() {
    let alone = delegate("", RULES);
    let told = |text: &str| -> Vec<String> {
        let (documents, _) = Documents::parse([("mesh.yaml", text)]);
        let findings = compile(&documents, &CompileOptions::default(), None).diagnostics;
        let unreachable = findings.iter().filter(|found| found.code == Code::VirtualServiceUnreachableRule);
        unreachable.map(|found| format!("{found:#}")).filter(|text| text.contains("hosts")).collect()
    };
    let found = told(&alone);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("VirtualService team/cart")
            && found[0].ends_with(
                "no VirtualService delegates to this one, and without `hosts` it does nothing\n    hint: write `hosts`"
            ),
        "{found:?}"
    );
    assert!(told(&format!("{SERVICES}{alone}")).is_empty(), "somebody takes them");
    let refused = SERVICES.replace("timeout: 3s", "timeout: 3 s");
    assert!(told(&format!("{refused}{alone}")).is_empty(), "somebody would");
}
