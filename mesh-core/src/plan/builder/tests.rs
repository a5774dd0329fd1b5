use std::time::Duration;

use super::{MeshSpec, Protocol, Rule, Service};
use crate::api::istio::{HttpRedirect, VirtualService};
use crate::plan::{CompileOptions, Discovery, Plan, compile};
use crate::route::Action;

fn mesh() -> MeshSpec {
    MeshSpec::new().service(
        Service::new("reviews")
            .port(9080, Protocol::Http)
            .endpoint("127.0.0.1:9081".parse().unwrap(), [("version", "v1")])
            .endpoint("127.0.0.1:9082".parse().unwrap(), [("version", "v2")]),
    )
}

fn plan(spec: MeshSpec) -> Plan {
    let compiled = compile(&spec.build().unwrap(), &CompileOptions::default(), None);
    assert!(!compiled.diagnostics.has_errors(), "{:#}", compiled.diagnostics);
    compiled.plan
}

#[test]
fn rules_services_and_subsets_compile_as_from_files() {
    let plan = plan(
        mesh()
            .rule(Rule::to("reviews").path("/v2").weighted("v2", 1).delay(Duration::from_millis(5), 10.0))
            .rule(Rule::to("reviews").named("rest").weighted("v1", 9).weighted("v2", 1).retries(3, "5xx")),
    );
    let host = plan.outbound[&9080].host("reviews:9080").unwrap();
    assert_eq!(host.routes.len(), 2);
    assert!(host.routes[0].fault.is_some());
    assert_eq!((&*host.routes[1].name, host.routes[1].retry.attempts), ("rest", 3));
    assert_eq!(&*host.routes[1].origin.file, "<builder>");
    assert_eq!(&*host.routes[1].origin.resource, "VirtualService default/reviews");
    let v2 = plan.cluster_named("outbound|9080|v2|reviews.default.svc.cluster.local").unwrap();
    let Discovery::Static(endpoints) = &v2.discovery else { panic!("static") };
    assert_eq!(endpoints[0].address.to_string(), "127.0.0.1:9082");
    assert_eq!(&*v2.policy.service.name, "reviews");
    assert!(!v2.policy.service.external);
}

#[test]
fn what_has_no_method_is_reached_through_the_api() {
    let uri = Some("/new".to_owned());
    let redirect = HttpRedirect { uri, ..HttpRedirect::default() };
    let plan = plan(mesh().rule(Rule::to("reviews").with(|rule| rule.redirect = Some(redirect.into()))));
    let route = &plan.outbound[&9080].host("reviews").unwrap().routes[0];
    assert!(matches!(route.action, Action::Redirect(_)));
}

#[test]
fn without_endpoints_a_name_is_asked_of_dns() {
    let plan = plan(MeshSpec::new().service(Service::external("api.example.com").port(80, Protocol::Http)));
    let node = plan.cluster_named("outbound|80||api.example.com").unwrap();
    assert!(matches!(&node.discovery, Discovery::Dns(targets) if &*targets[0].name == "api.example.com"));
    assert!(node.policy.service.external);
}

#[test]
fn what_may_not_be_in_a_file_may_not_be_in_code() {
    let refused = mesh().rule(Rule::to("reviews").abort(999, 10.0)).build().unwrap_err();
    assert!(refused.has_errors());
    assert!(mesh().virtual_service("nothing", VirtualService::default()).build().is_err());
}
