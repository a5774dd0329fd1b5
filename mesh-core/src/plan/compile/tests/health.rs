//! Which clusters get which health checks (HC-1).

use std::sync::Arc;
use std::time::Duration;

use super::yaml::{object, service};
use super::{codes, documents, options, sidecar};
use crate::diagnostic::{Code, Diagnostics};
use crate::health::Probe;
use crate::plan::{Loaded, Plan, load};

const SERVICES: &str = "
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{name: http, port: 80}, {name: grpc, port: 81}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec: {host: a, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside}
spec:
  hosts: [one.example.com, two.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 10.0.0.1}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec: {hosts: [a], http: [{route: [{destination: {host: a, subset: v1, port: {number: 80}}}]}]}
";

fn policy(name: &str, target: &str, rest: &str) -> String {
    format!(
        "---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: {name}}}
spec:
  targetRefs: [{target}]
  healthCheck: {{active: {{type: HTTP, http: {{path: /{name}}}}}{rest}}}
"
    )
}

fn path(plan: &Plan, name: &str) -> Option<String> {
    let node = plan.cluster_named(name)?;
    match &node.policy.health.as_ref()?.probe {
        Probe::Http { path, .. } => Some(path.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn hc_1_the_nearest_policy_holds() {
    let text = SERVICES.to_owned()
        + &policy("rule", "{group: networking.istio.io, kind: VirtualService, name: a}", "")
        + &policy("port", "{kind: Service, name: a, sectionName: grpc}", "");
    let plan = sidecar(&text, "web").plan;
    let at = |name: &str| path(&plan, &format!("outbound|{name}|a.default.svc.cluster.local"));
    assert_eq!(at("80|"), None);
    assert_eq!(at("80|v1").as_deref(), Some("/rule"));
    assert_eq!(at("81|").as_deref(), Some("/port"));
    assert_eq!(at("81|v1").as_deref(), Some("/port"));
    let text = text + &policy("service", "{kind: Service, name: a}", ", panicThreshold: 7");
    let plan = sidecar(&text, "web").plan;
    let at = |name: &str| path(&plan, &format!("outbound|{name}|a.default.svc.cluster.local"));
    assert_eq!(at("80|").as_deref(), Some("/service"));
    assert_eq!(at("80|v1").as_deref(), Some("/service"));
    assert_eq!(at("81|v1").as_deref(), Some("/port"));
    let node = plan.cluster_named("outbound|80||a.default.svc.cluster.local").unwrap();
    assert_eq!(node.policy.panic_threshold, 7);
    let health = node.policy.health.as_ref().unwrap();
    assert_eq!((health.interval, health.timeout), (Duration::from_secs(3), Duration::from_secs(1)));
    assert_eq!(health.origin.line, 45, "{}", health.origin);
}

#[test]
fn hc_1_all_hosts_of_an_entry() {
    let text = SERVICES.to_owned()
        + &policy("entry", "{group: networking.istio.io, kind: ServiceEntry, name: outside}", "");
    let plan = sidecar(&text, "web").plan;
    for host in ["one", "two"] {
        assert_eq!(path(&plan, &format!("outbound|80||{host}.example.com")).as_deref(), Some("/entry"));
    }
}

#[test]
fn hc_1_the_oldest_of_equals_holds_and_what_is_not_there_is_told() {
    let target = "{kind: Service, name: a}";
    let text = SERVICES.to_owned() + &policy("b", target, "") + &policy("c", target, "");
    let compiled = sidecar(&text, "web");
    assert_eq!(
        path(&compiled.plan, "outbound|80||a.default.svc.cluster.local").as_deref(),
        Some("/b"),
        "by name where no age is known"
    );
    assert!(codes(&compiled.diagnostics).contains(&Code::SchemaWarning), "{}", compiled.diagnostics);
    for missing in [
        "{kind: Service, name: nobody}",
        "{kind: Service, name: a, sectionName: nothing}",
        "{group: networking.istio.io, kind: VirtualService, name: nobody}",
        "{group: networking.istio.io, kind: ServiceEntry, name: nobody}",
        "{group: networking.istio.io, kind: ServiceEntry, name: outside, sectionName: nothing}",
    ] {
        let compiled = sidecar(&(SERVICES.to_owned() + &policy("p", missing, "")), "web");
        assert!(codes(&compiled.diagnostics).contains(&Code::ReferencedResourceNotFound), "{missing}");
    }
}

#[test]
fn hc_1_hosts_of_an_entry_in_any_case_and_without_a_dot() {
    let text = SERVICES.replace("one.example.com, two.example.com", "One.Example.com, bare")
        + &policy("entry", "{group: networking.istio.io, kind: ServiceEntry, name: outside}", "");
    let plan = sidecar(&text, "web").plan;
    for host in ["one.example.com", "bare"] {
        assert_eq!(path(&plan, &format!("outbound|80||{host}")).as_deref(), Some("/entry"));
    }
}

/// VA-13: what its rules lead to, wherever they are written.
#[test]
fn hc_1_the_rules_of_delegates_are_rules_too() {
    let delegate =
        &(object("VirtualService", "team/part", "{http: [{route: [{destination: {host: cart}}]}]}")
            + &service("team/cart")
            + &object(
                "VirtualService",
                "whole",
                "{hosts: [whole.local], http: [{delegate: {name: part, namespace: team}}]}",
            ));
    let cart = "outbound|80||cart.team.svc.cluster.local";
    let target = "{group: networking.istio.io, kind: VirtualService, name: whole}";
    let plan = sidecar(&(SERVICES.to_owned() + delegate + &policy("p", target, "")), "web").plan;
    assert_eq!(path(&plan, cart).as_deref(), Some("/p"), "of the one that delegates");
    let of_part = policy("p", "{group: networking.istio.io, kind: VirtualService, name: part}", "")
        .replace("{name: p}", "{name: p, namespace: team}");
    let plan = sidecar(&(SERVICES.to_owned() + delegate + &of_part), "web").plan;
    assert_eq!(path(&plan, cart).as_deref(), Some("/p"), "of the delegate");
}

#[test]
fn hc_1_a_virtual_service_that_leads_nowhere_is_told() {
    let text = SERVICES.to_owned()
        + &object("VirtualService", "away", "{hosts: [away.local], http: [{redirect: {uri: /}}]}")
        + &policy("p", "{group: networking.istio.io, kind: VirtualService, name: away}", "");
    let compiled = sidecar(&text, "web");
    let finding = compiled.diagnostics.iter().find(|finding| finding.code == Code::SchemaWarning).unwrap();
    assert!(finding.message.contains("leads to a destination"), "{finding}");
}

/// A policy for one host leaves the clusters of all others as they are shared.
#[test]
fn a_policy_of_health_copies_only_the_clusters_that_it_is_for() {
    let text = format!("{SERVICES}{}", policy("p", "{kind: Service, name: a}", ""));
    let documents = documents(&text);
    let load = |last: Option<&Loaded>| {
        load(documents.clone(), Diagnostics::new(), &options("web"), last).expect("nothing forbids it")
    };
    let first = load(None);
    let second = load(Some(&first));
    for (before, now) in first.plan.clusters.iter().zip(&second.plan.clusters) {
        assert!(Arc::ptr_eq(&before.policy, &now.policy), "{}", now.policy.name);
    }
}
