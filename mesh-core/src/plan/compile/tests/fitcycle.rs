//! The example application's own manifests, for each form of the mesh.

use super::{addresses, clusters, found, outbound};
use crate::api::Documents;
use crate::plan::compile::{CompileOptions, Compiled, WorkloadSource, compile};
use crate::plan::{Direction, ListenerProtocol, ListenerRoutes};

fn fitcycle() -> Documents {
    let files = [
        ("api-server.yaml", include_str!("../../../../../examples/fitcycle/mesh/api-server.yaml")),
        ("canary.yaml", include_str!("../../../../../examples/fitcycle/mesh/canary.yaml")),
        ("fitcycle-mysql.yaml", include_str!("../../../../../examples/fitcycle/mesh/fitcycle-mysql.yaml")),
        ("gateway.yaml", include_str!("../../../../../examples/fitcycle/mesh/gateway.yaml")),
        ("mobile-server.yaml", include_str!("../../../../../examples/fitcycle/mesh/mobile-server.yaml")),
        ("report-server.yaml", include_str!("../../../../../examples/fitcycle/mesh/report-server.yaml")),
        ("web-server.yaml", include_str!("../../../../../examples/fitcycle/mesh/web-server.yaml")),
    ];
    let (documents, diagnostics) = Documents::parse(files);
    assert!(!diagnostics.has_errors(), "{diagnostics:#?}");
    documents
}

fn compiled(workload: &str, gateway: bool) -> Compiled {
    let workload = WorkloadSource::Named(workload.into());
    let compiled = compile(&fitcycle(), &CompileOptions { workload, gateway, ..Default::default() }, None);
    assert!(!compiled.diagnostics.has_errors(), "{:#}", compiled.diagnostics);
    assert!(!compiled.fail_closed && compiled.stale_hosts.is_empty());
    compiled
}

#[test]
fn the_library_shares_reads_between_versions() {
    let plan = compiled("web-server", false).plan;
    assert_eq!(plan.workload.labels["version"], "v1");
    assert_eq!(plan.workload.service_account, "web-server");
    let route = outbound(&plan, 5000, "api-server:5000", "/api/v1.0/signups").unwrap();
    assert_eq!(&*route.name, "api-read");
    assert_eq!(route.origin.file.as_ref(), "canary.yaml");
    assert_eq!(route.timeout.unwrap().as_secs(), 5);
    assert_eq!(route.retry.attempts, 3);
    assert!(route.fault.is_some());
    assert_eq!(
        clusters(&plan, route),
        [
            ("outbound|5000|v1|api-server.default.svc.cluster.local".into(), 90),
            ("outbound|5000|v2|api-server.default.svc.cluster.local".into(), 10),
        ]
    );
    let policy = &plan.cluster_named("outbound|5000|v1|api-server.default.svc.cluster.local").unwrap().policy;
    assert_eq!(policy.circuit.connect_timeout.as_secs(), 1);
    assert_eq!(policy.outlier.as_ref().unwrap().max_ejection_percent, 50);
    assert!(plan.cluster_named("outbound|3306||fitcycle-mysql.default.svc.cluster.local").is_some());
    assert!(!plan.outbound.contains_key(&3306), "P-5: HTTP rules are not for a TCP port");
}

#[test]
fn the_gateway_routes_paths_to_services() {
    let plan = compiled("istio-ingressgateway", true).plan;
    let [listener] = plan.listeners.as_slice() else { panic!("{:?}", plan.listeners) };
    let shown = listener.key.to_string();
    assert_eq!((&*shown, listener.port, listener.direction), ("gateway|80", 80, Direction::Gateway));
    assert_eq!(listener.protocol, ListenerProtocol::Http);
    let ListenerRoutes::Table(table) = &listener.routes else { panic!("a gateway has a table") };
    let name = |path: &str| found(table, "shop.example:8080", path).unwrap().name.to_string();
    assert_eq!(name("/api/v1.0/signups"), "api-read");
    assert_eq!(name("/mobile"), "mobile");
    assert_eq!(name("/anything"), "web");
}

#[test]
fn the_sidecar_has_its_two_listeners() {
    let plan = compiled("report-server", false).plan;
    let names: Vec<_> = plan.listeners.iter().map(|listener| listener.key.to_string()).collect();
    assert_eq!(names, ["outbound|15080", "inbound|5000"]);
    assert!(
        matches!(plan.listeners[0].routes, ListenerRoutes::ByAuthorityOf(_)),
        "http_proxy names the port"
    );
    assert_eq!(plan.listeners[0].bind.unwrap().to_string(), "127.0.0.1");
    assert_eq!(addresses(&plan, "inbound|5000||"), ["127.0.0.1:5001"]);
    let ListenerRoutes::Table(table) = &plan.listeners[1].routes else { panic!("inbound has a table") };
    let route = found(table, "whatever", "/report").unwrap();
    assert_eq!(route.retry.attempts, 2, "RT-15");
    assert!(outbound(&plan, 5000, "api-server:5000", "/").is_some());
}

#[test]
fn instances_that_are_plain_processes_name_their_deployment() {
    let slice = r#"
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: api-server-1, labels: {kubernetes.io/service-name: api-server}}
addressType: IPv4
ports: [{name: http-fcapi, port: 40001}]
endpoints: [{addresses: [127.0.0.1], targetRef: {kind: Deployment, name: api-server-v1}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: api-server-2, labels: {kubernetes.io/service-name: api-server}}
addressType: IPv4
ports: [{name: http-fcapi, port: 40002}]
endpoints: [{addresses: [127.0.0.1], targetRef: {kind: Deployment, name: api-server-v2}}]
"#;
    let (local, findings) = Documents::parse([("local.yaml", slice)]);
    assert!(!findings.has_errors(), "{findings:#}");
    let mut documents = fitcycle();
    documents.endpoint_slices = local.endpoint_slices;
    let workload = WorkloadSource::Named("web-server".into());
    let plan = compile(&documents, &CompileOptions { workload, ..Default::default() }, None).plan;
    let subset =
        |name: &str| addresses(&plan, &format!("outbound|5000|{name}|api-server.default.svc.cluster.local"));
    assert_eq!(subset("v1"), ["127.0.0.1:40001"]);
    assert_eq!(subset("v2"), ["127.0.0.1:40002"]);
    assert_eq!(subset("").len(), 2);
}
