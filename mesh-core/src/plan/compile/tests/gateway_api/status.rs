//! Conditions (GA-11).

use super::*;
use crate::plan::{Condition, gateway_status};

/// The conditions of a part of a resource, each as `kind=status reason`.
fn conditions(text: &str, resource: &str, part: &str) -> Vec<String> {
    let (documents, _) = Documents::parse([("mesh.yaml", text)]);
    let status = gateway_status(&documents);
    let found = status.iter().find(|one| one.resource == resource).expect("it has a status");
    let list = match part {
        "" => &found.conditions,
        part => &found.parts.iter().find(|one| one.name == part).expect("it has the part").conditions,
    };
    list.iter().map(|one: &Condition| format!("{}={} {}", one.kind, one.holds, one.reason)).collect()
}

fn route_conditions(text: &str) -> Vec<String> {
    conditions(&(edge(HTTP) + text), "HTTPRoute default/r", "parent Gateway default/edge")
}

#[test]
fn ga_11_routes_are_accepted_or_it_is_said_why_not() {
    let r = |spec: &str| route_conditions(&route("r", spec));
    let accepted = |reason: &str| format!("Accepted={} {reason}", reason == "Accepted");
    let resolved = |reason: &str| format!("ResolvedRefs={} {reason}", reason == "ResolvedRefs");
    let to = |parent: &str, backend: &str| {
        r(&format!("{{parentRefs: [{{name: edge{parent}}}], rules: [{{backendRefs: [{backend}]}}]}}"))
    };
    let web = "{name: web, port: 80}";
    assert_eq!(to("", web), [accepted("Accepted"), resolved("ResolvedRefs")]);
    for (backend, reason) in [
        ("{name: gone, port: 80}", "BackendNotFound"),
        ("{name: other, namespace: far, port: 80}", "RefNotPermitted"),
        ("{group: x.io, kind: Bucket, name: b}", "InvalidKind"),
    ] {
        assert_eq!(to("", backend), [accepted("Accepted"), resolved(reason)]);
    }
    let listener = "parent Gateway default/edge nope";
    let text = edge(HTTP) + &route("r", "{parentRefs: [{name: edge, sectionName: nope}]}");
    assert_eq!(conditions(&text, "HTTPRoute default/r", listener)[0], accepted("NoMatchingParent"));
    assert_eq!(to(", port: 81", web)[0], accepted("NoMatchingParent"));
    let far = edge(HTTP) + &route_of("far", "r", "{parentRefs: [{name: edge, namespace: default}]}");
    let found = conditions(&far, "HTTPRoute far/r", "parent Gateway default/edge");
    assert_eq!(found[0], accepted("NotAllowedByListeners"));
    let hosts = edge("  - {name: http, port: 80, protocol: HTTP, hostname: a.test}")
        + &route("r", "{parentRefs: [{name: edge}], hostnames: [b.test]}");
    let found = conditions(&hosts, "HTTPRoute default/r", "parent Gateway default/edge");
    assert_eq!(found[0], accepted("NoMatchingListenerHostname"));
    let nowhere = edge(HTTP) + &route("r", "{parentRefs: [{name: nowhere}]}");
    let found = conditions(&nowhere, "HTTPRoute default/r", "parent Gateway default/nowhere");
    assert_eq!(found[0], accepted("NoMatchingParent"));
    let service = edge(HTTP) + &route("r", "{parentRefs: [{group: '', kind: Service, name: web}]}");
    let found = conditions(&service, "HTTPRoute default/r", "parent Service default/web");
    assert_eq!(found, [accepted("Accepted"), resolved("ResolvedRefs")]);
}

#[test]
fn ga_11_a_rule_that_cannot_be_read_makes_its_route_partially_invalid() {
    let bad = "{matches: [{path: {type: RegularExpression, value: '/(?=x)'}}], backendRefs: [{name: web, port: 80}]}";
    let spec = |rules: &str| format!("{{parentRefs: [{{name: edge}}], rules: [{rules}]}}");
    let some = route("r", &spec(&format!("{bad}, {}", rule("good", "/good"))));
    assert_eq!(
        route_conditions(&some),
        [
            "Accepted=true Accepted",
            "ResolvedRefs=true ResolvedRefs",
            "PartiallyInvalid=true UnsupportedValue"
        ]
    );
    let compiled = at_edge(&(edge(HTTP) + &some));
    assert_eq!(served(&compiled.plan, "h", "/good").as_deref(), Some("good"), "the others are served");
    assert_eq!(codes(&compiled.diagnostics), [Code::SchemaValidationError]);
    assert_eq!(route_conditions(&route("r", &spec(bad)))[0], "Accepted=false UnsupportedValue");
}

#[test]
fn ga_11_ga_12_gateways_and_listeners() {
    let listeners = format!(
        "{HTTP}
  - {{name: tls, port: 443, protocol: TLS, tls: {{mode: Passthrough}}}}
  - {{name: https, port: 80, protocol: HTTPS, tls: {{certificateRefs: [{{name: cert}}]}}}}
  - {{name: lost, port: 8443, protocol: HTTPS, tls: {{certificateRefs: [{{name: cert}}]}}}}
  - {{name: kinds, port: 81, protocol: HTTP, allowedRoutes: {{kinds: [{{kind: TCPRoute}}]}}}}"
    );
    let text = edge(&listeners)
        + &route("r", &format!("{{parentRefs: [{{name: edge}}], rules: [{}]}}", rule("r", "/")))
        + &object("GatewayClass", "istio", "{controllerName: istio.io/gateway-controller}");
    let part = |part: &str| conditions(&text, "Gateway default/edge", part);
    assert_eq!(conditions(&text, "GatewayClass istio", ""), ["Accepted=true Accepted"]);
    assert_eq!(part(""), ["Accepted=true ListenersNotValid", "Programmed=true Programmed"]);
    let good = [
        "Accepted=true Accepted",
        "Conflicted=false NoConflicts",
        "ResolvedRefs=true ResolvedRefs",
        "Programmed=true Programmed",
    ];
    assert_eq!(part("listener http"), good);
    let with = |index: usize, text: &str| {
        let mut list = good.map(str::to_owned);
        list[index] = text.to_owned();
        list[3] = "Programmed=false Invalid".to_owned();
        list
    };
    assert_eq!(part("listener tls"), with(0, "Accepted=false UnsupportedValue"));
    assert_eq!(part("listener lost"), with(2, "ResolvedRefs=false InvalidCertificateRef"));
    assert_eq!(part("listener kinds"), with(2, "ResolvedRefs=false InvalidRouteKinds"));
    assert_eq!(part("listener https")[1], "Conflicted=true ProtocolConflict");
    let (documents, _) = Documents::parse([("mesh.yaml", &text)]);
    let status = gateway_status(&documents);
    let shown: String = status.iter().map(ToString::to_string).collect();
    assert!(
        shown.contains(
            "Gateway default/edge\n  Accepted=True (ListenersNotValid): 3 of 5 listeners are valid\n"
        ),
        "{shown}"
    );
    assert!(shown.contains("  listener http, 1 attached\n    Accepted=True (Accepted)\n"), "{shown}");
    let json = status[2].to_json();
    assert_eq!(json["resource"], "HTTPRoute default/r");
    assert_eq!(json["parts"][0]["conditions"][0]["status"], "True");
}

#[test]
fn ga_11_another_controllers_gateway_is_not_our_affair() {
    let text = edge(HTTP).replace("gatewayClassName: istio", "gatewayClassName: nginx")
        + &object("GatewayClass", "nginx", "{controllerName: nginx.org/gateway}")
        + &route("r", &format!("{{parentRefs: [{{name: edge}}], rules: [{}]}}", rule("r", "/")));
    let (documents, _) = Documents::parse([("mesh.yaml", &text)]);
    let status = gateway_status(&documents);
    assert_eq!(status.len(), 1);
    assert!(status[0].parts.is_empty());
    assert!(at_edge(&text).diagnostics.is_empty());
}
