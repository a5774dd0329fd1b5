//! What a reload keeps (Y-12).

use super::{addresses, clusters, documents, options, outbound};
use crate::plan::compile::{CompileOptions, compile};
use crate::route::Action;

const GOOD: &str = "
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: b}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints: [{addresses: [10.0.0.1], targetRef: {kind: Pod, name: p}}]
---
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: a, version: v1}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec: {host: a, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec: {hosts: [a], http: [{name: good, route: [{destination: {host: a, subset: v1}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: b}
spec: {hosts: [b], http: [{name: old, route: [{destination: {host: b}}]}]}
";

const V1: &str = "outbound|80|v1|a.default.svc.cluster.local";

#[test]
fn y_12_a_host_that_lost_a_reference_keeps_rules_and_clusters_while_others_move_on() {
    let first = compile(&documents(GOOD), &options("web"), None);
    assert!(first.stale_hosts.is_empty());
    let broken = GOOD
        .replace(
            "subsets: [{name: v1, labels: {version: v1}}]",
            "subsets: [{name: v9, labels: {version: v9}}]",
        )
        .replace("name: good", "name: bad")
        .replace("name: old", "name: new")
        .replace("10.0.0.1", "10.0.0.77");
    let second = compile(&documents(&broken), &options("web"), Some(&first.plan));
    let route = outbound(&second.plan, 80, "a", "/").unwrap();
    assert_eq!(&*route.name, "good");
    assert_eq!(clusters(&second.plan, route), [(V1.to_owned(), 1)]);
    assert_eq!(addresses(&second.plan, V1), ["10.0.0.77:80"], "with the endpoints of today");
    assert_eq!(&*outbound(&second.plan, 80, "b", "/").unwrap().name, "new");
    assert_eq!(
        second.stale_hosts.iter().map(String::as_str).collect::<Vec<_>>(),
        ["a.default.svc.cluster.local:80"]
    );
    assert!(second.diagnostics.has_errors());

    // And again, from the plan that kept it.
    let third = compile(&documents(&broken), &options("web"), Some(&second.plan));
    assert_eq!(&*outbound(&third.plan, 80, "a", "/").unwrap().name, "good");

    // Once mended, the new rules hold.
    let mended = broken.replace("name: v9, labels: {version: v9}", "name: v1, labels: {version: v1}");
    let fourth = compile(&documents(&mended), &options("web"), Some(&third.plan));
    assert_eq!(&*outbound(&fourth.plan, 80, "a", "/").unwrap().name, "bad");
    assert!(fourth.stale_hosts.is_empty());
}

/// LB-1: a cluster that is kept is called as it was.
#[test]
fn y_12_a_kept_passthrough_cluster_still_calls_what_was_asked_for() {
    let passthrough =
        "{name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}}";
    let good = GOOD.replace("{name: v1, labels: {version: v1}}", passthrough);
    let first = compile(&documents(&good), &options("web"), None);
    assert_eq!(addresses(&first.plan, V1), ["authority"]);
    let broken = good.replace("name: v1, labels", "name: v9, labels");
    let second = compile(&documents(&broken), &options("web"), Some(&first.plan));
    assert_eq!(addresses(&second.plan, V1), ["authority"]);
}

/// What a kept rule leads to is called as its own rules say now, whichever host is handled first.
#[test]
fn y_12_a_host_that_lost_a_reference_holds_back_no_rule_of_what_it_led_to() {
    let rule = "---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: b}
spec: {host: b, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 7}}}}
";
    let good = format!("{}{rule}", GOOD.replace("{host: a, subset: v1}", "{host: b}"));
    let first = compile(&documents(&good), &options("web"), None);
    let lost = good.replace(
        "name: good, route: [{destination: {host: b}}]",
        "name: bad, route: [{destination: {host: gone}}]",
    );
    let policy = "loadBalancer: {consistentHash: {httpHeaderName: x-user}}, tls: {mode: SIMPLE}";
    let lost = lost.replace("connectionPool: {http: {http2MaxRequests: 7}}", policy);
    let second = compile(&documents(&lost), &options("web"), Some(&first.plan));
    let kept = outbound(&second.plan, 80, "a", "/").unwrap();
    assert_eq!(&*kept.name, "good");
    const B: &str = "outbound|80||b.default.svc.cluster.local";
    assert_eq!(clusters(&second.plan, kept), [(B.to_owned(), 1)]);
    assert!(second.plan.cluster_named(B).unwrap().policy.tls.is_some(), "b is called as its rule says now");
    let Action::Forward(forward) = &outbound(&second.plan, 80, "b", "/").unwrap().action else {
        panic!("b is forwarded")
    };
    assert!(forward.hash.is_some(), "and its own callers are hashed");
}

#[test]
fn y_12_on_first_load_and_under_istio_runtime_the_run_time_rule_applies() {
    let broken = GOOD.replace("subset: v1}}]", "subset: v7}}]").replace("name: good", "name: bad");
    let first = compile(&documents(&broken), &options("web"), None);
    assert_eq!(clusters(&first.plan, outbound(&first.plan, 80, "a", "/").unwrap())[0].0, "-");
    let good = compile(&documents(GOOD), &options("web"), None);
    let runtime = CompileOptions { istio_runtime: true, ..options("web") };
    let second = compile(&documents(&broken), &runtime, Some(&good.plan));
    assert_eq!(&*outbound(&second.plan, 80, "a", "/").unwrap().name, "bad");
}

#[test]
fn the_same_documents_give_the_same_plan_in_any_order() {
    let mut parts: Vec<&str> = GOOD.split("---").collect();
    let forth = compile(&documents(&parts.join("---")), &options("web"), None);
    parts.reverse();
    let back = compile(&documents(&parts.join("---")), &options("web"), None);
    let names = |compiled: &crate::plan::Compiled| -> Vec<String> {
        compiled.plan.clusters.iter().map(|node| node.policy.name.to_string()).collect()
    };
    assert_eq!(names(&forth), names(&back));
    let hosts = |compiled: &crate::plan::Compiled| -> Vec<String> {
        compiled.plan.outbound[&80].hosts().iter().map(|host| host.key.to_string()).collect()
    };
    assert_eq!(hosts(&forth), hosts(&back));
}
