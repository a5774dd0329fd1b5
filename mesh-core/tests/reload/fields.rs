//! A field that is refused, for every kind: on a reload, and at a start.

use super::{SERVICE, WEB, action, call, client, cluster, errors, loaded, options, refused, table};

/// A good document of each kind that is read, and an edit that makes it bad.
const KINDS: &[(&str, &str, &str)] = &[
    (
        "VirtualService default/x",
        "networking.istio.io/v1\nspec: {hosts: [a], http: [{name: good, route: [{destination: {host: a}}]}]}",
        "spec: {nope: 1, ",
    ),
    (
        "DestinationRule default/x",
        "networking.istio.io/v1\nspec: {host: a, trafficPolicy: {tls: {mode: SIMPLE}}}",
        "spec: {nope: 1, ",
    ),
    (
        "ServiceEntry default/x",
        "networking.istio.io/v1\nspec: {hosts: [x.org], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 10.0.0.9}]}",
        "spec: {nope: 1, ",
    ),
    ("WorkloadEntry default/x", "networking.istio.io/v1\nspec: {address: 10.0.0.8}", "spec: {nope: 1, "),
    (
        "WorkloadGroup default/x",
        "networking.istio.io/v1\nspec: {template: {serviceAccount: x}}",
        "spec: {nope: 1, ",
    ),
    (
        "Gateway default/x",
        "networking.istio.io/v1\nspec: {selector: {app: web}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
        "spec: {nope: 1, ",
    ),
    ("Sidecar default/x", "networking.istio.io/v1\nspec: {egress: [{hosts: ['./*']}]}", "spec: {nope: 1, "),
    ("ProxyConfig default/x", "networking.istio.io/v1beta1\nspec: {concurrency: 2}", "spec: {nope: 1, "),
    (
        "GatewayClass default/x",
        "gateway.networking.k8s.io/v1\nspec: {controllerName: istio.io/gateway-controller}",
        "spec: {nope: 1, ",
    ),
    (
        "Gateway default/y",
        "gateway.networking.k8s.io/v1\nspec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}",
        "spec: {nope: 1, ",
    ),
    (
        "HTTPRoute default/x",
        "gateway.networking.k8s.io/v1\nspec: {parentRefs: [{group: '', kind: Service, name: a}]}",
        "spec: {nope: 1, ",
    ),
    (
        "GRPCRoute default/x",
        "gateway.networking.k8s.io/v1\nspec: {parentRefs: [{group: '', kind: Service, name: a}]}",
        "spec: {nope: 1, ",
    ),
    (
        "ReferenceGrant default/x",
        "gateway.networking.k8s.io/v1beta1\nspec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: b}], to: [{group: '', kind: Service}]}",
        "spec: {nope: 1, ",
    ),
    (
        "BackendTrafficPolicy default/x",
        "gateway.envoyproxy.io/v1alpha1\nspec: {targetRefs: [{group: '', kind: Service, name: a}], healthCheck: {active: {type: HTTP, interval: 3s, http: {path: /healthz}}}}",
        "spec: {nope: 1, ",
    ),
    ("Service default/x", "v1\nspec: {ports: [{name: http, port: 80}]}", "spec: {type: [], "),
    (
        "Endpoints default/x",
        "v1\nsubsets: [{addresses: [{ip: 10.0.0.7}], ports: [{name: http, port: 80}]}]",
        "subsets: 7 # ",
    ),
    (
        "EndpointSlice default/x",
        "discovery.k8s.io/v1\naddressType: IPv4\nendpoints: [{addresses: [10.0.0.7]}]",
        "endpoints: 7 # ",
    ),
    ("Pod default/x", "v1\nspec: {serviceAccountName: x}", "spec: 7 # "),
    ("Deployment default/x", "apps/v1\nspec: {selector: {matchLabels: {app: x}}}", "spec: 7 # "),
    ("Secret default/x", "v1\ndata: {a: Yg==}", "data: 7 # "),
    ("ConfigMap default/x", "v1\ndata: {a: b}", "data: 7 # "),
    ("Namespace default/x", "v1\nspec: {}", "metadata: {labels: 7, "),
    ("Node default/x", "v1\nspec: {}", "metadata: {labels: 7, "),
];

fn document(label: &str, rest: &str) -> String {
    let (kind, name) = label.split_once(" default/").expect("the table says it");
    let (version, body) = rest.split_once('\n').expect("the table says it");
    format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}}}\n{body}\n---\n")
}

fn broken(good: &str, with: &str) -> String {
    let key = with.split_inclusive(": {").next().expect("the table says it");
    let from = if key.ends_with('{') {
        key.to_owned()
    } else {
        with.split(' ').next().expect("the table says it").to_owned()
    };
    assert!(good.contains(&from), "{good}");
    good.replacen(&from, with, 1)
}

#[test]
fn y_12_every_kind_keeps_its_last_good_version() {
    for (label, rest, with) in KINDS {
        let good = document(label, rest);
        let first = client(&(SERVICE.to_owned() + &good), None);
        assert_eq!(errors(&first.diagnostics), Vec::<String>::new(), "{label}");
        let bad = broken(&good, with);
        let second = client(&(SERVICE.to_owned() + &bad), Some(&first));
        assert!(!errors(&second.diagnostics).is_empty(), "{label}: {bad}");
        assert_eq!(second.stale_resources.iter().collect::<Vec<_>>(), [label], "{bad}");
        assert_eq!(call(&second, "a"), call(&first, "a"), "{label}");
        let third = client(&(SERVICE.to_owned() + &bad), Some(&second));
        assert_eq!(third.stale_resources, second.stale_resources, "for as long as it lasts");
    }
}

/// A misspelt kind, and a misspelt group, is the same.
#[test]
fn y_1_a_near_miss_of_every_kind_keeps_the_last_good_version() {
    for (label, rest, _) in KINDS {
        let good = document(label, rest);
        let first = client(&good, None);
        assert_eq!(
            errors(&first.diagnostics).iter().filter(|error| !error.contains("not found")).count(),
            0,
            "{good}"
        );
        let kind = label.split(' ').next().unwrap();
        let slip = good.replace(&format!("kind: {kind}\n"), &format!("kind: {kind}s\n"));
        let second = client(&slip, Some(&first));
        assert_eq!(second.stale_resources.iter().collect::<Vec<_>>(), [label], "{slip}");
        let hint = format!("did you mean `{kind}`?");
        assert!(errors(&second.diagnostics).iter().any(|error| error.contains(&hint)), "{slip}");
        let group = rest.split_once('/').map(|(group, _)| group).filter(|group| group.len() > 5);
        if let Some(group) = group {
            let slip = good.replacen(group, &group.replacen('o', "", 1), 1);
            let second = client(&slip, Some(&first));
            assert_eq!(second.stale_resources.iter().collect::<Vec<_>>(), [label], "{slip}");
        }
    }
}

const RULE: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec: {hosts: [a], http: [{name: good, route: [{destination: {host: a}}]}]}
---
";

#[test]
fn y_12_a_refused_virtual_service_at_start_answers_503_for_its_hosts() {
    let bad = RULE.replace("name: good", "nmae: good");
    let first = client(&(SERVICE.to_owned() + &bad), None);
    assert_eq!(call(&first, "a"), refused("VirtualService default/v"));
    let still = client(&(SERVICE.to_owned() + &bad), Some(&first));
    assert_eq!(call(&still, "a"), refused("VirtualService default/v"), "on every reload until it is mended");
    let unreadable = client("apiVersion: [", Some(&still));
    assert_eq!(call(&unreadable, "a"), refused("VirtualService default/v"));
    let mended = client(&(SERVICE.to_owned() + RULE), Some(&still));
    assert_eq!(call(&mended, "a"), "good");
    let gone = client(SERVICE, Some(&still));
    assert_eq!(call(&gone, "a"), "default", "deleting it takes it away");
}

/// Not for the hosts of others.
#[test]
fn y_12_a_rule_that_never_was_good_leaves_what_works() {
    let first = client(SERVICE, None);
    let second = client(&(SERVICE.to_owned() + &RULE.replace("name: good", "nmae: good")), Some(&first));
    assert_eq!(call(&second, "a"), "default");
    let outside = RULE.replace("hosts: [a]", "hosts: [x.org]").replace("name: good", "nmae: good");
    let second = client(&(SERVICE.to_owned() + &outside), Some(&first));
    assert_eq!(call(&second, "x.org"), "Passthrough");
    let tls = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\n\
               spec: {host: a, trafficPolicy: {tls: {mode: NONE}}}\n";
    let second = client(&(SERVICE.to_owned() + tls), Some(&first));
    assert_eq!(call(&second, "a"), "default");
    let sidecar =
        "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: s}\nspec: {egres: []}\n";
    let second = client(&(SERVICE.to_owned() + sidecar), Some(&first));
    assert_eq!(call(&second, "a"), "default");
}

#[test]
fn y_12_a_refused_delegate_at_start_answers_503_for_the_part_that_it_was_given() {
    let root = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root}
spec:
  hosts: [a]
  http:
  - {name: part, match: [{uri: {prefix: /part}}], delegate: {name: leaf}}
  - {name: rest, route: [{destination: {host: a}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: leaf}
spec: {http: [{name: leaf, route: [{destination: {host: a}}], retrys: 3}]}
";
    let first = client(&(SERVICE.to_owned() + root), None);
    let host = first.plan.outbound[&80].host("a").unwrap();
    let routes: Vec<String> = host.routes.iter().map(|route| action(route)).collect();
    assert_eq!(routes, [refused("VirtualService default/leaf"), "rest".into()]);
    assert!(!host.routes[0].matcher.is_catch_all());
}

#[test]
fn y_12_a_refused_destination_rule_with_tls_at_start_sends_nothing_in_plaintext() {
    let rule = |policy: &str| {
        format!(
            "{SERVICE}apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d}}\n\
             spec: {{host: a, trafficPolicy: {policy}}}\n"
        )
    };
    for protects in [
        "{tls: {mode: MUTUAL, clientCertificate: c, privateKey: k}}",
        "{tls: {mode: SIMPLE}, nope: 1}",
        "{tls: {mode: SIMPEL}}",
        "{tsl: {mode: SIMPLE}}",
        "{tls: SIMPLE}",
        "{portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}, nope: 1}]}",
        "7",
    ] {
        let first = client(&rule(protects), None);
        assert_eq!(call(&first, "a"), refused("DestinationRule default/d"), "{protects}");
        assert!(cluster(&first, "outbound|80||a.default.svc.cluster.local").is_none());
        let still = client(&rule(protects), Some(&first));
        assert_eq!(call(&still, "a"), refused("DestinationRule default/d"), "{protects}");
    }
    let routed = client(&(rule("{tsl: {mode: SIMPLE}}") + "---\n" + RULE), None);
    assert_eq!(call(&routed, "a"), refused("DestinationRule default/d"), "whatever the rule says");
}

#[test]
fn y_12_a_refused_destination_rule_without_tls_at_start_is_left_out() {
    let rule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\n\
                spec: {host: a, trafficPolicy: {loadBalancer: {simple: FAST}}}\n";
    assert_eq!(call(&client(&(SERVICE.to_owned() + rule), None), "a"), "default");
}

#[test]
fn y_12_a_refused_service_at_start_answers_503() {
    let service = SERVICE.replace("port: 80}]", "port: 80}], selector: 7").replacen(
        "name: http, ",
        "name: http, nodePort: x, ",
        1,
    );
    let first = client(&service, None);
    assert_eq!(call(&first, "a"), refused("Service default/a"));
    let routed = client(&(service.clone() + RULE), None);
    assert_eq!(call(&routed, "a"), refused("Service default/a"));
    assert_eq!(call(&client(&service, Some(&first)), "a"), refused("Service default/a"));
    assert_eq!(call(&client(SERVICE, Some(&first)), "a"), "default");
}

#[test]
fn y_12_a_refused_service_entry_at_start_answers_503_where_it_would_be_seen() {
    let entry = |export: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: x, namespace: b}}\n\
             spec: {{hosts: [x.org], exportTo: {export}, ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: STATC}}\n---\n"
        )
    };
    let both = |export: &str| client(&(SERVICE.to_owned() + &entry(export)), None);
    assert_eq!(call(&both("['*']"), "x.org"), refused("ServiceEntry b/x"));
    assert_eq!(call(&both("[.]"), "x.org"), "Passthrough", "it is not seen here");
    assert_eq!(call(&both("{}"), "x.org"), refused("ServiceEntry b/x"), "who sees it cannot be read");
    let late = client(&(SERVICE.to_owned() + &entry("['*']")), Some(&client(SERVICE, None)));
    assert_eq!(call(&late, "x.org"), "Passthrough", "on a reload what worked works");
}

const SIDECAR: &str = "
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: s}
spec: {workloadSelector: {labels: {app: web}}, egress: [{hosts: ['./b'], nope: 1}]}
---
";

#[test]
fn y_12_a_refused_sidecar_at_start_lets_nothing_out() {
    let text = SERVICE.to_owned() + WEB + SIDECAR;
    let first = client(&text, None);
    assert_eq!(call(&first, "a"), refused("Sidecar default/s"));
    assert_eq!(call(&first, "elsewhere.org"), "BlackHole");
    assert_eq!(call(&client(&text, Some(&first)), "a"), refused("Sidecar default/s"));
    let other = client(&text.replace("labels: {app: web}}, egress", "labels: {app: other}}, egress"), None);
    assert_eq!(call(&other, "a"), "default", "it is not for us");
    let unknown = client(&text.replace("labels: {app: web}}, egress", "labels: 7}, egress"), None);
    assert_eq!(call(&unknown, "a"), refused("Sidecar default/s"), "whose it is cannot be read");
}

#[test]
fn y_12_a_refused_sidecar_with_ingress_at_start_lets_nothing_in() {
    let service = SERVICE.replace("spec: {ports", "spec: {selector: {app: web}, ports");
    let sidecar = SIDECAR
        .replace("egress:", "ingress: [{port: {number: 80, name: http, protocol: HTTP}, tls: {}}], egress:");
    let first = loaded(&[("mesh.yaml", &(service.clone() + WEB + &sidecar))], &options(false), None);
    let host = &table(&first, "inbound|80").unwrap().hosts()[0];
    assert_eq!(super::first(host), refused("Sidecar default/s"));
    let egress = loaded(&[("mesh.yaml", &(service + WEB + SIDECAR))], &options(false), None);
    let host = &table(&egress, "inbound|80").unwrap().hosts()[0];
    assert_eq!(super::first(host), "default", "it says nothing of calls to us");
}

/// The identity of the workload decides which rules hold.
#[test]
fn y_12_a_refused_workload_at_start_is_still_who_we_are() {
    let sidecar = SIDECAR.replace(", nope: 1", "");
    let web = WEB
        .replace("spec: {selector", "spec: {replicas: [], selector")
        .replace("labels: {app: web}}}}", "labels: {app: web}, annotations: 7}}}");
    let first = client(&(SERVICE.to_owned() + &web + &sidecar), None);
    assert_ne!(call(&first, "a"), "default", "the Sidecar that selects it holds");
}

/// Fewer endpoints, no health checks, other settings: the rest opens nothing that was closed. Fields that only
/// gateways read are tested at a gateway.
#[test]
fn y_12_what_protects_nothing_is_left_out_at_start() {
    for (label, rest, with) in KINDS {
        let kind = label.split(' ').next().unwrap();
        let harmless = [
            "WorkloadEntry",
            "WorkloadGroup",
            "ProxyConfig",
            "BackendTrafficPolicy",
            "Endpoints",
            "EndpointSlice",
            "Pod",
            "Deployment",
            "Secret",
            "ConfigMap",
            "Node",
        ];
        if harmless.contains(&kind) {
            let bad = broken(&document(label, rest), with);
            assert_eq!(call(&client(&(SERVICE.to_owned() + &bad), None), "a"), "default", "{bad}");
        }
    }
}

/// A document that is not YAML is known by the text before the mistake.
#[test]
fn y_12_a_bad_document_at_start_closes_what_can_be_read_of_it() {
    let text = SERVICE.to_owned() + &RULE.replace("http: [{", "http: [{]");
    assert_eq!(call(&client(&text, None), "a"), refused("VirtualService default/v"));
    let text = SERVICE.to_owned() + WEB + &SIDECAR.replace("nope: 1}", "nope: 1");
    assert_eq!(call(&client(&text, None), "a"), refused("Sidecar default/s"));
    let misspelt = SERVICE.to_owned() + &RULE.replace("VirtualService", "VirtualServise");
    assert_eq!(call(&client(&misspelt, None), "a"), refused("VirtualService default/v"));
}

/// As Istio's running proxies do: a document that the webhook refuses does not exist.
#[test]
fn y_12_under_istio_runtime_a_refused_document_is_not_there() {
    let lenient = mesh_core::plan::CompileOptions { istio_runtime: true, ..options(false) };
    let text = SERVICE.to_owned() + &RULE.replace("hosts: [a]", "hosts: [a], exportTo: 7");
    assert_eq!(call(&loaded(&[("mesh.yaml", &text)], &lenient, None), "a"), "default");
}

#[test]
fn y_12_a_refused_destination_rule_that_says_no_tls_at_start_is_left_out() {
    let rule = |tls: &str| {
        format!(
            "{SERVICE}
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: x}}
spec: {{host: a, trafficPolicy: {{tls: {{{tls}}}, loadBalancer: {{nope: 1}}}}}}
"
        )
    };
    assert_eq!(call(&client(&rule("mode: DISABLE"), None), "a"), "default");
    for tls in ["mode: SIMPLE", "mode: DISABEL", "mod: SIMPLE", "mode: DISABLE, nope: 1"] {
        assert_eq!(call(&client(&rule(tls), None), "a"), refused("DestinationRule default/x"), "{tls}");
    }
}

#[test]
fn y_12_a_refused_service_at_start_answers_503_by_its_other_names() {
    let text = "
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {type: [], ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: b}
spec: {type: ExternalName, externalName: a.default.svc.cluster.local, ports: [{name: http, port: 80}]}
";
    let start = client(text, None);
    assert_eq!(call(&start, "a"), refused("Service default/a"));
    assert_eq!(call(&start, "b"), refused("Service default/a"));
}
