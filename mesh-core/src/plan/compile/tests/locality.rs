//! Near endpoints, as compiled (LB-9 to LB-12, LB-15, LB-16, OD-10, SE-1, AN-4).

use super::*;
use crate::balance::{BalancePolicy, LocalityPolicy, LocalityRule, WarmUp};
use crate::identity::Locality;
use crate::plan::ClusterNode;

const SERVICE: &str = "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api}
spec:
  hosts: [api.test]
  ports: [{number: 80, name: http, protocol: HTTP}]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints:
  - {address: 10.0.0.1, locality: r/z/s, labels: {version: v1}}
  - {address: 10.0.0.2, locality: r/z/t, labels: {version: v2}}
  - {address: 10.0.0.3, locality: q/z/s, labels: {version: v1}}
---
";

fn rule(policy: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: api}}
spec:
  host: api.test
  trafficPolicy: {{{policy}}}
---
"
    )
}

fn client(labels: &[(&str, &str)]) -> Workload {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Workload { locality: Locality::parse("r/z/s"), labels, ..Workload::default() }
}

fn compiled(text: &str, workload: Workload) -> Compiled {
    compile(&documents(text), &CompileOptions { workload: workload.into(), ..Default::default() }, None)
}

fn node<'p>(compiled: &'p Compiled, host: &str) -> &'p ClusterNode {
    compiled.plan.cluster_named(&format!("outbound|80||{host}")).unwrap()
}

/// The priority of each endpoint; `-` for what gets nothing, nothing at all without a policy.
fn priorities(node: &ClusterNode) -> String {
    let Discovery::Static(endpoints) = &node.discovery else { panic!("{:?}", node.discovery) };
    let layout =
        node.policy.locality.as_ref().map(|policy| policy.layout(endpoints.iter().map(AsRef::as_ref)));
    let name = |place: Option<crate::balance::Place>| place.map_or("-".into(), |p| p.priority.to_string());
    layout.map(|layout| layout.places.into_iter().map(name).collect()).unwrap_or_default()
}

fn of(policy: &str) -> String {
    priorities(node(&compiled(&format!("{SERVICE}{}", rule(policy)), client(&[])), "api.test"))
}

const OUTLIER: &str = "outlierDetection: {consecutive5xxErrors: 1}";

#[test]
fn od_10_outlier_detection_turns_failover_on() {
    assert_eq!(of("connectionPool: {tcp: {maxConnections: 9}}"), "");
    assert_eq!(of(OUTLIER), "012");
    let lost = compiled(&format!("{SERVICE}{}", rule(OUTLIER)), Workload::default());
    assert_eq!(priorities(node(&lost, "api.test")), "", "nobody knows where we are");
}

/// LB-9, MC-2.
#[test]
fn lb_9_the_rule_replaces_the_mesh_whole() {
    let mesh = |setting: &str| {
        format!(
            "apiVersion: v1
kind: ConfigMap
metadata: {{name: istio, namespace: istio-system}}
data: {{mesh: \"localityLbSetting: {setting}\"}}
---
"
        )
    };
    let of = |setting: &str, policy: &str| {
        let text = format!("{SERVICE}{}{}", mesh(setting), rule(policy));
        priorities(node(&compiled(&text, client(&[])), "api.test"))
    };
    assert_eq!(of("{enabled: false}", OUTLIER), "");
    assert_eq!(
        of("{enabled: false}", &format!("{OUTLIER}, loadBalancer: {{localityLbSetting: {{}}}}")),
        "012"
    );
    let off = format!("{OUTLIER}, loadBalancer: {{localityLbSetting: {{enabled: false}}}}");
    assert_eq!(of("{failoverPriority: [version]}", &off), "");
    assert_eq!(of("{failoverPriority: [version=v2]}", OUTLIER), "101");
    let own = format!("{OUTLIER}, loadBalancer: {{localityLbSetting: {{failoverPriority: [version=v1]}}}}");
    assert_eq!(of("{failoverPriority: [version=v2]}", &own), "010");
}

#[test]
fn lb_10_a_failover_region_is_that_of_our_own() {
    let far = SERVICE.replace("r/z/t", "p/z/s");
    let of = |failover: &str| {
        let setting = format!("{OUTLIER}, loadBalancer: {{localityLbSetting: {{failover: [{failover}]}}}}");
        priorities(node(&compiled(&format!("{far}{}", rule(&setting)), client(&[])), "api.test"))
    };
    assert_eq!(of("{from: r, to: q}"), "021");
    assert_eq!(of("{from: r, to: p}"), "012");
    assert_eq!(of("{from: x, to: q}"), "011");
}

#[test]
fn lb_11_a_label_without_a_value_is_near_where_ours_is() {
    let setting = format!("{OUTLIER}, loadBalancer: {{localityLbSetting: {{failoverPriority: [version]}}}}");
    let text = format!("{SERVICE}{}", rule(&setting));
    let of = |labels: &[(&str, &str)]| priorities(node(&compiled(&text, client(labels)), "api.test"));
    assert_eq!((of(&[("version", "v2")]).as_str(), of(&[("version", "v1")]).as_str()), ("101", "010"));
    let topology = rule(&format!(
        "{OUTLIER}, loadBalancer: {{localityLbSetting: {{failoverPriority: [topology.kubernetes.io/region, version=v2]}}}}"
    ));
    assert_eq!(priorities(node(&compiled(&format!("{SERVICE}{topology}"), client(&[])), "api.test")), "102");
}

#[test]
fn lb_12_the_first_fitting_from_distributes() {
    let setting = |from: &str| {
        format!(
            "loadBalancer: {{localityLbSetting: {{distribute: [{{from: x, to: {{y: 100}}}}, {{from: {from}, to: {{r/z/*: 70, q: 30}}}}]}}}}"
        )
    };
    let policy = |from: &str| {
        let compiled = compiled(&format!("{SERVICE}{}", rule(&setting(from))), client(&[]));
        node(&compiled, "api.test").policy.locality.as_deref().cloned()
    };
    let Some(LocalityPolicy { rule: LocalityRule::Distribute(shares), origin, .. }) = policy("r/*") else {
        panic!("no distribution");
    };
    let shares: Vec<_> = shares.into_iter().map(|(to, share)| (to.to_string(), share)).collect();
    assert_eq!(shares, [("q".into(), 30), ("r/z/*".into(), 70)]);
    assert!(origin.to_string().contains("mesh.yaml:19:"), "{origin}");
    assert_eq!(policy("q"), None, "no entry is for us");
}

#[test]
fn lb_15_warm_up_as_written() {
    let of = |balancer: &str| {
        let text = format!("{SERVICE}{}", rule(&format!("loadBalancer: {{{balancer}}}")));
        node(&compiled(&text, client(&[])), "api.test").policy.warm_up
    };
    let minute = std::time::Duration::from_secs(60);
    assert_eq!(of("simple: ROUND_ROBIN"), None);
    assert_eq!(of("simple: ROUND_ROBIN, warmupDurationSecs: 60s"), Some(WarmUp::new(minute)));
    let full = "warmup: {duration: 60s, minimumPercent: 30, aggression: 2}";
    assert_eq!(of(full), Some(WarmUp::new(minute).minimum(0.3).unwrap().aggression(2.0).unwrap()));
    assert_eq!(of("simple: RANDOM, warmup: {duration: 60s}"), None);
}

#[test]
fn wish_5_a_program_may_pick_by_latency() {
    let options = CompileOptions {
        workload: client(&[]).into(),
        balance: vec![("api.test".into(), BalancePolicy::peak_ewma())],
        ..Default::default()
    };
    let compiled =
        compile(&documents(&format!("{SERVICE}{}", rule("loadBalancer: {simple: RANDOM}"))), &options, None);
    assert_eq!(node(&compiled, "api.test").policy.balance, BalancePolicy::peak_ewma());
}

#[test]
fn an_4_failover_without_or_by_outlier_detection_is_told() {
    let found = |policy: &str| {
        let diagnostics = compiled(&format!("{SERVICE}{}", rule(policy)), client(&[])).diagnostics;
        let ours = diagnostics.iter().filter(|finding| finding.code == Code::LocalityFailover);
        ours.map(|finding| finding.message.clone()).collect::<Vec<_>>()
    };
    let failover = "loadBalancer: {localityLbSetting: {failover: [{from: r, to: q}]}}";
    assert_eq!(found(failover), ["`failover` has no effect without `outlierDetection`"]);
    assert!(found(&format!("{failover}, {OUTLIER}")).is_empty());
    let by_outlier = found(OUTLIER);
    assert_eq!(by_outlier.len(), 1);
    assert!(by_outlier[0].contains("2 of 3 endpoints get nothing"), "{by_outlier:?}");
    assert!(found(&format!("{OUTLIER}, loadBalancer: {{localityLbSetting: {{enabled: true}}}}")).is_empty());
    let nowhere = compiled(&format!("{SERVICE}{}", rule(OUTLIER)), Workload::default()).diagnostics;
    assert!(nowhere.iter().all(|finding| finding.code != Code::LocalityFailover), "{nowhere}");
}

/// A cluster of three nodes in two zones, and a Service with an endpoint on each.
fn kubernetes(spec: &str) -> String {
    let mut text = String::new();
    for (node, zone) in [("n1", "a"), ("n2", "a"), ("n3", "b")] {
        text += &format!(
            "apiVersion: v1
kind: Node
metadata: {{name: {node}, labels: {{topology.kubernetes.io/region: r, topology.kubernetes.io/zone: {zone}}}}}
---
"
        );
    }
    text += &format!(
        "apiVersion: v1
kind: Service
metadata: {{name: api}}
spec: {{selector: {{app: api}}, ports: [{{name: http, port: 80}}], {spec}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: api-1, labels: {{kubernetes.io/service-name: api}}}}
addressType: IPv4
ports: [{{name: http, port: 80}}]
endpoints:
- {{addresses: [10.0.0.1], nodeName: n1, zone: a}}
- {{addresses: [10.0.0.2], nodeName: n2}}
- {{addresses: [10.0.0.3], nodeName: n3}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web, labels: {{app: web, version: v1}}}}
spec: {{nodeName: n1, containers: [{{name: app, image: app}}]}}
---
"
    );
    text
}

const API: &str = "api.default.svc.cluster.local";

#[test]
fn lb_9_nodes_say_where_endpoints_and_we_are() {
    let compiled = sidecar(&kubernetes(""), "web");
    let workload = &compiled.plan.workload;
    assert_eq!((workload.locality.to_string().as_str(), workload.node.as_deref()), ("r/a", Some("n1")));
    let Discovery::Static(endpoints) = &node(&compiled, API).discovery else { panic!("a list") };
    let places: Vec<_> = endpoints.iter().map(|endpoint| endpoint.locality.to_string()).collect();
    assert_eq!(places, ["r/a", "r/a", "r/b"]);
    assert_eq!(node(&compiled, API).policy.locality, None);
}

#[test]
fn lb_9_labels_of_the_pod_beat_those_of_its_node() {
    let moved = kubernetes("").replace("app: web, version: v1", "app: web, istio-locality: q.c.d");
    assert_eq!(sidecar(&moved, "web").plan.workload.locality, Locality::parse("q/c/d"));
    let labelled = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {metadata: {labels: {app: web, topology.kubernetes.io/region: q}}}}
";
    assert_eq!(sidecar(labelled, "web").plan.workload.locality, Locality::parse("q"));
}

#[test]
fn lb_16_a_service_prefers_near_endpoints_without_outlier_detection() {
    let of = |spec: &str| priorities(node(&sidecar(&kubernetes(spec), "web"), API));
    assert_eq!(of("trafficDistribution: PreferClose"), "001");
    assert_eq!(of("trafficDistribution: PreferSameZone"), "001");
    assert_eq!(of("trafficDistribution: PreferSameNode"), "012");
    let annotated = kubernetes("").replace(
        "metadata: {name: api}",
        "metadata: {name: api, annotations: {networking.istio.io/traffic-distribution: PreferClose}}",
    );
    assert_eq!(priorities(node(&sidecar(&annotated, "web"), API)), "001");
    // A rule's own setting comes first.
    let rule = rule("loadBalancer: {localityLbSetting: {enabled: false}}").replace("api.test", "api");
    let text = kubernetes("trafficDistribution: PreferClose") + &rule;
    assert_eq!(priorities(node(&sidecar(&text, "web"), API)), "");
}

#[test]
fn se_1_internal_traffic_stays_on_the_node() {
    let compiled = sidecar(&kubernetes("internalTrafficPolicy: Local"), "web");
    assert_eq!(addresses(&compiled.plan, &format!("outbound|80||{API}")), ["10.0.0.1:80"]);
    let elsewhere = sidecar(&kubernetes("internalTrafficPolicy: Local"), "nobody");
    assert!(addresses(&elsewhere.plan, &format!("outbound|80||{API}")).is_empty());
}

#[test]
fn se_1_unknown_preferences_are_told() {
    let (_, found) = Documents::parse([("a.yaml", kubernetes("trafficDistribution: PreferFar"))]);
    let codes: Vec<_> = found.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::SchemaWarning]);
    let (_, found) = Documents::parse([("a.yaml", kubernetes("internalTrafficPolicy: Here"))]);
    assert!(found.has_errors());
}
