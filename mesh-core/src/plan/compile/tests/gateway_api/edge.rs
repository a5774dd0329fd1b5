//! Gateways, their listeners and hosts.

use super::super::clusters;
use super::*;
use crate::plan::{ListenerProtocol, Material};

#[test]
fn ga_2_hosts_are_those_that_listener_and_route_share() {
    let text = edge("  - {name: http, port: 80, protocol: HTTP, hostname: '*.example.com'}")
        + &route(
            "a",
            &format!(
                "{{parentRefs: [{{name: edge}}], hostnames: [a.example.com, b.org], rules: [{}]}}",
                rule("a", "/")
            ),
        )
        + &route("all", &format!("{{parentRefs: [{{name: edge}}], rules: [{}]}}", rule("all", "/all")))
        + &route(
            "out",
            &format!("{{parentRefs: [{{name: edge}}], hostnames: [c.org], rules: [{}]}}", rule("out", "/")),
        );
    let compiled = at_edge(&text);
    let plan = &compiled.plan;
    assert_eq!(served(plan, "a.example.com", "/").as_deref(), Some("a"));
    assert_eq!(served(plan, "A.example.com:8080", "/").as_deref(), Some("a"), "port and case do not matter");
    assert_eq!(served(plan, "x.y.example.com", "/all").as_deref(), Some("all"), "any depth");
    for nowhere in ["example.com", "b.org", "c.org"] {
        assert_eq!(served(plan, nowhere, "/"), None, "{nowhere}");
    }
    let refused: Vec<_> =
        compiled.diagnostics.iter().filter(|one| one.code == Code::RouteNotAccepted).collect();
    assert_eq!(refused.len(), 1, "{}", compiled.diagnostics);
    assert_eq!(&*refused[0].origin.resource, "HTTPRoute default/out");
}

#[test]
fn ga_2_a_request_belongs_to_one_listener_of_its_port() {
    let listeners = "  - {name: a, port: 80, protocol: HTTP, hostname: a.example.com}\n  \
                     - {name: rest, port: 80, protocol: HTTP}";
    let hosts = "parentRefs: [{name: edge, sectionName: rest}], hostnames: [a.example.com, b.example.com]";
    let text = edge(listeners) + &route("rest", &format!("{{{hosts}, rules: [{}]}}", rule("rest", "/")));
    let plan = at_edge(&text).plan;
    assert_eq!(served(&plan, "b.example.com", "/").as_deref(), Some("rest"));
    assert_eq!(served(&plan, "a.example.com", "/"), None, "the narrower listener has no route");
}

/// MO-7: one order over all HTTPRoutes.
#[test]
fn ga_4_the_most_specific_match_of_all_routes_serves() {
    let hosts = "parentRefs: [{name: edge}], hostnames: [shop.test]";
    let named = |name: &str, matching: &str| {
        format!("{{name: {name}, matches: [{matching}], backendRefs: [{{name: web, port: 80}}]}}")
    };
    let method = named("method", "{path: {value: /api}, method: POST}");
    let header = named("header", "{path: {value: /api}, headers: [{name: x, value: y}]}");
    let query = named("query", "{path: {value: /api}, queryParams: [{name: q, value: '1'}]}");
    let exact = named("exact", "{path: {type: Exact, value: /api/v1}}");
    let regex = named("regex", "{path: {type: RegularExpression, value: '/r.*'}}");
    let text = edge(HTTP)
        + &route(
            "a",
            &format!("{{{hosts}, rules: [{}, {query}, {header}, {method}, {regex}]}}", rule("rest", "/")),
        )
        + &route(
            "b",
            &format!("{{{hosts}, rules: [{}, {}, {exact}]}}", rule("api", "/api"), rule("longer", "/api/v1")),
        );
    let compiled = at_edge(&text);
    assert!(compiled.diagnostics.is_empty(), "{}", compiled.diagnostics);
    let (none, mut some) = (HeaderMap::new(), HeaderMap::new());
    some.insert("x", http::HeaderValue::from_static("y"));
    for (method, path, headers, expected) in [
        ("GET", "/api/v1", &none, "exact"),
        ("GET", "/api/v1/x", &none, "longer"),
        ("POST", "/api/x?q=1", &some, "method"),
        ("GET", "/api/x?q=1", &some, "header"),
        ("GET", "/api/x?q=1", &none, "query"),
        ("GET", "/api", &none, "api"),
        ("GET", "/rx", &none, "regex"),
        ("GET", "/apis", &none, "rest"),
    ] {
        let route = route_for(&compiled.plan, method, "shop.test", path, headers);
        assert_eq!(route.map(|route| &*route.name), Some(expected), "{method} {path}");
    }
}

#[test]
fn ga_4_equal_matches_go_by_age_then_name_then_place() {
    let spec = |name: &str| {
        format!("{{parentRefs: [{{name: edge}}], rules: [{}, {}]}}", rule(name, "/a"), rule("second", "/a"))
    };
    let dated = |name: &str, year: &str| {
        route(name, &spec(name)).replace(
            &format!("{{name: {name}, namespace: default}}"),
            &format!("{{name: {name}, namespace: default, creationTimestamp: '{year}-01-01T00:00:00Z'}}"),
        )
    };
    let plan = at_edge(&(edge(HTTP) + &dated("a", "2024") + &dated("z", "2020"))).plan;
    assert_eq!(served(&plan, "h", "/a").as_deref(), Some("z"), "the oldest");
    let plan = at_edge(&(edge(HTTP) + &route("z", &spec("z")) + &route("b", &spec("b")))).plan;
    assert_eq!(served(&plan, "h", "/a").as_deref(), Some("b"), "the first by name");
    let names: Vec<_> =
        table(&plan, 80).hosts()[0].routes.iter().map(|route| route.name.to_string()).collect();
    assert_eq!(names, ["b", "second", "z", "second"]);
}

#[test]
fn ga_4_the_rules_of_longer_hosts_come_before_those_of_wider_ones() {
    let spec =
        |hosts: &str, rules: &str| format!("{{parentRefs: [{{name: edge}}]{hosts}, rules: [{rules}]}}");
    let text = edge(HTTP)
        + &route("wide", &spec("", &(rule("wide-exact", "/x/y/z") + ", " + &rule("wide", "/w"))))
        + &route("wild", &spec(", hostnames: ['*.test']", &rule("wild", "/x")))
        + &route("name", &spec(", hostnames: [a.test]", &rule("name", "/n")));
    let plan = at_edge(&text).plan;
    for (host, path, expected) in [
        ("a.test", "/n", Some("name")),
        ("a.test", "/x/y/z", Some("wild")),
        ("a.test", "/w", Some("wide")),
        ("b.test", "/x", Some("wild")),
        ("b.test", "/n", None),
        ("other", "/x/y/z", Some("wide-exact")),
    ] {
        assert_eq!(served(&plan, host, path).as_deref(), expected, "{host}{path}");
    }
}

#[test]
fn ga_12_https_listeners_take_their_certificate_from_a_secret() {
    let secret = |namespace: &str| {
        format!(
            "apiVersion: v1
kind: Secret
metadata: {{name: cert, namespace: {namespace}}}
stringData: {{tls.crt: CERT, tls.key: KEY}}
---
"
        )
    };
    let https = |more: &str| {
        edge(&format!(
            "  - name: https
    port: 443
    protocol: HTTPS
    hostname: a.test
    tls: {{certificateRefs: [{{name: cert{more}}}]}}"
        )) + &route("r", &format!("{{parentRefs: [{{name: edge}}], rules: [{}]}}", rule("r", "/")))
    };
    let material = |plan: &Plan| match &listener(plan, 443).protocol {
        ListenerProtocol::Https(certificates) => certificates[0].material.clone(),
        ListenerProtocol::Http => panic!("https"),
    };
    let inline = Material::Inline { certificate: (*b"CERT").into(), key: (*b"KEY").into() };
    let compiled = at_edge(&(https("") + &secret("default")));
    assert!(compiled.diagnostics.is_empty(), "{}", compiled.diagnostics);
    assert_eq!(material(&compiled.plan), inline);
    assert!(found(table(&compiled.plan, 443), "a.test", "/").is_some());
    let compiled = at_edge(&https(""));
    assert_eq!(material(&compiled.plan), Material::Missing, "the listener stands (GW-7)");
    assert_eq!(codes(&compiled.diagnostics), [Code::ReferencedResourceNotFound]);
    let far = https(", namespace: far") + &secret("far");
    let compiled = at_edge(&far);
    assert_eq!(material(&compiled.plan), Material::Missing);
    assert_eq!(codes(&compiled.diagnostics), [Code::ReferenceNotPermitted]);
    let grant = "
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]
  to: [{group: '', kind: Secret}]";
    let grant = object("ReferenceGrant", "far/g", grant);
    assert_eq!(material(&at_edge(&(far + &grant)).plan), inline);
}

#[test]
fn ga_12_routes_of_allowed_namespaces_and_kinds() {
    let spec = format!(
        "{{parentRefs: [{{name: edge, namespace: default}}], rules: [{}]}}",
        rule("r", "/").replace("{name: web, port: 80}", "{name: other, namespace: far, port: 80}")
    );
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: far, labels: {team: a}}\n---\n";
    let allowed = |allowed: &str| {
        let listener = format!("  - {{name: http, port: 80, protocol: HTTP, allowedRoutes: {allowed}}}");
        let text = edge(&listener) + &route_of("far", "r", &spec) + namespace;
        served(&at_edge(&text).plan, "h", "/").is_some()
    };
    for (written, expected) in [
        ("{}", false),
        ("{namespaces: {from: Same}}", false),
        ("{namespaces: {from: Selector}}", false),
        ("{namespaces: {from: Selector, selector: {matchExpressions: [{key: team, operator: Is}]}}}", false),
        (
            "{namespaces: {from: Selector, selector: {matchExpressions: [{key: team, operator: NotIn}]}}}",
            false,
        ),
        ("{namespaces: {from: All}}", true),
        ("{namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}", true),
        ("{namespaces: {from: Selector, selector: {matchLabels: {team: b}}}}", false),
        ("{namespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: far}}}}", true),
        (
            "{namespaces: {from: Selector, selector: {matchExpressions: [{key: team, operator: In, values: [a, b]}]}}}",
            true,
        ),
        (
            "{namespaces: {from: Selector, selector: {matchExpressions: [{key: team, operator: NotIn, values: [a]}]}}}",
            false,
        ),
        (
            "{namespaces: {from: Selector, selector: {matchExpressions: [{key: team, operator: Exists}]}}}",
            true,
        ),
        (
            "{namespaces: {from: Selector, selector: {matchExpressions: [{key: team, operator: DoesNotExist}]}}}",
            false,
        ),
        ("{namespaces: {from: All}, kinds: [{kind: GRPCRoute}]}", false),
        ("{namespaces: {from: All}, kinds: [{kind: GRPCRoute}, {kind: HTTPRoute}]}", true),
    ] {
        assert_eq!(allowed(written), expected, "{written}");
    }
}

#[test]
fn ga_12_a_listener_that_has_nothing_to_terminate_with_is_not_served() {
    let compiled = at_edge(&edge(&format!("{HTTP}\n  - {{name: https, port: 443, protocol: HTTPS}}")));
    let ports: Vec<u16> = compiled.plan.listeners.iter().map(|listener| listener.port).collect();
    assert_eq!(ports, [80]);
    assert_eq!(codes(&compiled.diagnostics), [Code::SchemaWarning]);
    assert!(!compiled.diagnostics.has_errors());
}

#[test]
fn ga_12_a_listener_that_is_not_implemented_leaves_the_others() {
    let listeners = format!(
        "  - {{name: tls, port: 443, protocol: TLS, tls: {{mode: Passthrough}}}}\n{HTTP}\n  \
         - {{name: odd, port: 81, protocol: example.com/odd}}"
    );
    let text = edge(&listeners)
        + &route("r", &format!("{{parentRefs: [{{name: edge}}], rules: [{}]}}", rule("r", "/")));
    let compiled = at_edge(&text);
    let ports: Vec<u16> = compiled.plan.listeners.iter().map(|listener| listener.port).collect();
    assert_eq!(ports, [80]);
    assert_eq!(served(&compiled.plan, "h", "/").as_deref(), Some("r"));
    assert_eq!(codes(&compiled.diagnostics), [Code::NotImplemented]);
}

#[test]
fn ga_1_classes_that_are_ours() {
    let class = |name: &str, controller: &str| {
        object("GatewayClass", name, &format!("{{controllerName: {controller}}}"))
    };
    let named =
        |name: &str| edge(HTTP).replace("gatewayClassName: istio", &format!("gatewayClassName: {name}"));
    for (text, expected) in [
        (named("istio"), 1),
        (named("custom"), 1),
        (named("custom") + &class("custom", "istio.io/gateway-controller"), 1),
        (named("custom") + &class("custom", "example.com/other"), 0),
        (named("istio") + &class("istio", "example.com/other"), 1),
    ] {
        assert_eq!(at_edge(&text).plan.listeners.len(), expected, "{text}");
    }
}

#[test]
fn ga_1_a_gateway_workload_serves_what_its_labels_or_its_service_name() {
    let described = |label: &str| {
        let labels = format!("{{app: proxy, version: v1, {label}}}");
        object("Deployment", "proxy", &format!("{{template: {{metadata: {{labels: {labels}}}}}}}"))
    };
    let count = |text: &str, workload: &str| {
        let options = CompileOptions { gateway: true, ..options(workload) };
        compile(&documents(text), &options, None).plan.listeners.len()
    };
    let two = edge(HTTP)
        + &edge("  - {name: more, port: 81, protocol: HTTP}")
            .replace(SERVICES, "")
            .replace("name: edge", "name: second");
    assert_eq!(
        count(&(two.clone() + &described("gateway.networking.k8s.io/gateway-name: edge")), "proxy"),
        1
    );
    assert_eq!(count(&(two.clone() + &described("istio.io/gateway-name: second")), "proxy"), 1);
    assert_eq!(
        count(&(two.clone() + &described("istio: ingressgateway")), "proxy"),
        0,
        "described as something else"
    );
    assert_eq!(count(&two, "proxy"), 2, "nobody describes it");
    assert_eq!(count(&two, "default/edge"), 1, "it has the name of one");
    let options =
        CompileOptions { gateway: true, workload: WorkloadSource::Unknown, ..CompileOptions::default() };
    assert_eq!(compile(&documents(&two), &options, None).plan.listeners.len(), 2);
    let service = object("Service", "lb", "{selector: {app: proxy}, ports: [{name: http, port: 80}]}");
    let addressed = edge(HTTP).replace(
        "  listeners:",
        "  addresses: [{type: Hostname, value: lb.default.svc.cluster.local}]\n  listeners:",
    );
    assert_eq!(count(&(addressed + &service + &described("a: b")), "proxy"), 1);
}

#[test]
fn gw_9_listeners_of_both_kinds_share_a_port() {
    let istio = object(
        "Gateway",
        "istio",
        "{servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [v.test]}]}",
    ) + &object(
        "VirtualService",
        "v",
        "
  hosts: [v.test]
  gateways: [istio]
  http: [{name: v, route: [{destination: {host: web}}]}]",
    );
    let text = edge(HTTP)
        + &istio
        + &route(
            "r",
            &format!("{{parentRefs: [{{name: edge}}], hostnames: [r.test], rules: [{}]}}", rule("r", "/")),
        );
    let plan = at_edge(&text).plan;
    assert_eq!(plan.listeners.len(), 1);
    assert_eq!(served(&plan, "v.test", "/").as_deref(), Some("v"));
    assert_eq!(served(&plan, "r.test", "/").as_deref(), Some("r"));
    let https =
        "  - name: http\n    port: 80\n    protocol: HTTPS\n    tls: {certificateRefs: [{name: cert}]}";
    let codes = codes(&at_edge(&(edge(https) + &istio)).diagnostics);
    assert!(codes.contains(&Code::ConflictingGateways));
}

#[test]
fn y_12_a_route_that_lost_its_backend_keeps_it_but_not_against_a_grant() {
    let grant = "
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]
  to: [{group: '', kind: Service}]";
    let grant = &object("ReferenceGrant", "far/g", grant);
    let spec =
        "{parentRefs: [{name: edge}], rules: [{backendRefs: [{name: other, namespace: far, port: 80}]}]}";
    let good = edge(HTTP) + &route("r", spec) + grant;
    let first = at_edge(&good).plan;
    let options = CompileOptions { gateway: true, ..CompileOptions::default() };
    let again = |text: &str| {
        let plan = compile(&documents(text), &options, Some(&first)).plan;
        let route = found(table(&plan, 80), "h", "/").unwrap();
        clusters(&plan, route)[0].0.clone()
    };
    assert_eq!(
        again(&good.replace("name: other, namespace: far, port", "name: gone, namespace: far, port")),
        "outbound|80||other.far.svc.cluster.local"
    );
    assert_eq!(again(&good.replace(grant, "")), "-", "leave that was taken back is gone at once");
}
