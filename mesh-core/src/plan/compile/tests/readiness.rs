//! Which probe governs our own workload (HC-3).

use std::time::Duration;

use super::sidecar;
use crate::health::{ReadinessCheck, ReadinessPolicy};
use crate::identity::Workload;
use crate::plan::{CompileOptions, WorkloadSource, compile};

fn group(name: &str, labels: &str, probe: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {{name: {name}, namespace: shop}}
spec:
  metadata: {{labels: {{{labels}}}, annotations: {{note: a}}}}
  template: {{serviceAccount: {name}-account, network: n1, locality: r/z/s, labels: {{tier: back}}}}
  probe: {probe}
---
"
    )
}

fn policy(text: &str, workload: &str) -> Option<ReadinessPolicy> {
    sidecar(text, workload).plan.readiness.as_deref().cloned()
}

#[test]
fn hc_3_each_kind_of_question_and_its_defaults() {
    let of = |probe: &str| policy(&group("cart", "app: cart", probe), "shop/WorkloadGroup/cart").unwrap();
    let http = of("{httpGet: {port: 8080}}");
    assert_eq!((http.initial_delay, http.timeout, http.period), (0, 1, 10).map_seconds());
    assert_eq!((http.success_threshold, http.failure_threshold), (1, 3));
    assert_eq!(http.origin.resource.as_ref(), "WorkloadGroup shop/cart");
    let expected = ReadinessCheck::Http {
        address: ([127, 0, 0, 1], 8080).into(),
        host: "localhost:8080".into(),
        path: "/".into(),
        tls: false,
        headers: Vec::new(),
    };
    assert_eq!(http.check, expected);

    let told = of("{initialDelaySeconds: 5, timeoutSeconds: 2, periodSeconds: 3, successThreshold: 2,
      failureThreshold: 4, httpGet: {port: 8443, host: 10.0.0.9, scheme: HTTPS, path: '/ready?deep=1',
      httpHeaders: [{name: Host, value: cart.test}, {name: X-Who, value: mesh}]}}");
    assert_eq!((told.initial_delay, told.timeout, told.period), (5, 2, 3).map_seconds());
    assert_eq!((told.success_threshold, told.failure_threshold), (2, 4));
    let expected = ReadinessCheck::Http {
        address: ([10, 0, 0, 9], 8443).into(),
        host: "cart.test".into(),
        path: "/ready?deep=1".into(),
        tls: true,
        headers: vec![("x-who".parse().unwrap(), "mesh".parse().unwrap())],
    };
    assert_eq!(told.check, expected);

    assert_eq!(
        of("{tcpSocket: {port: 99, host: '::1'}}").check,
        ReadinessCheck::Tcp("[::1]:99".parse().unwrap())
    );
    let exec = of("{exec: {command: [/bin/test, -e, /ready]}}").check;
    assert_eq!(
        exec,
        ReadinessCheck::Exec { program: "/bin/test".into(), arguments: vec!["-e".into(), "/ready".into()] }
    );
    let grpc = of("{grpc: {port: 90, service: a.B}}").check;
    assert_eq!(grpc, ReadinessCheck::Grpc { address: ([127, 0, 0, 1], 90).into(), service: "a.B".into() });
}

trait Seconds {
    fn map_seconds(self) -> (Duration, Duration, Duration);
}

impl Seconds for (u64, u64, u64) {
    fn map_seconds(self) -> (Duration, Duration, Duration) {
        (Duration::from_secs(self.0), Duration::from_secs(self.1), Duration::from_secs(self.2))
    }
}

#[test]
fn hc_3_the_group_is_found_by_its_name_or_by_its_labels() {
    let text = group("cart", "app: cart", "{tcpSocket: {port: 1}}")
        + &group("all", "app: cart, version: v2", "{tcpSocket: {port: 2}}");
    let of = |namespace: &str, name: &str, labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let workload =
            Workload { name: name.into(), namespace: namespace.into(), labels, ..Workload::default() };
        let options = CompileOptions { workload: WorkloadSource::from(workload), ..Default::default() };
        let plan = compile(&super::documents(&text), &options, None).plan;
        plan.readiness.as_deref().map(|policy| policy.check.clone())
    };
    let port = |port: u16| Some(ReadinessCheck::Tcp(([127, 0, 0, 1], port).into()));
    let labels = [("app", "cart"), ("version", "v2"), ("tier", "back"), ("more", "yes")];
    assert_eq!(of("shop", "cart", &[]), port(1), "by its name");
    assert_eq!(of("shop", "vm-1", &labels), port(2), "the older of those that fit; names decide");
    assert_eq!(of("shop", "vm-1", &[("app", "cart"), ("tier", "back")]), port(1));
    assert_eq!(of("shop", "vm-1", &[("app", "cart")]), None, "the template's labels belong to it too");
    assert_eq!(of("other", "cart", &labels), None, "a group is of its namespace");
}

#[test]
fn hc_3_where_the_application_is_told_to_be_it_is_asked() {
    let text = group("cart", "app: cart", "{httpGet: {port: 8080}}");
    let options = CompileOptions {
        workload: WorkloadSource::Named("shop/WorkloadGroup/cart".into()),
        applications: vec![(Some(8080), ([127, 0, 0, 1], 4711).into())],
        ..Default::default()
    };
    let policy = compile(&super::documents(&text), &options, None).plan.readiness.unwrap();
    let ReadinessCheck::Http { address, host, .. } = &policy.check else { panic!("{policy:?}") };
    assert_eq!((address.port(), &**host), (4711, "localhost:8080"));
}

#[test]
fn mc_4_a_group_describes_a_workload() {
    let text = group("cart", "app: cart", "{tcpSocket: {port: 1}}");
    let compiled = sidecar(&text, "shop/WorkloadGroup/cart");
    assert!(compiled.diagnostics.is_empty(), "{:?}", compiled.diagnostics);
    let workload = &compiled.plan.workload;
    assert_eq!((workload.labels["app"].as_str(), workload.labels["tier"].as_str()), ("cart", "back"));
    assert_eq!(workload.spiffe_id(), "spiffe://cluster.local/ns/shop/sa/cart-account");
    assert_eq!((workload.network.as_deref(), workload.locality.zone.as_str()), (Some("n1"), "z"));
    assert_eq!(workload.annotations["note"], "a");
    assert_eq!(sidecar(&text, "nobody").plan.readiness, None);
}
