//! Refused documents that come with a reload and were never good: the rules in force stay, and take later edits.

use super::{API_EDGE, SERVICE, call, client, cluster, errors, gateway, refused, request};

const RULE: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec: {hosts: [a], http: [{name: good, route: [{destination: {host: a}}]}]}
---
";

fn encrypts(name: &str, policy: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: {name}}}\n\
         spec: {{host: a, trafficPolicy: {policy}}}\n---\n"
    )
}

#[test]
fn y_12_a_new_refused_destination_rule_leaves_what_works_and_lets_the_rest_move_on() {
    let bad = encrypts("z", "{tls: {mode: SIMPLE}, nope: 1}");
    let moved = RULE.replace("name: good", "name: new");
    let least = encrypts("d", "{loadBalancer: {simple: LEAST_REQUEST}}");
    let tls = encrypts("d", "{tls: {mode: SIMPLE}}");
    let settings = encrypts("d", "{tls: {mode: SIMPLE}, connectionPool: {http: {maxRetries: 7}}}");
    for (before, after) in [("", ""), (&*least, &*least), (&*tls, &*tls), (&*tls, &*settings)] {
        let first = client(&[SERVICE, RULE, before].concat(), None);
        assert_eq!(errors(&first.diagnostics), Vec::<String>::new());
        let second = client(&[SERVICE, &moved, after, &bad].concat(), Some(&first));
        assert_eq!(call(&second, "a"), "new", "{before}");
        let name = "outbound|80||a.default.svc.cluster.local";
        let policy = &cluster(&second, name).unwrap().policy;
        assert_eq!(
            policy.tls.is_some(),
            !before.is_empty() && before != least,
            "as the good one says: {before}"
        );
        let without = client(&[SERVICE, &moved, after].concat(), Some(&first));
        assert_eq!(policy, &cluster(&without, name).unwrap().policy, "{before}");
        let again = moved.replace("name: new", "name: newer");
        let third = client(&[SERVICE, &again, after, &bad].concat(), Some(&second));
        assert_eq!(call(&third, "a"), "newer", "{before}");
    }
}

/// A wider good rule is not hidden by it.
#[test]
fn y_12_a_new_refused_destination_rule_does_not_hide_a_wider_one() {
    let wide =
        encrypts("w", "{tls: {mode: SIMPLE}}").replace("host: a", "host: '*.default.svc.cluster.local'");
    let bad = encrypts("z", "{tls: {mode: SIMPLE}, nope: 1}");
    let first = client(&[SERVICE, RULE, &wide].concat(), None);
    let moved = RULE.replace("name: good", "name: new");
    let second = client(&[SERVICE, &moved, &wide, &bad].concat(), Some(&first));
    assert_eq!(call(&second, "a"), "new");
    let node = cluster(&second, "outbound|80||a.default.svc.cluster.local").unwrap();
    assert!(node.policy.tls.is_some());
}

/// An encrypted connection does not become plaintext because the rule for it is refused under another name.
#[test]
fn y_12_a_refused_destination_rule_with_another_name_sends_nothing_in_plaintext() {
    let good = encrypts("d", "{tls: {mode: SIMPLE}}");
    let first = client(&[SERVICE, RULE, &good].concat(), None);
    let renamed = encrypts("e", "{tls: {mode: SIMPLE}, nope: 1}");
    let mut last = first;
    for _ in 0..3 {
        last = client(&[SERVICE, RULE, &renamed].concat(), Some(&last));
        for node in &last.plan.clusters {
            assert!(node.policy.tls.is_some(), "{}", node.policy.name);
        }
    }
    // Nor where it comes with the host that it is for.
    let late = client(&[SERVICE, &renamed].concat(), Some(&client("", None)));
    assert_eq!(call(&late, "a"), refused("DestinationRule default/e"));
}

fn route(kind: &str, name: &str, host: &str, rules: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n\
         spec: {{parentRefs: [{{name: edge}}], hostnames: [{host}], rules: [{rules}]}}\n---\n"
    )
}

const TO_A: &str = "backendRefs: [{name: a, port: 80}]";

#[test]
fn y_12_a_new_refused_route_does_not_freeze_a_host_because_another_one_is_refused() {
    for (kind, bad) in [("HTTPRoute", "{nope: 1}"), ("GRPCRoute", "{nope: 1}")] {
        let good = |name: &str| route(kind, "a-good", "a.org", &format!("{{name: {name}, {TO_A}}}"));
        let other = route(kind, "b-other", "b.org", bad);
        let news = route(kind, "0-news", "a.org", bad);
        let start = gateway(&[SERVICE, API_EDGE, &good("good"), &other].concat(), None);
        assert_eq!(request(&start, "a.org"), "good");
        assert_eq!(request(&start, "b.org"), refused(&format!("{kind} default/b-other")));
        let second = gateway(&[SERVICE, API_EDGE, &good("good"), &other, &news].concat(), Some(&start));
        assert_eq!(request(&second, "a.org"), "good", "{kind}");
        let third = gateway(&[SERVICE, API_EDGE, &good("new"), &other, &news].concat(), Some(&second));
        assert_eq!(request(&third, "a.org"), "new", "{kind}");
        assert_eq!(request(&third, "b.org"), refused(&format!("{kind} default/b-other")), "it stays shut");
        // Also on the host that one was refused for, if that one is still there, or was mended.
        let beside = route(kind, "0-news", "b.org", bad);
        let mended = route(kind, "b-other", "b.org", &format!("{{name: mended, {TO_A}}}"));
        let second = gateway(&[SERVICE, API_EDGE, &mended, &beside].concat(), Some(&start));
        assert_eq!(request(&second, "b.org"), "mended", "{kind}");
        // A closed host stays closed, whatever the name of the document is.
        let renamed = other.replace("b-other", "y-other");
        let second = gateway(&[SERVICE, API_EDGE, &good("good"), &renamed].concat(), Some(&start));
        assert_eq!(request(&second, "b.org"), refused(&format!("{kind} default/y-other")));
    }
}
