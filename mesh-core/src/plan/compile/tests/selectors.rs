//! Which workloads a selector means (N-6).

use super::yaml::object;
use super::{addresses, codes, sidecar};
use crate::api::Documents;
use crate::diagnostic::{Code, Level};
use crate::plan::OutboundMode;

const API: &str = "
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: both}
spec: {template: {metadata: {labels: {app: web, version: v1, tier: front}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: one}
spec: {template: {metadata: {labels: {app: web, version: v2}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: far, namespace: other}
spec: {template: {metadata: {labels: {app: web, version: v1}}}}
";

fn resource(kind: &str, namespace: &str, spec: &str) -> String {
    object(kind, &format!("{namespace}/a"), spec)
}

#[test]
fn n_6_all_pairs_are_equal_and_the_namespace_is_the_own() {
    let rule = resource(
        "DestinationRule",
        "default",
        "{host: api.default.svc.cluster.local, workloadSelector: {matchLabels: {app: web, version: v1}}, \
         trafficPolicy: {connectionPool: {tcp: {maxConnections: 3}}}}",
    );
    let limited = |client: &str| {
        let plan = sidecar(&format!("{API}{rule}"), client).plan;
        plan.cluster_named("outbound|80||api.default.svc.cluster.local")
            .unwrap()
            .policy
            .circuit
            .max_connections
            == 3
    };
    assert_eq!((limited("both"), limited("one"), limited("other/far")), (true, false, false));

    let closed = |namespace: &str, selector: &str, client: &str| {
        let spec = format!("{{{selector}outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}}}");
        let plan = sidecar(&format!("{API}{}", resource("Sidecar", namespace, &spec)), client).plan;
        plan.settings.outbound_mode == OutboundMode::RegistryOnly
    };
    let selector = "workloadSelector: {labels: {app: web, version: v1}}, ";
    let clients = ["both", "one", "other/far"];
    assert_eq!(clients.map(|client| closed("default", selector, client)), [true, false, false]);
    assert_eq!(clients.map(|client| closed("default", "", client)), [true, true, false]);
    assert_eq!(clients.map(|client| closed("istio-system", "", client)), [true; 3], "the root namespace");

    let entry = resource(
        "ServiceEntry",
        "default",
        "{hosts: [vm.test], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], \
         workloadSelector: {labels: {app: vm, version: v1}}}",
    );
    let machine = |name: &str, namespace: &str, address: &str, labels: &str| {
        let spec = format!("{{address: {address}, labels: {{{labels}}}}}");
        resource("WorkloadEntry", namespace, &spec).replace("name: a,", &format!("name: {name},"))
    };
    let text = [
        entry,
        machine("a", "default", "10.0.0.1", "app: vm, version: v1, more: x"),
        machine("b", "default", "10.0.0.2", "app: vm"),
        machine("c", "other", "10.0.0.3", "app: vm, version: v1"),
    ];
    assert_eq!(addresses(&sidecar(&text.concat(), "client").plan, "outbound|80||vm.test"), ["10.0.0.1:80"]);
}

/// N-6: neither an empty name nor `*`; no label at all is told. No resource that is implemented has both a
/// `selector` and `targetRefs`.
#[test]
fn n_6_selectors_take_whole_labels() {
    let found = |kind: &str, selector: &str| {
        let spec = match kind {
            "DestinationRule" => format!("{{host: api, workloadSelector: {{matchLabels: {selector}}}}}"),
            "Sidecar" => {
                format!("{{outboundTrafficPolicy: {{}}, workloadSelector: {{labels: {selector}}}}}")
            }
            _ => format!(
                "{{hosts: [vm.test], resolution: STATIC, location: MESH_INTERNAL, \
                 ports: [{{number: 80, name: http, protocol: HTTP}}], workloadSelector: {{labels: {selector}}}}}"
            ),
        };
        let (_, found) = Documents::parse([("a.yaml", &*resource(kind, "default", &spec))]);
        for one in found.iter() {
            let error = one.code == Code::SchemaValidationError;
            assert_eq!(one.level, if error { Level::Error } else { Level::Warning });
            assert!(one.origin.path.starts_with("spec.workloadSelector."), "{}", one.origin.path);
        }
        codes(&found)
    };
    for kind in ["DestinationRule", "Sidecar", "ServiceEntry"] {
        assert_eq!(found(kind, "{app: web, version: v1}"), [], "{kind}");
        for bad in ["{'': web}", "{'app*': web}", "{app: '*'}", "{app: web-*}", "{version: v1, app: '*'}"] {
            assert_eq!(found(kind, bad), [Code::SchemaValidationError], "{kind} {bad}");
        }
        assert_eq!(found(kind, "{}"), [Code::IneffectiveSelector], "{kind}");
    }
}
