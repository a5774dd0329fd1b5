//! `default…ExportTo` of the mesh config: the default visibility of documents that set none.

use std::time::Duration;

use mesh_core::plan::Loaded;

use super::{call, cluster, loaded, options};

/// Documents of another namespace: a service, its rules and its policy. `export` may set the service's visibility.
fn theirs(export: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: a, namespace: b{export}}}
spec: {{ports: [{{name: http, port: 80}}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: v, namespace: b}}
spec: {{hosts: [a], http: [{{name: rule, route: [{{destination: {{host: a}}}}]}}]}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: d, namespace: b}}
spec: {{host: a, trafficPolicy: {{connectionPool: {{tcp: {{connectTimeout: 7s}}}}}}}}
"
    )
}

const TO_ALL: &str = ", annotations: {networking.istio.io/exportTo: '*'}";

/// Whether the default namespace sees the service, its rules and its policy.
fn seen(loaded: &Loaded) -> [bool; 3] {
    let Some(cluster) = cluster(loaded, "outbound|80||a.b.svc.cluster.local") else {
        assert_ne!(call(loaded, "a.b"), "rule", "it leads nowhere");
        return [false; 3];
    };
    [true, call(loaded, "a.b") == "rule", cluster.policy.circuit.connect_timeout == Duration::from_secs(7)]
}

fn with(config: &str, theirs: &str, last: Option<&Loaded>) -> Loaded {
    loaded(&[("mesh.yaml", config), ("theirs.yaml", theirs)], &options(false), last)
}

#[test]
fn y_12_a_refused_default_export_is_the_last_good_one_or_the_own_namespace() {
    let theirs = theirs("");
    for (kind, shut) in [
        ("Service", [false, false, false]),
        ("VirtualService", [true, false, true]),
        ("DestinationRule", [true, true, false]),
    ] {
        let config = |value: &str| format!("default{kind}ExportTo: {value}\n");
        for bad in ["7", "[7, '.']", "{all: true}"] {
            let bad = config(bad);
            assert_eq!(seen(&with(&bad, &theirs, None)), shut, "at a start: {bad}");
            for (good, expected) in [("['*']", [true; 3]), ("['.']", shut)] {
                let first = with(&config(good), &theirs, None);
                assert_eq!(seen(&first), expected, "{kind} {good}");
                let second = with(&bad, &theirs, Some(&first));
                assert_eq!(seen(&second), expected, "on a reload from {good}: {bad}");
                assert!(second.stale_resources.contains("MeshConfig istio-system/istio"), "{bad}");
            }
        }
    }
}

/// Each of them, since any may have been written.
#[test]
fn y_12_of_a_mesh_config_that_cannot_be_read_every_default_export_is_kept_or_the_own_namespace() {
    for (export, shut) in [("", [false; 3]), (TO_ALL, [true, false, false])] {
        let theirs = theirs(export);
        let start = with("a: [", &theirs, None);
        assert_eq!(seen(&start), shut, "{export}");
        assert_eq!(seen(&with("a: [", &theirs, Some(&start))), shut, "for as long as it lasts");
        let open = with("accessLogFile: /dev/stdout\n", &theirs, None);
        assert_eq!(seen(&open), [true; 3]);
        assert_eq!(seen(&with("a: [", &theirs, Some(&open))), [true; 3], "the last good one");
        let closed = ["Service", "VirtualService", "DestinationRule"]
            .map(|kind| format!("default{kind}ExportTo: ['.']\n"))
            .concat();
        let closed = with(&closed, &theirs, None);
        assert_eq!(seen(&closed), shut);
        assert_eq!(seen(&with("a: [", &theirs, Some(&closed))), shut, "the last good one");
    }
}
