//! Documents that are refused and never were good (Y-12).

use super::options;
use super::yaml::object;
use crate::api::Documents;
use crate::endpoint::Endpoint;
use crate::plan::compile::{CompileOptions, compile};
use crate::plan::{Discovery, ListenerRoutes, Plan};
use crate::route::Action;

const EDGE: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge}
spec: {template: {metadata: {labels: {istio: ingressgateway}}}}
";

fn plan(text: &str, workload: &str, gateway: bool) -> Plan {
    let (documents, diagnostics) = Documents::parse([("mesh.yaml", text)]);
    assert!(diagnostics.has_errors(), "something is refused: {diagnostics:#?}");
    let options = CompileOptions { gateway, ..options(workload) };
    compile(&documents, &options, None).plan
}

/// The ports and addresses of the listeners of a gateway with these servers and one that can be served.
fn opened(server: &str) -> Vec<(u16, Option<String>)> {
    let good = "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}";
    let spec = format!("{{selector: {{istio: ingressgateway}}, servers: [{good}, {server}]}}");
    let plan = plan(&format!("{EDGE}{}", object("Gateway", "edge", &spec)), "edge", true);
    plan.listeners.iter().map(|one| (one.port, one.bind.map(|bind| bind.to_string()))).collect()
}

#[test]
fn y_12_a_refused_gateway_opens_no_port_that_it_does_not_name() {
    let usual = (80, None);
    for port in ["number: eighty", "number: 0", "number: -1", "number: 70000", "numbr: 8080"] {
        let server = format!("{{port: {{{port}, name: other, protocol: HTTP}}, hosts: ['*']}}");
        assert_eq!(opened(&server), std::slice::from_ref(&usual), "{port}");
    }
    for (bind, address) in [("127.0.0.2", Some("127.0.0.2".to_owned())), ("''", None)] {
        let server = format!(
            "{{port: {{number: 8080, name: other, protocol: HTTP}}, bind: {bind}, nope: 1, hosts: ['*']}}"
        );
        assert_eq!(opened(&server), [usual.clone(), (8080, address)], "{bind}");
    }
    let mistyped = "{port: {number: 8080, name: other, protocol: HTTP}, bind: 127.0.0.l, hosts: ['*']}";
    assert_eq!(opened(mistyped), [usual], "not for everybody");
}

#[test]
fn y_12_a_refused_gateway_of_the_gateway_api_opens_no_port_that_it_does_not_name() {
    let text = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: istio}
spec: {controllerName: istio.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: istio
  listeners:
  - {name: a, port: 80, protocol: HTTP}
  - {name: b, port: eighty, protocol: HTTP}
  - {name: c, prt: 81, protocol: HTTP}
";
    let ports = |text: &str| -> Vec<u16> {
        plan(text, "edge-istio", true).listeners.iter().map(|one| one.port).collect()
    };
    assert_eq!(ports(text), [80]);
}

#[test]
fn y_12_what_a_refused_sidecar_lets_in_leads_to_no_application() {
    let text = "
apiVersion: v1
kind: Service
metadata: {name: cart}
spec: {selector: {app: cart}, ports: [{name: http, port: 80, targetPort: 5000}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec: {template: {metadata: {labels: {app: cart}}}}
";
    let inbound = |spec: &str| {
        let plan = plan(&format!("{text}{}", object("Sidecar", "cart", spec)), "cart", false);
        let listener = plan.listeners.iter().find(|one| one.key.to_string() == "inbound|5000").unwrap();
        let ListenerRoutes::Table(table) = &listener.routes else { panic!("it has a table") };
        let shut = matches!(super::found(table, "cart", "/").unwrap().action, Action::Refused(_));
        let Discovery::Static(endpoints) = &plan.cluster_named("inbound|5000||").unwrap().discovery else {
            panic!("the application's address is known");
        };
        (
            shut,
            endpoints
                .iter()
                .map(|one: &std::sync::Arc<Endpoint>| one.address.to_string())
                .collect::<Vec<_>>(),
        )
    };
    let shut = inbound(
        "{ingress: [{port: {number: abc, name: http, protocol: HTTP}, defaultEndpoint: '127.0.0.1:5000'}]}",
    );
    assert_eq!(shut, (true, vec![]), "no listener takes it for itself");
    let open = inbound("{egress: [{hst: ['./*']}]}");
    assert_eq!(open, (false, vec!["127.0.0.1:5000".to_owned()]));
}
