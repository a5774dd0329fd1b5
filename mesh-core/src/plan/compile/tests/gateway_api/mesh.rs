//! Routes of Services, for calls inside the mesh.

use super::super::{clusters, outbound};
use super::*;

/// Compiled for a client in a namespace.
fn client(text: &str, namespace: &str) -> Compiled {
    let options = CompileOptions {
        workload: WorkloadSource::Named(format!("{namespace}/client")),
        ..CompileOptions::default()
    };
    let (documents, _) = Documents::parse([("mesh.yaml", text)]);
    compile(&documents, &options, None)
}

fn rule_for(plan: &Plan, port: u16, host: &str, path: &str) -> Option<String> {
    outbound(plan, port, host, path).map(|route| route.name.to_string())
}

const WEB: &str = "parentRefs: [{group: '', kind: Service, name: web, namespace: default}]";
const HOST: &str = "web.default.svc.cluster.local";

#[test]
fn ga_1_a_producers_route_is_for_everybody() {
    let text = format!("{SERVICES}{}", route("p", &format!("{{{WEB}, rules: [{}]}}", rule("p", "/p"))));
    for namespace in ["default", "far"] {
        let compiled = client(&text, namespace);
        assert!(!compiled.diagnostics.has_errors(), "{}", compiled.diagnostics);
        assert_eq!(rule_for(&compiled.plan, 80, HOST, "/p").as_deref(), Some("p"));
        assert_eq!(rule_for(&compiled.plan, 80, HOST, "/other"), None, "no rule matched");
    }
    let compiled = client(&text, "default");
    let route = outbound(&compiled.plan, 80, "web", "/p").unwrap();
    assert_eq!(clusters(&compiled.plan, route)[0].0, "outbound|80||web.default.svc.cluster.local");
}

#[test]
fn ga_1_a_consumers_route_is_for_the_clients_of_its_namespace() {
    let backend = "{name: web, port: 80}";
    let far = rule("c", "/").replace(backend, "{name: web, namespace: default, port: 80}");
    let text = SERVICES.to_owned()
        + &route("p", &format!("{{{WEB}, rules: [{}]}}", rule("p", "/p")))
        + &route_of("far", "c", &format!("{{{WEB}, rules: [{far}]}}"));
    assert_eq!(rule_for(&client(&text, "default").plan, 80, HOST, "/p").as_deref(), Some("p"));
    assert_eq!(rule_for(&client(&text, "third").plan, 80, HOST, "/p").as_deref(), Some("p"));
    let compiled = client(&text, "far");
    assert_eq!(rule_for(&compiled.plan, 80, HOST, "/p").as_deref(), Some("c"));
    let route = outbound(&compiled.plan, 80, HOST, "/p").unwrap();
    assert_eq!(
        clusters(&compiled.plan, route)[0].0,
        "outbound|80||web.default.svc.cluster.local",
        "no grant is needed"
    );
    assert!(!compiled.diagnostics.has_errors(), "{}", compiled.diagnostics);
}

#[test]
fn ga_1_a_route_may_be_for_one_port() {
    let api = |port: &str| {
        let spec = format!(
            "{{parentRefs: [{{group: '', kind: Service, name: api{port}}}], rules: [{}]}}",
            rule("r", "/")
        );
        client(&format!("{SERVICES}{}", route("r", &spec)), "default").plan
    };
    for (port, grpc, http) in
        [("", "r", "r"), (", port: 80", "default", "r"), (", sectionName: grpc", "r", "default")]
    {
        let plan = api(port);
        assert_eq!(rule_for(&plan, 9000, "api", "/").as_deref(), Some(grpc), "{port}");
        assert_eq!(rule_for(&plan, 80, "api", "/").as_deref(), Some(http), "{port}");
    }
}

#[test]
fn ga_1_hostnames_do_not_matter_in_the_mesh() {
    let spec = format!("{{{WEB}, hostnames: [elsewhere.test], rules: [{}]}}", rule("r", "/"));
    let plan = client(&format!("{SERVICES}{}", route("r", &spec)), "default").plan;
    assert_eq!(rule_for(&plan, 80, "web", "/").as_deref(), Some("r"));
    assert_eq!(rule_for(&plan, 80, "elsewhere.test", "/"), None);
}

#[test]
fn ga_1_a_service_entry_may_have_routes() {
    let spec = "{hosts: [ext.test], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}";
    let entry = object("ServiceEntry", "ext", spec);
    let parent = "parentRefs: [{group: networking.istio.io, kind: ServiceEntry, name: ext}]";
    let plan = client(
        &format!("{SERVICES}{entry}{}", route("r", &format!("{{{parent}, rules: [{}]}}", rule("r", "/")))),
        "default",
    )
    .plan;
    assert_eq!(rule_for(&plan, 80, "ext.test", "/").as_deref(), Some("r"));
}

#[test]
fn ga_4_mo_7_the_routes_of_a_service_are_one_table() {
    let text = SERVICES.to_owned()
        + &route("a", &format!("{{{WEB}, rules: [{}]}}", rule("all", "/")))
        + &route("b", &format!("{{{WEB}, rules: [{}]}}", rule("long", "/long")));
    let plan = client(&text, "default").plan;
    assert_eq!(rule_for(&plan, 80, "web", "/long/x").as_deref(), Some("long"));
    assert_eq!(rule_for(&plan, 80, "web", "/x").as_deref(), Some("all"));
}

#[test]
fn ga_11_own_routes_then_virtual_services_then_the_producers() {
    let spec = format!("{{hosts: [{HOST}], http: [{{name: v, route: [{{destination: {{host: web}}}}]}}]}}");
    let service = object("VirtualService", "v", &spec);
    let text =
        format!("{SERVICES}{service}{}", route("p", &format!("{{{WEB}, rules: [{}]}}", rule("p", "/"))));
    for (namespace, expected) in [("default", "p"), ("far", "v")] {
        let compiled = client(&text, namespace);
        assert_eq!(rule_for(&compiled.plan, 80, HOST, "/").as_deref(), Some(expected), "{namespace}");
        assert!(
            codes(&compiled.diagnostics).contains(&Code::ConflictingMeshGatewayVirtualServiceHosts),
            "it is told"
        );
        assert!(!compiled.diagnostics.has_errors(), "{}", compiled.diagnostics);
    }
}

/// GA-1: a section is a port by its name, of a ServiceEntry too.
#[test]
fn ga_1_a_section_of_a_service_entry_is_its_port() {
    let entry = "
  hosts: [ext.test]
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 81, name: more, protocol: HTTP}]
  resolution: DNS";
    let entry = object("ServiceEntry", "ext", entry);
    let attached = |section: &str| {
        let parent = format!(
            "parentRefs: [{{group: networking.istio.io, kind: ServiceEntry, name: ext, sectionName: {section}}}]"
        );
        let text = format!(
            "{SERVICES}{entry}{}",
            route("e", &format!("{{{parent}, rules: [{}]}}", rule("e", "/e")))
        );
        let compiled = client(&text, "default");
        let at = |port| rule_for(&compiled.plan, port, "ext.test", "/e");
        ((at(80), at(81)), compiled.diagnostics.has_errors())
    };
    assert_eq!(attached("more"), ((Some("default".into()), Some("e".into())), false));
    assert!(attached("nothing").1);
}
