//! Ten thousand services, with all that refers to them: whatever looked at each for each would look a hundred
//! million times, and be noticed.

use super::options;
use crate::api::istio::{
    Destination, DestinationRule, HttpRoute, HttpRouteDestination, Subset, VirtualService,
};
use crate::api::kubernetes::{Service, ServicePort};
use crate::api::{Documents, Metadata, Resource};
use crate::plan::Discovery;
use crate::plan::compile::compile;

const SERVICES: usize = 10_000;

/// What stands around every tenth service: a pod with its endpoint and its Sidecar, a route and a policy.
fn around(number: usize) -> String {
    let meta = format!("{{name: s{number}, namespace: n{}", number % 50);
    let ip = format!("10.{}.{}.1", number / 250, number % 250);
    format!(
        "apiVersion: v1
kind: Pod
metadata: {meta}, labels: {{app: s{number}, version: v1}}}}
status: {{podIP: {ip}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {meta}, labels: {{kubernetes.io/service-name: s{number}}}}}
addressType: IPv4
ports: [{{name: http, port: 80}}]
endpoints: [{{addresses: [{ip}]}}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {meta}}}
spec: {{workloadSelector: {{labels: {{app: s{number}}}}}, egress: [{{hosts: ['*/*']}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {meta}}}
spec:
  parentRefs: [{{group: '', kind: Service, name: s{number}}}]
  rules: [{{backendRefs: [{{name: s{number}, port: 80}}]}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {meta}}}
spec:
  targetRefs: [{{kind: Service, name: s{number}}}]
  healthCheck: {{active: {{type: HTTP, http: {{path: /}}}}}}
---
"
    )
}

#[test]
fn ten_thousand_services_compile() {
    let mut documents = Documents::default();
    for number in 0..SERVICES {
        let name = format!("s{number}");
        let meta = || Metadata::new(format!("n{}", number % 50), &name);
        let port = ServicePort { name: "http".into(), port: 80, ..ServicePort::default() };
        let selector = [("app".to_owned(), name.clone())].into();
        let service = Service { ports: vec![port], selector, ..Service::default() };
        documents.services.push(Resource::new(meta(), service));
        let subset = Subset {
            name: "v1".into(),
            labels: [("version".to_owned(), "v1".to_owned())].into(),
            ..Subset::default()
        };
        let rule =
            DestinationRule { host: name.clone(), subsets: vec![subset], ..DestinationRule::default() };
        documents.destination_rules.push(Resource::new(meta(), rule));
        let destination = Destination { host: name.clone(), subset: "v1".into(), ..Destination::default() };
        let to = HttpRouteDestination { destination: Some(destination), ..HttpRouteDestination::default() };
        let http = vec![HttpRoute { route: vec![to], ..HttpRoute::default() }];
        let rules = VirtualService { hosts: vec![name.clone()], http, ..VirtualService::default() };
        documents.virtual_services.push(Resource::new(meta(), rules));
    }
    let text: String = (0..SERVICES).step_by(10).map(around).collect();
    let (around, found) = Documents::parse([("around.yaml", text)]);
    assert!(!found.has_errors(), "{found}");
    documents.workloads = around.workloads;
    documents.endpoint_slices = around.endpoint_slices;
    documents.http_routes = around.http_routes;
    documents.backend_traffic_policies = around.backend_traffic_policies;
    documents.sidecars = around.sidecars;
    documents.sort();
    let compiled = compile(&documents, &options("n1/web"), None);
    assert!(!compiled.diagnostics.has_errors(), "{}", compiled.diagnostics);
    let first = compiled.plan.cluster_named("outbound|80|v1|s0.n0.svc.cluster.local").unwrap();
    assert!(matches!(&first.discovery, Discovery::Static(endpoints) if endpoints.len() == 1));
    assert!(first.policy.health.is_some());
    assert_eq!(compiled.plan.clusters.len(), 2 * SERVICES);
    assert_eq!(compiled.plan.outbound[&80].hosts().len(), SERVICES);
}
