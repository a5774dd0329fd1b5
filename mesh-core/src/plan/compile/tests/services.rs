//! Hosts, ports and endpoints (SE, P, H-6).

use super::yaml::object;
use super::{addresses, clusters, outbound, sidecar};
use crate::plan::{Discovery, UpstreamProtocol};
use crate::route::Fallback;

const REVIEWS: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec:
  clusterIP: 10.1.2.3
  ports:
  - {name: http-web, port: 9080, targetPort: 8080}
  - {name: grpc-api, port: 9090}
  - {name: tcp-raw, port: 9100}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-1, namespace: shop, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
ports:
- {name: http-web, port: 8080}
- {name: grpc-api, port: 9090}
endpoints:
- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: reviews-v1-abc-x}, zone: z1}
- {addresses: [10.0.0.2], conditions: {ready: true}, targetRef: {kind: Pod, name: reviews-v2-abc-y}}
- {addresses: [10.0.0.3], conditions: {ready: false}}
- {addresses: [10.0.0.4], conditions: {ready: true, terminating: true}}
---
apiVersion: v1
kind: Pod
metadata:
  name: reviews-v1-abc-x
  namespace: shop
  labels: {app: reviews, version: v1, pod-template-hash: abc}
spec: {serviceAccountName: reviews}
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-v2-abc-y, namespace: shop, labels: {app: reviews, version: v2, pod-template-hash: abc}}
spec: {serviceAccountName: reviews}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web, version: v1}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: other, namespace: elsewhere}
spec: {template: {metadata: {labels: {app: other, version: v1}}}}
"#;

/// SE-2: who is named must be a workload; a Node of the same name lends nothing.
#[test]
fn se_2_a_reference_to_what_is_no_pod_tells_nothing_of_one() {
    let labels = |kind: &str| {
        let yaml = REVIEWS.replace("kind: Pod, name: reviews-v1-abc-x", &format!("kind: {kind}, name: web"));
        let plan = sidecar(&yaml, "web").plan;
        let node = plan.cluster_named("outbound|9080||reviews.shop.svc.cluster.local").unwrap();
        let Discovery::Static(endpoints) = &node.discovery else { panic!("static") };
        endpoints[0].labels.get("app").cloned()
    };
    assert_eq!(labels("Deployment").as_deref(), Some("web"));
    assert_eq!(labels("Pod").as_deref(), Some("web"), "a Deployment stands for its pods");
    assert_eq!(labels("Node"), None);
}

#[test]
fn se_2_only_ready_endpoints_and_their_pods_facts() {
    let plan = sidecar(REVIEWS, "web").plan;
    let name = "outbound|9080||reviews.shop.svc.cluster.local";
    assert_eq!(addresses(&plan, name), ["10.0.0.1:8080", "10.0.0.2:8080"]);
    let node = plan.cluster_named(name).unwrap();
    let Discovery::Static(endpoints) = &node.discovery else { panic!("static") };
    let first = &endpoints[0];
    assert_eq!(first.labels["version"], "v1");
    assert_eq!(first.locality.zone, "z1");
    assert_eq!(first.identity.as_deref(), Some("spiffe://cluster.local/ns/shop/sa/reviews"));
    assert_eq!(first.workload.as_ref().unwrap().0.as_ref(), "reviews-v1");
}

#[test]
fn h_6_a_service_is_called_by_each_of_its_names() {
    let plan = sidecar(REVIEWS, "web").plan;
    for host in [
        "reviews",
        "reviews:9080",
        "reviews.shop",
        "reviews.shop.svc",
        "reviews.shop.svc.cluster.local",
        "Reviews.shop.svc.cluster.local.",
        "10.1.2.3:9080",
    ] {
        assert!(outbound(&plan, 9080, host, "/").is_some(), "{host}");
    }
    let far = sidecar(REVIEWS, "other").plan;
    assert!(outbound(&far, 9080, "reviews", "/").is_none(), "a short name is for its own namespace");
    assert!(outbound(&far, 9080, "reviews.shop", "/").is_some());
}

#[test]
fn vs_7_rt_6_a_service_without_rules_has_one_route_with_the_default_policy() {
    let plan = sidecar(REVIEWS, "web").plan;
    for (port, path) in [(9080, "/"), (9080, "/any?x=1"), (9090, "/shop.Reviews/Get")] {
        let route = outbound(&plan, port, "reviews", path).unwrap();
        assert_eq!(
            (&*route.name, route.retry.attempts, route.timeout),
            ("default", 2, None),
            "{port} {path}"
        );
        let own = format!("outbound|{port}||reviews.shop.svc.cluster.local");
        assert_eq!(clusters(&plan, route), [(own, 1)]);
    }
}

#[test]
fn p_5_http_rules_are_for_ports_of_the_http_family_only() {
    let names =
        ["http", "http2", "grpc", "grpc-web", "sniffed", "tcp", "tls", "https", "mongo", "redis", "mysql"];
    let port = |(index, name): (usize, &&str)| format!("  - {{name: {name}-a, port: {}}}\n", 9000 + index);
    let ports: String = names.iter().enumerate().map(port).collect();
    let text = format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: a}}
spec:
  ports:
{ports}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: a}}
spec:
  hosts: [a]
  http: [{{name: written, directResponse: {{status: 204}}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec: {{template: {{metadata: {{labels: {{app: web, version: v1}}}}}}}}
"
    );
    let plan = sidecar(&text, "web").plan;
    let routed = |index: usize| {
        let route = outbound(&plan, u16::try_from(9000 + index).unwrap(), "a", "/");
        route.map(|route| route.name.to_string())
    };
    for (index, name) in names.into_iter().enumerate() {
        let expected = (index < 5).then(|| "written".to_owned());
        assert_eq!(routed(index), expected, "{name}");
    }
}

#[test]
fn se_3_pods_with_an_address_are_endpoints_where_no_slice_is() {
    let plan = sidecar(
        r#"
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {selector: {app: a}, ports: [{name: http, port: 80, targetPort: web}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a-1, labels: {app: a, version: v1}}
spec: {containers: [{name: c, ports: [{name: web, containerPort: 8000}]}]}
status: {podIP: 10.0.0.9}
---
apiVersion: v1
kind: Pod
metadata: {name: a-2, labels: {app: a, version: v1}}
spec: {containers: []}
"#,
        "a-2",
    )
    .plan;
    assert_eq!(addresses(&plan, "outbound|80||a.default.svc.cluster.local"), ["10.0.0.9:8000"]);
}

const ENTRIES: &str = r#"
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: static}
spec:
  hosts: [static.example.com]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]
  endpoints:
  - {address: 10.9.0.1, labels: {version: v1}, weight: 3, locality: eu/a/1}
  - {address: 10.9.0.2, ports: {http: 9999}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: dns}
spec:
  hosts: [dns.example.com]
  resolution: DNS
  location: MESH_EXTERNAL
  ports: [{number: 80, name: http, protocol: HTTP}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: none}
spec:
  hosts: ["*.wild.example.com"]
  resolution: NONE
  ports: [{number: 80, name: http, protocol: HTTP}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: hidden, namespace: other}
spec:
  hosts: [hidden.example.com]
  exportTo: ["."]
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP}]
"#;

#[test]
fn se_6_se_7_service_entries_by_resolution() {
    let plan = sidecar(ENTRIES, "nobody").plan;
    assert_eq!(addresses(&plan, "outbound|80||static.example.com"), ["10.9.0.1:8080", "10.9.0.2:9999"]);
    assert_eq!(addresses(&plan, "outbound|80||dns.example.com"), ["dns.example.com:80"]);
    assert_eq!(addresses(&plan, "outbound|80||*.wild.example.com"), ["authority"]);
    assert!(plan.cluster_named("outbound|80||dns.example.com").unwrap().policy.service.external, "SE-9");
    let wild = outbound(&plan, 80, "a.b.wild.example.com", "/").unwrap();
    assert_eq!(clusters(&plan, wild)[0].0, "outbound|80||*.wild.example.com");
    assert!(outbound(&plan, 80, "hidden.example.com", "/").is_none(), "N-5");
    assert_eq!(plan.outbound[&80].fallback(), Fallback::Passthrough, "H-8");
}

/// SE-6: a weight that is not written, or 0, is 1.
#[test]
fn se_6_the_weight_of_an_endpoint() {
    let text =
        ENTRIES.replace("{address: 10.9.0.2, ", "{address: 10.9.0.3, weight: 0}\n  - {address: 10.9.0.2, ");
    let plan = sidecar(&text, "nobody").plan;
    let cluster = plan.clusters.iter().find(|one| &*one.policy.name == "outbound|80||static.example.com");
    let Discovery::Static(endpoints) = &cluster.expect("a cluster").discovery else { panic!("STATIC") };
    let weights: Vec<_> = endpoints.iter().map(|one| (one.address.to_string(), one.weight)).collect();
    let expected = [("10.9.0.1:8080", 3), ("10.9.0.3:8080", 1), ("10.9.0.2:9999", 1)];
    assert_eq!(weights, expected.map(|(address, weight)| (address.to_owned(), weight)));
}

#[test]
fn p_3_an_untelling_port_name_is_reported_where_it_stands() {
    let compiled = sidecar(
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n  - name: http2foo\n    port: 80\n",
        "nobody",
    );
    let finding = compiled.diagnostics.iter().find(|finding| finding.code.as_str() == "IST0118").unwrap();
    assert_eq!((finding.origin.line, finding.origin.column), (6, 11));
    let cluster = compiled.plan.cluster_named("outbound|80||a.default.svc.cluster.local").unwrap();
    assert_eq!(cluster.policy.protocol, UpstreamProtocol::Downstream);
}

/// IST0150 is silenced by its own name, as everything is.
#[test]
fn n_7_one_code_does_not_hide_another() {
    let told = |hidden: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: a, annotations: {{galley.istio.io/analyze-suppress: {hidden}}}}}\n\
             spec: {{type: ExternalName, externalName: a.com, ports: [{{name: odd, port: 80}}]}}\n"
        );
        super::codes(&sidecar(&text, "nobody").diagnostics)
            .contains(&crate::diagnostic::Code::ExternalNameServiceTypeInvalidPortName)
    };
    assert!(told("IST0118"));
    assert!(!told("IST0150"));
}

#[test]
fn sc_2_sc_4_a_sidecar_limits_what_is_seen() {
    let text = format!(
        "{REVIEWS}---\n{ENTRIES}---\n{}",
        r#"
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec:
  egress:
  - hosts: ["./*"]
  outboundTrafficPolicy: {}
"#
    );
    let plan = sidecar(&text, "web").plan;
    assert!(outbound(&plan, 9080, "reviews", "/").is_some());
    assert!(!plan.outbound.contains_key(&80));
    assert_eq!(plan.outbound[&9080].fallback(), Fallback::BlackHole, "SC-4: present without mode");
    assert_eq!(plan.listeners[0].key.to_string(), "outbound|15001");
}

#[test]
fn se_8_an_entry_selects_workload_entries_and_pods() {
    let entry = object(
        "ServiceEntry",
        "vm",
        "
  hosts: [vm.example.com]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]
  workloadSelector: {labels: {app: vm}}",
    );
    let ours = "{address: 10.7.0.1, ports: {http: 9090}, labels: {app: vm, version: v1}, serviceAccount: vm}";
    let ours = object("WorkloadEntry", "vm-1", ours);
    let foreign = object("WorkloadEntry", "other/vm-1", "{address: 10.7.0.9, labels: {app: vm}}");
    let pod = "---
apiVersion: v1
kind: Pod
metadata: {name: vm-2, labels: {app: vm, version: v2}}
spec: {serviceAccountName: vm}
status: {podIP: 10.7.0.2}
";
    let plan = sidecar(&(entry + &ours + &foreign + pod), "nobody").plan;
    let name = "outbound|80||vm.example.com";
    assert_eq!(addresses(&plan, name), ["10.7.0.1:9090", "10.7.0.2:8080"]);
    let Discovery::Static(endpoints) = &plan.cluster_named(name).unwrap().discovery else { panic!("static") };
    for endpoint in endpoints {
        assert_eq!(endpoint.identity.as_deref(), Some("spiffe://cluster.local/ns/default/sa/vm"));
    }
}

/// SE-6: the facts of a pod are known, whichever entry selects it; SE-10: an address is one endpoint.
#[test]
fn se_8_a_selected_pod_is_known_as_behind_a_service_and_counts_once() {
    let spec = "
  hosts: [vm.example.com]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: vm}}";
    let entry = |name| object("ServiceEntry", name, spec);
    let pod = "apiVersion: v1
kind: Pod
metadata: {name: vm-abc-xyz12, labels: {app: vm, pod-template-hash: abc}}
spec: {serviceAccountName: vm, nodeName: node-1}
status: {podIP: 10.7.0.2}
";
    let plan = sidecar(&format!("{pod}{}{}", entry("a"), entry("b")), "nobody").plan;
    let Discovery::Static(endpoints) = &plan.cluster_named("outbound|80||vm.example.com").unwrap().discovery
    else {
        panic!("static")
    };
    assert_eq!(endpoints.len(), 1);
    let (name, namespace) = endpoints[0].workload.as_ref().unwrap();
    assert_eq!((&**name, &**namespace, endpoints[0].node.as_deref()), ("vm", "default", Some("node-1")));
}

/// SE-8, SE-10: what is left out of a service is told, where it is written.
#[test]
fn se_8_endpoints_that_fit_no_resolution_are_told() {
    let entry = |name: &str, resolution: &str, rest: &str| {
        let spec = format!(
            "
  hosts: [vm.example.com]
  resolution: {resolution}
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  {rest}"
        );
        object("ServiceEntry", name, &spec)
    };
    let member = |address: &str| {
        object("WorkloadEntry", "w", &format!("\n  address: {address}\n  labels: {{app: vm}}"))
    };
    let selected = "workloadSelector: {labels: {app: vm}}";
    let told = |text: &str| {
        let compiled = sidecar(text, "nobody");
        let found = compiled.diagnostics.iter().filter(|one| one.code.as_str() == "IST0133");
        let found: Vec<String> =
            found.map(|one| format!("{} {}", one.origin.resource, one.origin.path)).collect();
        (found, addresses(&compiled.plan, "outbound|80||vm.example.com"))
    };
    let at = |place: &str| vec![place.to_owned()];
    let address = at("WorkloadEntry default/w spec.address");
    assert_eq!(told(&(entry("a", "STATIC", selected) + &member("vm.local"))), (address.clone(), vec![]));
    assert_eq!(told(&(entry("a", "DNS", selected) + &member("unix:///run/vm"))), (address, vec![]));
    assert_eq!(
        told(&(entry("a", "DNS", selected) + &member("vm.local"))),
        (vec![], vec!["vm.local:80".to_owned()])
    );
    let two = entry("a", "STATIC", "endpoints: [{address: 10.0.0.1}]")
        + &entry("b", "DNS", "endpoints: [{address: x.com}]");
    let resolution = at("ServiceEntry default/b spec.resolution");
    assert_eq!(told(&two), (resolution, vec!["10.0.0.1:80".to_owned()]));
}
