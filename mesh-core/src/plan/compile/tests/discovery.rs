//! Where endpoints come from, source by source (SE).

use super::yaml::object;
use super::{addresses, clusters, codes, outbound, sidecar};
use crate::diagnostic::Code;
use crate::plan::{CompileOptions, WorkloadSource, compile};

const SLICE: &str = "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: [10.0.0.1], hostname: a-0, nodeName: node-1}
- {addresses: [10.0.0.2], hostname: a-1, nodeName: node-2}
- {addresses: [10.0.0.3], conditions: {ready: false}, nodeName: node-1}
";

fn service(spec: &str) -> String {
    object("Service", "a", &format!("{{ports: [{{name: http, port: 80}}], {spec}}}")) + "---" + SLICE
}

const CLUSTER: &str = "outbound|80||a.default.svc.cluster.local";

#[test]
fn se_1_a_service_without_selector_has_the_endpoints_of_its_slices() {
    let plan = sidecar(&service("clusterIP: 10.1.0.1"), "web").plan;
    assert_eq!(addresses(&plan, CLUSTER), ["10.0.0.1:8080", "10.0.0.2:8080"]);
    assert_eq!(plan.cluster_named(CLUSTER).unwrap().policy.panic_threshold, 50, "LB-14");
    assert!(outbound(&plan, 80, "10.1.0.1", "/").is_some(), "H-6: the VIP");
}

#[test]
fn se_1_unready_endpoints_are_kept_where_the_service_says_so_and_panic_is_off() {
    let plan = sidecar(&service("publishNotReadyAddresses: true"), "web").plan;
    assert_eq!(addresses(&plan, CLUSTER).len(), 3);
    assert_eq!(plan.cluster_named(CLUSTER).unwrap().policy.panic_threshold, 0);
}

#[test]
fn se_1_a_headless_service_is_found_by_its_pods_names_and_addresses() {
    let plan = sidecar(&service("clusterIP: None"), "web").plan;
    assert!(plan.cluster_named(CLUSTER).unwrap().policy.headless);
    for host in ["a", "a-0.a", "a-0.a.default.svc.cluster.local", "10.0.0.2", "10.0.0.2:80"] {
        let route = outbound(&plan, 80, host, "/").unwrap_or_else(|| panic!("{host}"));
        assert_eq!(clusters(&plan, route)[0].0, CLUSTER, "{host}");
    }
    assert!(outbound(&plan, 80, "10.0.0.3", "/").is_none(), "not a ready one");
    let plain = sidecar(&service("clusterIP: 10.1.0.1"), "web").plan;
    assert!(outbound(&plain, 80, "a-0.a", "/").is_none());
    assert!(!plain.cluster_named(CLUSTER).unwrap().policy.headless);
}

#[test]
fn se_1_an_external_name_is_an_alias_of_a_known_service_or_a_name_of_dns() {
    let text = format!(
        "{}---
apiVersion: v1
kind: Service
metadata: {{name: known}}
spec: {{type: ExternalName, externalName: a.default.svc.cluster.local, ports: [{{name: http, port: 80}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: other}}
spec: {{type: ExternalName, externalName: other.example.com., ports: [{{name: http, port: 8080}}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: a}}
spec: {{hosts: [a], http: [{{name: of-a, route: [{{destination: {{host: a}}}}]}}]}}
",
        service("clusterIP: 10.1.0.1")
    );
    let plan = sidecar(&text, "web").plan;
    let route = outbound(&plan, 80, "known", "/").unwrap();
    assert_eq!((&*route.name, clusters(&plan, route)[0].0.as_str()), ("of-a", CLUSTER));
    assert_eq!(
        addresses(&plan, "outbound|8080||other.default.svc.cluster.local"),
        ["other.example.com:8080"]
    );
    let own = &object(
        "VirtualService",
        "known",
        "{hosts: [known], http: [{name: its-own, route: [{destination: {host: a}}]}]}",
    );
    let plan = sidecar(&format!("{text}{own}"), "web").plan;
    assert_eq!(&*outbound(&plan, 80, "known", "/").unwrap().name, "its-own");
}

fn entry(name: &str, namespace: &str, host: &str, rest: &str) -> String {
    object("ServiceEntry", &format!("{namespace}/{name}"), &format!("{{hosts: ['{host}'], {rest}}}"))
}

const HTTP: &str = "ports: [{number: 80, name: http, protocol: HTTP}]";

#[test]
fn se_7_how_endpoints_are_found() {
    let dns =
        "resolution: DNS, endpoints: [{address: one.example.com, ports: {http: 81}}, {address: 10.0.0.1}]";
    let first = "resolution: DNS_ROUND_ROBIN";
    let text = entry("a", "default", "a.b", &format!("{HTTP}, {dns}"))
        + &entry("c", "default", "c.d", &format!("{HTTP}, {first}"))
        + &entry("e", "default", "e.f", &format!("{HTTP}, {first}, endpoints: [{{address: x.y}}]"))
        + &entry("g", "default", "*.g", &format!("{HTTP}, resolution: DYNAMIC_DNS"));
    let plan = sidecar(&text, "web").plan;
    assert_eq!(addresses(&plan, "outbound|80||a.b"), ["one.example.com:81", "10.0.0.1:80"]);
    assert_eq!(addresses(&plan, "outbound|80||c.d"), ["first of c.d:80"]);
    assert_eq!(addresses(&plan, "outbound|80||e.f"), ["first of x.y:80"]);
    assert_eq!(addresses(&plan, "outbound|80||*.g"), ["authority"]);
}

#[test]
fn se_8_an_entry_of_a_network_alone_is_no_name() {
    let text = entry(
        "a",
        "default",
        "a.b",
        &format!("{HTTP}, resolution: DNS, workloadSelector: {{labels: {{app: vm}}}}"),
    ) + &(object("WorkloadEntry", "far", "{network: far, labels: {app: vm}}")
        + &object("WorkloadEntry", "near", "{address: vm.example.com, labels: {app: vm}}"));
    assert_eq!(addresses(&sidecar(&text, "web").plan, "outbound|80||a.b"), ["vm.example.com:80"]);
}

#[test]
fn se_9_what_is_external_has_no_identity_and_its_servers_may_have_other_names() {
    let tls = &object("DestinationRule", "a", "{host: a.b, trafficPolicy: {tls: {mode: SIMPLE}}}");
    let names = "subjectAltNames: [c.d]";
    let text = entry("a", "default", "a.b", &format!("{HTTP}, resolution: DNS, {names}")) + tls;
    let node =
        |text: &str| sidecar(text, "web").plan.cluster_named("outbound|80||a.b").unwrap().policy.clone();
    let policy = node(&text);
    assert!(policy.service.external);
    assert_eq!(policy.tls.as_ref().unwrap().subject_alt_names, ["c.d"]);
    let written = text.replace("mode: SIMPLE", "mode: SIMPLE, subjectAltNames: [e.f]");
    assert_eq!(node(&written).tls.as_ref().unwrap().subject_alt_names, ["e.f"], "the rule's own win");
    assert!(!node(&text.replace("resolution", "location: MESH_INTERNAL, resolution")).service.external);
}

/// MO-3
#[test]
fn se_10_mo_3_one_host_from_several_sources() {
    let fixed = |ip: &str| format!("{HTTP}, resolution: STATIC, endpoints: [{{address: {ip}}}]");
    // One namespace: endpoints add up, the oldest says what a port is.
    let text = entry("a", "default", "a.b", &fixed("10.0.0.1"))
        + &entry("b", "default", "a.b", &fixed("10.0.0.2").replace("HTTP", "GRPC"));
    let compiled = sidecar(&text, "web");
    assert_eq!(addresses(&compiled.plan, "outbound|80||a.b"), ["10.0.0.1:80", "10.0.0.2:80"]);
    let policy = &compiled.plan.cluster_named("outbound|80||a.b").unwrap().policy;
    assert_eq!(policy.protocol, crate::plan::UpstreamProtocol::Http1);
    assert!(codes(&compiled.diagnostics).contains(&Code::ConflictingServiceEntryProtocol));
    // Several: the client's own first, else the oldest that is visible.
    let far = entry("a", "far", "a.b", &fixed("10.0.0.3"));
    let near = entry("z", "default", "a.b", &fixed("10.0.0.4"));
    let hidden = far.replace("resolution", "exportTo: ['.'], resolution");
    let of = |text: &str| addresses(&sidecar(text, "web").plan, "outbound|80||a.b");
    assert_eq!(of(&format!("{far}{near}")), ["10.0.0.4:80"]);
    assert_eq!(
        of(&format!("{far}{}", near.replace("namespace: default", "namespace: other"))),
        ["10.0.0.3:80"]
    );
    assert_eq!(
        of(&format!("{hidden}{}", near.replace("namespace: default", "namespace: other"))),
        ["10.0.0.4:80"]
    );
    // Kubernetes' own wins.
    let host = "a.default.svc.cluster.local";
    let text = service("clusterIP: 10.1.0.1") + &entry("a", "default", host, &fixed("10.0.0.9"));
    assert_eq!(addresses(&sidecar(&text, "web").plan, CLUSTER), ["10.0.0.1:8080", "10.0.0.2:8080"]);
}

#[test]
fn n_5_what_is_not_exported_is_not_seen() {
    let service = "apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop, annotations: {networking.istio.io/exportTo: 'shop, office'}}
spec: {ports: [{name: http, port: 80}]}
";
    let seen = |namespace: &str| {
        let name = format!("{namespace}/web");
        outbound(&sidecar(service, &name).plan, 80, "a.shop", "/").is_some()
    };
    assert!(seen("shop") && seen("office"));
    assert!(!sidecar(service, "street/web").plan.outbound.contains_key(&80));
    let config = "---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: 'defaultServiceExportTo: [\".\"]'}
---
apiVersion: v1
kind: Service
metadata: {name: b, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
";
    let plan = sidecar(&format!("{service}{config}"), "office/web").plan;
    assert!(outbound(&plan, 80, "a.shop", "/").is_some());
    assert!(outbound(&plan, 80, "b.shop", "/").is_none(), "N-4, MC-2: the mesh's default");
}

#[test]
fn n_2_the_root_namespace_is_the_meshs() {
    let text = "apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: '{rootNamespace: base, trustDomain: example.org}'}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: base}
spec: {outboundTrafficPolicy: {}}
";
    let plan = sidecar(text, "web").plan;
    assert_eq!(plan.settings.root_namespace, "base");
    assert_eq!(
        plan.settings.outbound_mode,
        crate::plan::OutboundMode::RegistryOnly,
        "SC-1: its Sidecar is ours"
    );
    assert_eq!(plan.workload.spiffe_id(), "spiffe://example.org/ns/default/sa/default");
    let (documents, _) = crate::api::Documents::parse([("", "")]);
    let plan = compile(
        &documents,
        &CompileOptions { workload: WorkloadSource::Unknown, ..Default::default() },
        None,
    )
    .plan;
    assert_eq!(
        (&*plan.settings.root_namespace, &*plan.settings.domain_suffix),
        ("istio-system", "cluster.local")
    );
    assert_eq!(plan.settings.trust_domain, "cluster.local");
}

#[test]
fn h_8_unknown_hosts_by_the_meshs_policy() {
    use crate::route::Fallback;
    let mode = |mode: &str| {
        let text = format!(
            "apiVersion: v1
kind: ConfigMap
metadata: {{name: istio, namespace: istio-system}}
data: {{mesh: 'outboundTrafficPolicy: {{mode: {mode}}}'}}
---
"
        );
        sidecar(&(text + &service("clusterIP: 10.1.0.1")), "web").plan.outbound[&80].fallback()
    };
    assert_eq!(mode("ALLOW_ANY"), Fallback::Passthrough);
    assert_eq!(mode("ALLOW_ANY_DYNAMIC_DNS"), Fallback::Passthrough);
    assert_eq!(mode("REGISTRY_ONLY"), Fallback::BlackHole);
}

fn pods(labels: [&str; 2]) -> String {
    let deployment = |name: &str, labels: &str| {
        object("Deployment", name, &format!("{{template: {{metadata: {{labels: {{{labels}}}}}}}}}"))
    };
    deployment("one", labels[0]) + &deployment("two", labels[1])
}

#[test]
fn p_6_pods_of_one_service_should_be_one_application() {
    let service = object("Service", "a", "{selector: {tier: web}, ports: [{name: http, port: 80}]}");
    let differ = pods(["app: a, version: v1, tier: web", "app: b, version: v2, tier: web"]);
    assert!(
        codes(&sidecar(&format!("{service}{differ}"), "one").diagnostics).contains(&Code::AppLabelDiffers)
    );
    let agree = pods(["app: a, version: v1, tier: web", "app: a, version: v2, tier: web"]);
    assert!(
        !codes(&sidecar(&format!("{service}{agree}"), "one").diagnostics).contains(&Code::AppLabelDiffers)
    );
    let workload = sidecar(&pods(["app: a, version: v1", "app: b"]), "one").plan.workload;
    assert_eq!((workload.canonical_service(), workload.canonical_revision()), ("a", "v1"));
}

#[test]
fn p_7_services_of_one_pod_port_should_agree() {
    let service = |name: &str, port: &str| {
        object("Service", name, &format!("{{selector: {{app: a}}, ports: [{port}]}}"))
    };
    let check = |one: &str, two: &str| {
        let text = service("one", one)
            + &service("two", two)
            + &pods(["app: a, version: v1", "app: b, version: v1"]);
        codes(&sidecar(&text, "one").diagnostics)
    };
    let http = "{name: http, port: 80, targetPort: 8080}";
    assert!(check(http, http).is_empty());
    assert_eq!(
        check(http, "{name: grpc, port: 80, targetPort: 8080}"),
        [Code::DeploymentAssociatedToMultipleServices]
    );
    assert_eq!(check(http, "{name: http, port: 81, targetPort: 8080}"), [Code::DeploymentConflictingPorts]);
    assert!(check(http, "{name: grpc, port: 81, targetPort: 8081}").is_empty());
}

#[test]
fn y_2_every_version_of_a_kind_is_read_alike() {
    let read = |version: &str, kind: &str, spec: &str| {
        let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n{spec}\n");
        let (documents, findings) = crate::api::Documents::parse([("mesh.yaml", text)]);
        assert!(!findings.has_errors(), "{version} {kind}: {findings}");
        documents
    };
    for version in ["v1alpha3", "v1beta1", "v1"] {
        let istio = format!("networking.istio.io/{version}");
        let rule = "spec: {hosts: [a], http: [{route: [{destination: {host: a}}]}]}";
        assert_eq!(read(&istio, "VirtualService", rule).virtual_services.len(), 1);
        assert_eq!(read(&istio, "DestinationRule", "spec: {host: a}").destination_rules.len(), 1);
        let entry =
            "spec: {hosts: [a.b], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}";
        assert_eq!(read(&istio, "ServiceEntry", entry).service_entries.len(), 1);
        assert_eq!(read(&istio, "WorkloadEntry", "spec: {address: 10.0.0.1}").workload_entries.len(), 1);
        assert_eq!(read(&istio, "Sidecar", "spec: {egress: [{hosts: ['*/*']}]}").sidecars.len(), 1);
        let gateway = "spec: {servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}";
        assert_eq!(read(&istio, "Gateway", gateway).gateways.len(), 1);
    }
    let template = "spec: {template: {metadata: {labels: {app: a, version: v1}}}}";
    for (version, kind) in [
        ("apps/v1", "Deployment"),
        ("apps/v1beta1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("batch/v1", "Job"),
    ] {
        assert_eq!(read(version, kind, template).workloads.len(), 1, "{version} {kind}");
    }
    let job = format!("spec: {{jobTemplate: {{{template}}}}}");
    assert_eq!(read("batch/v1", "CronJob", &job).workloads.len(), 1);
    assert_eq!(read("v1", "Service", "spec: {ports: [{name: http, port: 80}]}").services.len(), 1);
    assert_eq!(read("discovery.k8s.io/v1", "EndpointSlice", "addressType: IPv4").endpoint_slices.len(), 1);
    let none = read("v1", "Node", "");
    assert_eq!(read("v1", "Namespace", "").namespaces.len(), 1);
    assert_eq!(read("v1", "Endpoints", "subsets: []").endpoints.len(), 1);
    assert_eq!(read("v1", "Secret", "type: Opaque").secrets.len(), 1);
    assert_eq!(none.nodes.len(), 1);
    for version in ["v1alpha2", "v1alpha3", "v1beta1", "v1"] {
        let gateway_api = format!("gateway.networking.k8s.io/{version}");
        let rule = "spec: {rules: [{backendRefs: [{name: a, port: 80}]}]}";
        assert_eq!(read(&gateway_api, "HTTPRoute", rule).http_routes.len(), 1, "{version}");
        assert_eq!(read(&gateway_api, "GRPCRoute", rule).grpc_routes.len(), 1, "{version}");
    }
    assert_eq!(read("example.com/v1", "Unknown", "anything: [1, 2]"), crate::api::Documents::default());
}

const EDGE: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example.com]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge}
spec: {hosts: [a.example.com], gateways: [edge], http: [{route: [{destination: {host: a}}]}]}
---
";

#[test]
fn h_9_a_gateway_knows_no_other_hosts() {
    use crate::plan::ListenerRoutes;
    use crate::route::Fallback;
    let plan = super::gateway(&format!("{EDGE}{}", service("clusterIP: 10.1.0.1")), "edge").plan;
    let ListenerRoutes::Table(table) = &plan.listeners[0].routes else { panic!("a table") };
    assert!(super::found(table, "a.example.com", "/").is_some());
    assert!(super::found(table, "b.example.com", "/").is_none());
    assert_eq!(table.fallback(), Fallback::NotFound, "404 NR, whatever the policy for calls out");
}

#[test]
fn mo_4_of_gateways_that_conflict_the_older_one_serves() {
    let second = EDGE
        .split("---")
        .next()
        .unwrap()
        .replace("name: edge", "name: later")
        .replace("protocol: HTTP}", "protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: a}");
    let compiled = super::gateway(&format!("{EDGE}{second}"), "edge");
    assert!(codes(&compiled.diagnostics).contains(&Code::ConflictingGateways));
    let names: Vec<_> = compiled.plan.listeners.iter().map(|one| one.key.to_string()).collect();
    assert_eq!(names, ["gateway|80"]);
}

#[test]
fn h_5_a_gateway_by_its_host_name_is_understood_and_told_of() {
    let text = EDGE.replace("gateways: [edge]", "gateways: [mesh, edge.default.svc.cluster.local]");
    let compiled = super::gateway(&format!("{text}{}", service("clusterIP: 10.1.0.1")), "edge");
    let told: Vec<_> = compiled.diagnostics.iter().filter(|one| one.code == Code::Deprecated).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&*told[0].origin.path, told[0].hint.as_deref()),
        ("spec.gateways[1]", Some("write default/edge"))
    );
    assert!(!compiled.diagnostics.iter().any(|one| one.message.contains("gateway not found")));
    let gone = super::gateway(&EDGE.replace("gateways: [edge]", "gateways: [mesh, gone]"), "edge");
    let place = gone.diagnostics.iter().find(|one| one.message.contains("gateway not found")).unwrap();
    assert_eq!(&*place.origin.path, "spec.gateways[1]", "counted with `mesh`");
}
