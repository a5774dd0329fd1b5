//! Other names of services: `ExternalName` (SE-1).

use super::yaml::{object, service};
use super::{clusters, gateway, outbound, sidecar};
use crate::plan::{Direction, ListenerKey, ListenerRoutes};

/// A rule that leads to another name of a service leads to the service, with what is said of that: in the mesh, at
/// a gateway, from a VirtualService and from an HTTPRoute.
#[test]
fn se_1_an_external_name_is_a_destination_as_its_service_is() {
    let known = object("Service", "known", "{type: ExternalName, externalName: a.default.svc.cluster.local}");
    let policy = object(
        "DestinationRule",
        "a",
        "{host: a, trafficPolicy: {tls: {mode: SIMPLE}}, subsets: [{name: v1, labels: {v: one}}]}",
    );
    let edge = object(
        "Gateway",
        "edge",
        "{selector: {app: web}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
    );
    let rule = |to: &str| {
        let spec = format!(
            "{{hosts: [front.test], gateways: [edge, mesh], http: [{{route: [{{destination: {{{to}}}}}]}}]}}"
        );
        object("VirtualService", "front", &spec)
    };
    let route = object(
        "HTTPRoute",
        "r",
        "{parentRefs: [{group: '', kind: Service, name: front}], rules: [{backendRefs: [{name: known, port: 80}]}]}",
    );
    let base = service("a") + &known + &policy + &edge;
    for (to, cluster) in [
        ("host: known", "outbound|80||a.default.svc.cluster.local"),
        ("host: known, port: {number: 80}", "outbound|80||a.default.svc.cluster.local"),
        ("host: known.default.svc.cluster.local, subset: v1", "outbound|80|v1|a.default.svc.cluster.local"),
    ] {
        let text = base.clone() + &rule(to);
        let in_mesh = sidecar(&text, "web");
        let found = outbound(&in_mesh.plan, 80, "front.test", "/").unwrap();
        assert_eq!(clusters(&in_mesh.plan, found)[0].0, cluster, "{to}");
        assert!(in_mesh.plan.cluster_named(cluster).unwrap().policy.tls.is_some(), "{to}");
        let at_edge = gateway(&text, "web");
        let ListenerRoutes::Table(table) =
            &at_edge.plan.listener(&ListenerKey::port(Direction::Gateway, 80)).unwrap().routes
        else {
            panic!("it has routes of its own");
        };
        let found = super::found(table, "front.test", "/").unwrap();
        assert_eq!(clusters(&at_edge.plan, found)[0].0, cluster, "{to}");
    }
    let plan = sidecar(&(base.clone() + &service("front") + &route), "web").plan;
    let found = outbound(&plan, 80, "front", "/").unwrap();
    assert_eq!(clusters(&plan, found)[0].0, "outbound|80||a.default.svc.cluster.local");
    // What is said of the other name itself holds for those who use it.
    let own = object("DestinationRule", "known", "{host: known, subsets: [{name: own, labels: {v: one}}]}");
    let plan = sidecar(&(base + &own + &rule("host: known, subset: own")), "web").plan;
    let found = outbound(&plan, 80, "front.test", "/").unwrap();
    assert_eq!(clusters(&plan, found)[0].0, "outbound|80|own|known.default.svc.cluster.local");
}
