//! The parts of a gateway that a refused document leaves in force.

use super::{SERVICE, action, gateway, listener, refused, request, table};

const EDGE: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec: {selector: {app: web}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wide}
spec: {hosts: ['*'], gateways: [edge], http: [{name: wide, route: [{destination: {host: a}}]}]}
---
";

#[test]
fn y_12_a_refused_virtual_service_at_a_gateway_does_not_fall_to_a_wider_one() {
    let narrow = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\n\
                  spec: {hosts: [a.org], gateways: [edge], http: [{nmae: good, route: [{destination: {host: a}}]}]}\n";
    let text = format!("{SERVICE}{EDGE}{narrow}");
    let first = gateway(&text, None);
    assert_eq!(request(&first, "a.org"), refused("VirtualService default/v"));
    assert_eq!(request(&first, "b.org"), "wide");
    let second = gateway(&text, Some(&gateway(&text.replace("nmae", "name"), None)));
    assert_eq!(request(&second, "a.org"), "good");
}

/// On a reload, the wider host goes on serving its requests.
#[test]
fn y_12_a_rule_for_a_new_host_that_never_was_good_leaves_the_wider_one() {
    let narrow = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\n\
                  spec: {hosts: [a.org], gateways: [edge], http: [{nmae: good, route: [{destination: {host: a}}]}]}\n";
    let before = gateway(&format!("{SERVICE}{EDGE}"), None);
    let second = gateway(&format!("{SERVICE}{EDGE}{narrow}"), Some(&before));
    assert_eq!(request(&second, "a.org"), "wide");
    let third = gateway(&format!("{SERVICE}{EDGE}{narrow}"), Some(&second));
    assert_eq!(request(&third, "a.org"), "wide");
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\n\
                 spec: {parentRefs: [{name: edge}], hostnames: [a.org], rules: [{timeouts: {request: 3}}]}\n";
    let api = SERVICE.to_owned() + &API.replace("CLASS", "istio");
    let second = gateway(&(api.clone() + route), Some(&gateway(&api, None)));
    assert_eq!(request(&second, "a.org"), "wide");
}

#[test]
fn y_12_a_refused_gateway_at_start_answers_503_for_its_hosts() {
    let safe = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: safe}\n\
                spec: {selector: {app: web}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.org], tls: {httpsRedirekt: true}}]}\n";
    let first = gateway(&format!("{SERVICE}{EDGE}{safe}"), None);
    assert_eq!(request(&first, "a.org"), refused("Gateway default/safe"), "not the wider host's rules");
    assert_eq!(request(&first, "b.org"), "wide");
    let alone = gateway(safe, None);
    assert_eq!(request(&alone, "a.org"), refused("Gateway default/safe"));
}

const API: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec: {gatewayClassName: CLASS, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: wide}
spec: {parentRefs: [{name: edge}], rules: [{name: wide, backendRefs: [{name: a, port: 80}]}]}
---
";

#[test]
fn ga_12_a_class_that_is_refused_still_says_whose_it_is() {
    let class = |controller: &str, rest: &str| {
        format!(
            "{SERVICE}{}apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {{name: theirs}}\n\
             spec: {{controllerName: {controller}, {rest}}}\n",
            API.replace("CLASS", "theirs")
        )
    };
    for rest in ["parametersRef: {group: x.io, kind: Parameters, name: p}", "nope: 1"] {
        assert_eq!(request(&gateway(&class("example.com/other", rest), None), "a.org"), "closed", "{rest}");
        let ours = gateway(&class("istio.io/gateway-controller", rest), None);
        assert_eq!(request(&ours, "a.org"), "wide", "{rest}");
    }
    assert_eq!(request(&gateway(&class("7.5", "nope: 1"), None), "a.org"), "closed", "it cannot be read");
}

#[test]
fn ga_12_parameters_of_a_gateway_leave_it_served() {
    let text = API.replace(
        "gatewayClassName: CLASS",
        "gatewayClassName: istio, infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: p}}",
    );
    let first = gateway(&(SERVICE.to_owned() + &text), None);
    assert_eq!(request(&first, "a.org"), "wide");
    assert!(!first.diagnostics.has_errors(), "{}", first.diagnostics);
}

#[test]
fn y_12_a_refused_gateway_of_the_gateway_api_at_start_answers_503_for_its_hosts() {
    let text =
        SERVICE.to_owned() + &API.replace("gatewayClassName: CLASS", "gatewayClassName: istio, nope: 1");
    let first = gateway(&text, None);
    assert_eq!(request(&first, "a.org"), refused("Gateway default/edge"));
    let good = SERVICE.to_owned() + &API.replace("CLASS", "istio");
    assert_eq!(request(&gateway(&text, Some(&gateway(&good, None))), "a.org"), "wide");
}

/// The standard: such a rule answers an error, and the others stay.
#[test]
fn ga_7_a_rule_with_a_filter_that_is_refused_answers_500_and_the_others_stay() {
    for (kind, path) in [("HTTPRoute", "{path: {value: /x}}"), ("GRPCRoute", "{method: {service: x}}")] {
        for filter in [
            "{type: ExternalAuth, externalAuth: {}}",
            "{type: Banana}",
            "{type: RequestHeaderModifier, requestHeaderModifier: {ste: []}}",
            "{nope: 1}",
        ] {
            let route = format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: r}}\n\
                 spec: {{parentRefs: [{{name: edge}}], hostnames: [a.org], rules: [\
                 {{name: x, matches: [{path}], filters: [{filter}], backendRefs: [{{name: a, port: 80}}]}}, \
                 {{name: rest, backendRefs: [{{name: a, port: 80}}]}}]}}\n"
            );
            let text = SERVICE.to_owned() + &API.replace("CLASS", "istio") + &route;
            let first = gateway(&text, None);
            assert!(first.diagnostics.has_errors(), "{filter}");
            let routes = &table(&first, "gateway|80").unwrap().host("a.org").unwrap().routes;
            let did: Vec<String> = routes.iter().map(|route| action(route)).collect();
            assert_eq!(did[..2], ["500".to_owned(), "rest".to_owned()], "{kind} {filter}");
            let good = text.replace(&format!("filters: [{filter}], "), "");
            let second = gateway(&text, Some(&gateway(&good, None)));
            let routes = &table(&second, "gateway|80").unwrap().host("a.org").unwrap().routes;
            assert_eq!(action(&routes[0]), "x", "on a reload the last good version stays");
        }
    }
}

#[test]
fn ga_11_the_status_names_the_rule_that_is_refused() {
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\n\
                 spec: {parentRefs: [{name: edge}], rules: [{filters: [{type: Banana}]}, {name: rest}]}\n";
    let text = API.replace("CLASS", "istio") + route;
    let (documents, _) = mesh_core::api::Documents::parse([("mesh.yaml", text)]);
    let status = mesh_core::plan::gateway_status(&documents);
    let route = status.iter().find(|one| one.resource == "HTTPRoute default/r").unwrap();
    let conditions = &route.parts[0].conditions;
    assert!(conditions.iter().any(|one| one.kind == "PartiallyInvalid" && one.holds), "{conditions:?}");
}

#[test]
fn y_12_a_refused_http_route_at_start_answers_503_for_its_hosts() {
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\n\
                 spec: {parentRefs: [{name: edge}], hostnames: [a.org], rules: [{name: good, timeouts: {request: 3}, backendRefs: [{name: a, port: 80}]}]}\n";
    let text = SERVICE.to_owned() + &API.replace("CLASS", "istio") + route;
    let first = gateway(&text, None);
    assert_eq!(request(&first, "a.org"), refused("HTTPRoute default/r"));
    assert_eq!(request(&first, "b.org"), "wide");
    let second = gateway(&text, Some(&gateway(&text.replace("request: 3", "request: 3s"), None)));
    assert_eq!(request(&second, "a.org"), "good");
}

#[test]
fn ga_12_a_refused_namespace_at_start_is_not_selected() {
    let text = SERVICE.to_owned()
        + &API.replace("CLASS", "istio").replace(
            "protocol: HTTP}",
            "protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: {matchExpressions: [{key: shut, operator: DoesNotExist}]}}}}",
        )
        + "apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {shut: {}}}\n";
    assert_eq!(request(&gateway(&text, None), "a.org"), "no route");
}

#[test]
fn ga_6_a_refused_grant_at_start_lets_nothing_in() {
    let text = SERVICE.replace("metadata: {name: a", "metadata: {namespace: b, name: a")
        + &API.replace("CLASS", "istio").replace("{name: a, port: 80}", "{name: a, namespace: b, port: 80}")
        + "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {name: g, namespace: b}\n\
           spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}], to: [{group: '', kind: Service, nmae: a}]}\n";
    assert_eq!(request(&gateway(&text, None), "a.org"), "500");
    let good = gateway(&text.replace("nmae", "name"), None);
    assert_eq!(request(&good, "a.org"), "wide");
    assert_eq!(request(&gateway(&text, Some(&good)), "a.org"), "wide");
}

#[test]
fn gw_7_a_refused_secret_at_start_leaves_its_listener_without_a_certificate() {
    use mesh_core::plan::{ListenerProtocol, Material};
    let text = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge}\n\
                spec: {selector: {app: web}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: c}}]}\n\
                ---\napiVersion: v1\nkind: Secret\nmetadata: {name: c}\ndata: {tls.crt: Yg==, tls.key: Yg==}\n";
    let kind = |loaded: &mesh_core::plan::Loaded| match &listener(loaded, "gateway|443").unwrap().protocol {
        ListenerProtocol::Https(certificates) => {
            certificates.iter().all(|one| one.material == Material::Missing)
        }
        ListenerProtocol::Http => panic!("it speaks TLS"),
    };
    let good = gateway(text, None);
    assert!(!kind(&good));
    let bad = text.replace("tls.crt: Yg==", "tls.crt: '*'");
    assert!(kind(&gateway(&bad, None)));
    assert!(!kind(&gateway(&bad, Some(&good))));
}

/// A refused rule that gains a host on a reload does not keep a good one from it.
#[test]
fn y_12_a_good_rule_for_a_new_host_is_served_beside_a_refused_one() {
    let rule = |name: &str, hosts: &str, key: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\n\
             spec: {{hosts: [{hosts}], gateways: [edge], http: [{{{key}: {name}, route: [{{destination: {{host: a}}}}]}}]}}\n---\n"
        )
    };
    let first = gateway(&format!("{SERVICE}{EDGE}{}", rule("bad", "a.org", "nmae")), None);
    for good in ["aaa", "zzz"] {
        let news = rule("bad", "a.org, b.org", "nmae") + &rule(good, "b.org", "name");
        let second = gateway(&format!("{SERVICE}{EDGE}{news}"), Some(&first));
        assert_eq!(request(&second, "a.org"), refused("VirtualService default/bad"));
        assert_eq!(request(&second, "b.org"), good);
    }
}
