//! Mistakes within one resource, rule by rule.

mod discovery;
mod durations;
mod edges;
mod gateway_api;
mod listeners;

use crate::api::Documents;
use crate::api::decode::Strictness;
use crate::diagnostic::Code;
use crate::plan::{CompileOptions, compile};

/// The errors of one resource: `path: message` each.
fn errors(kind: &str, spec: &str) -> Vec<String> {
    let text =
        format!("apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n");
    let (_, found) = Documents::parse([("a.yaml", text)]);
    let errors = found.iter().filter(|finding| finding.is_error());
    errors.map(|finding| format!("{}: {}", finding.origin.path, finding.message)).collect()
}

fn service(spec: &str) -> Vec<String> {
    errors("VirtualService", spec)
}

/// The error of a rule whose fields these are.
fn rule(fields: &str) -> Vec<String> {
    service(&format!("{{hosts: [a], http: [{{{fields}}}]}}"))
}

const TO: &str = "http: [{route: [{destination: {host: a}}]}]";
const ROUTE: &str = "route: [{destination: {host: a}}]";

#[test]
fn vs_1_a_service_has_rules_and_a_delegate_has_nothing_else() {
    assert_eq!(service("{hosts: [a]}"), ["spec: one of `http`, `tls` and `tcp` is needed"]);
    assert!(service(&format!("{{hosts: [a], {TO}}}")).is_empty());
    assert!(service(&format!("{{{TO}}}")).is_empty(), "a delegate");
    let told = service(&format!("{{gateways: [mesh], {TO}}}"));
    assert_eq!(told, ["spec.gateways: a delegate (a VirtualService without `hosts`) cannot have it"]);
}

#[test]
fn vs_2_hosts_do_not_overlap_and_the_mesh_has_no_catch_all() {
    for gateways in ["", "gateways: [mesh], ", "gateways: [edge, mesh], "] {
        let told = service(&format!("{{hosts: ['*'], {gateways}{TO}}}"));
        assert_eq!(told, ["spec.hosts[0]: `*` would catch all traffic of the mesh"], "{gateways}");
    }
    assert!(service(&format!("{{hosts: ['*'], gateways: [edge], {TO}}}")).is_empty());
    let told = service(&format!("{{hosts: ['*.b.com', b.com, a.b.com], {TO}}}"));
    assert_eq!(told, ["spec.hosts[2]: `a.b.com` overlaps `*.b.com`"]);
    assert!(service(&format!("{{hosts: [10.0.0.1, '::1'], {TO}}}")).is_empty());
}

#[test]
fn vs_6_a_rule_has_exactly_one_action() {
    let redirect = "redirect: {uri: /x}";
    let direct = "directResponse: {status: 200}";
    let delegate = "delegate: {name: b}";
    for one in [ROUTE, redirect, direct, delegate] {
        assert!(rule(one).is_empty(), "{one}");
    }
    assert_eq!(rule("name: nothing").len(), 1);
    for two in
        [[ROUTE, redirect], [ROUTE, direct], [ROUTE, delegate], [redirect, direct], [redirect, delegate]]
    {
        let told = rule(&two.join(", "));
        assert!(told.len() == 1 && told[0].contains("excludes"), "{two:?} {told:?}");
    }
    assert!(rule(&[direct, delegate].join(", ")).is_empty(), "the delegate's rules stand in its place");
    for answer in [redirect, direct] {
        for beside in ["fault: {abort: {httpStatus: 500}}", "rewrite: {uri: /y}"] {
            let told = rule(&format!("{answer}, {beside}"));
            assert!(told.len() == 1 && told[0].contains("has no effect"), "{answer} {beside} {told:?}");
        }
    }
    let mirrors = "mirror: {host: b}, mirrors: [{destination: {host: b}}]";
    assert_eq!(rule(&format!("{ROUTE}, {mirrors}")), ["spec.http[0].mirrors: excludes `mirror`"]);
}

#[test]
fn vm_2_empty_texts_and_bad_expressions() {
    let block = |block: &str| rule(&format!("{ROUTE}, match: [{{{block}}}]"));
    for good in [
        "uri: {prefix: ''}",
        "headers: {x: {}}",
        "headers: {x: {regex: '*'}}",
        "queryParams: {q: {exact: ''}}",
        "method: {exact: GET}",
    ] {
        assert!(block(good).is_empty(), "{good}");
    }
    for bad in [
        "uri: {regex: ''}",
        "uri: {regex: '*'}",
        "method: {prefix: ''}",
        "headers: {x: {prefix: ''}}",
        "headers: {x: {regex: '('}}",
        "headers: {'x y': {exact: a}}",
        "headers: {':status': {exact: a}}",
        "authority: {regex: '(?=a)'}",
    ] {
        assert_eq!(block(bad).len(), 1, "{bad}");
    }
}

#[test]
fn vm_8_claims_are_for_gateways_and_have_a_path() {
    let claim = |head: &str, name: &str| {
        let matches = format!("match: [{{headers: {{'{name}': {{exact: x}}}}}}]");
        service(&format!("{{{head}http: [{{{matches}, {ROUTE}}}]}}"))
    };
    let name = "@request.auth.claims.groups";
    assert_eq!(claim("hosts: [a], ", name).len(), 1, "the mesh verifies none");
    assert!(claim("hosts: [a], gateways: [edge], ", name).is_empty());
    assert!(claim("", name).is_empty(), "a delegate is bound where its root is");
    assert_eq!(claim("hosts: [a], gateways: [edge], ", "@request.auth.claims").len(), 1);
}

/// FI-1: what a fault may say; one without a kind of failure gives a warning.
#[test]
fn fi_1_faults() {
    let fault = |fields: &str| rule(&format!("fault: {{{fields}}}, {ROUTE}"));
    for good in [
        "delay: {fixedDelay: 1ms}",
        "abort: {httpStatus: 200}",
        "abort: {httpStatus: 599, percentage: {value: 100}}",
        "abort: {grpcStatus: UNAVAILABLE, percentage: {value: 0.0001}}",
        "delay: {fixedDelay: 1s, percent: 5}",
        "abort: {percentage: {value: 10}}",
    ] {
        assert!(fault(good).is_empty(), "{good}: {:?}", fault(good));
    }
    for bad in [
        "",
        "delay: {fixedDelay: 500us}",
        "abort: {httpStatus: 199}",
        "abort: {httpStatus: 600}",
        "abort: {grpcStatus: UNAVAILABEL}",
        "abort: {httpStatus: 500, percentage: {value: 101}}",
        "abort: {httpStatus: 500, percentage: {value: 0.00001}}",
        "delay: {exponentialDelay: 1s}",
        "abort: {http2Error: x}",
    ] {
        assert!(!fault(bad).is_empty(), "{bad}");
    }
}

/// Y-6: the durations that have a rule of their own.
#[test]
fn y_6_durations_with_a_rule_of_their_own() {
    let pool = |of: &str| {
        let spec = format!("{{host: a, trafficPolicy: {{connectionPool: {{tcp: {{{of}}}}}}}}}");
        errors("DestinationRule", &spec)
    };
    assert!(pool("idleTimeout: 0s").is_empty());
    assert_eq!(pool("connectTimeout: 0s").len(), 1);
    assert!(pool("idleTimeout: 500us").is_empty(), "less than a millisecond is off");
    assert_eq!(pool("idleTimeout: 1500us").len(), 1);
    let cors = |age: &str| rule(&format!("corsPolicy: {{maxAge: {age}}}, {ROUTE}"));
    assert!(cors("2s").is_empty());
    assert_eq!(cors("1500ms").len(), 1);
    assert_eq!(cors("0s").len(), 1);
    let balancer = |of: &str| {
        errors("DestinationRule", &format!("{{host: a, trafficPolicy: {{loadBalancer: {{{of}}}}}}}"))
    };
    assert!(balancer("warmupDurationSecs: 1.0005s").is_empty(), "a fraction of a millisecond is one here");
    assert_eq!(balancer("warmupDurationSecs: 500us").len(), 1);
    assert_eq!(balancer("warmup: {duration: 1.0005s}").len(), 1);
    let budget = |of: &str| {
        errors("DestinationRule", &format!("{{host: a, trafficPolicy: {{retryBudget: {{{of}}}}}}}"))
    };
    assert!(budget("budgetInterval: 500us").is_empty());
    assert_eq!(rule(&format!("timeout: 1500ms, {ROUTE}")).len(), 0);
}

#[test]
fn va_8_redirects() {
    let redirect = |fields: &str| rule(&format!("redirect: {{{fields}}}"));
    let prefix = |fields: &str| rule(&format!("match: [{{uri: {{prefix: /a}}}}], redirect: {{{fields}}}"));
    for good in [
        "uri: /x",
        "authority: b",
        "scheme: https",
        "port: 8443",
        "port: 0",
        "uri: /x, redirectCode: 308",
        "prefixRewrite: /b",
        "prefixRewrite: /b, uri: ''",
    ] {
        assert!(redirect(good).is_empty(), "{good}");
    }
    assert!(prefix("prefixRewrite: /b").is_empty());
    for bad in ["", "uri: ''", "redirectCode: 302", "scheme: ftp", "uri: /x, redirectCode: 200"] {
        assert_eq!(redirect(bad).len(), 1, "{bad}");
    }
    assert_eq!(rule("match: [{uri: {exact: /a}}], redirect: {prefixRewrite: /b}").len(), 1);
    assert!(rule("match: [{port: 80}], redirect: {prefixRewrite: /b}").is_empty());
    assert_eq!(prefix("prefixRewrite: /b, uri: /x").len(), 1);
    assert!(!redirect("port: 80, derivePort: FROM_REQUEST_PORT").is_empty());
}

/// Each is reported once, at its place, and is no error.
#[test]
fn va_4_headers_that_frame_a_message_are_told_of() {
    let operations = "{set: {content-length: '3', x-a: b}, add: {Connection: close}, remove: [upgrade, x-b]}";
    let rules = format!(
        "http: [{{headers: {{request: {operations}}}, route: [{{destination: {{host: a}}, headers: \
         {{response: {operations}}}}}]}}]"
    );
    let modifier = "{set: [{name: transfer-encoding, value: chunked}], remove: [keep-alive, x-b]}";
    let filter = format!("{{type: ResponseHeaderModifier, responseHeaderModifier: {modifier}}}");
    for (document, count) in [
        (
            format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: a}}\nspec: {{hosts: [a], {rules}}}\n"
            ),
            6,
        ),
        (
            format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: a}}\nspec: {{rules: [{{filters: [{filter}]}}]}}\n"
            ),
            2,
        ),
    ] {
        let (_, found) = Documents::parse([("a.yaml", &*document)]);
        assert!(!found.has_errors(), "{found:?}");
        let told: Vec<_> = found.iter().filter(|one| one.code == Code::SchemaWarning).collect();
        assert_eq!(told.len(), count, "{told:?}");
        assert!(told.iter().all(|one| one.origin.line > 0 && one.message.contains("frames")), "{told:?}");
    }
}

#[test]
fn va_9_fixed_answers() {
    let direct = |status: u32, size: usize| {
        rule(&format!("directResponse: {{status: {status}, body: {{string: {}}}}}", "x".repeat(size)))
    };
    assert!(direct(200, 100 * 1024 + 1).is_empty(), "large is a warning");
    assert!(direct(599, 1).is_empty());
    assert_eq!(direct(199, 1).len(), 1);
    assert_eq!(direct(600, 1).len(), 1);
    assert_eq!(direct(200, 1024 * 1024 + 1).len(), 1);
}

#[test]
fn tl_2_client_tls_names_each_file_once() {
    let tls = |settings: &str| {
        errors("DestinationRule", &format!("{{host: a, trafficPolicy: {{tls: {{{settings}}}}}}}")).len()
    };
    assert_eq!(tls("mode: SIMPLE"), 0);
    assert_eq!(tls("mode: SIMPLE, insecureSkipVerify: true"), 0);
    assert_eq!(tls("mode: SIMPLE, caCertificates: /ca.pem, subjectAltNames: [a.test]"), 0);
    for verified in ["caCertificates: /ca.pem", "subjectAltNames: [a.test]"] {
        assert_eq!(tls(&format!("mode: SIMPLE, insecureSkipVerify: true, {verified}")), 1, "{verified}");
    }
}

/// N-1: what stands in the names of resources.
#[test]
fn n_1_a_part_of_a_name_may_be_long() {
    let found = |head: &str, meta: &str| {
        let (_, found) = Documents::parse([("a.yaml", format!("{head}\nmetadata: {{{meta}}}\n"))]);
        found.iter().filter(|finding| finding.is_error()).count()
    };
    let long = "a".repeat(64);
    const SECRET: &str = "apiVersion: v1\nkind: Secret";
    const SERVICE: &str = "apiVersion: v1\nkind: Service\nspec: {ports: [{port: 80}]}";
    assert_eq!(found(SECRET, &format!("name: {long}.b")), 0);
    assert_eq!(found(SECRET, &format!("name: {}", "a".repeat(254))), 1);
    assert_eq!(found(SERVICE, &format!("name: {long}")), 1);
    assert_eq!(found(SERVICE, "name: a.b"), 1);
    assert_eq!(found(SECRET, "name: a, labels: {a.b/c: d, e: ''}, annotations: {A.b/c: 'd e'}"), 0);
    assert_eq!(found(SECRET, "name: a, labels: {'a b': c}"), 1);
    assert_eq!(found(SECRET, "name: a, labels: {a: 'b c'}"), 1);
    assert_eq!(found(SECRET, "name: a, annotations: {'a b': c}"), 1);
}

/// VA-4: the authority is set in one place.
#[test]
fn va_4_the_authority_is_set_once() {
    let sets = |rewrite: &str, request: &str| {
        rule(&format!("{ROUTE}, {rewrite}headers: {{request: {{{request}}}}}")).len()
    };
    assert_eq!(sets("", "set: {':authority': b}"), 0);
    assert_eq!(sets("", "add: {Host: b}"), 0);
    assert_eq!(sets("rewrite: {uri: /b}, ", "set: {host: b}"), 0);
    assert_eq!(sets("rewrite: {authority: c}, ", "set: {host: b}"), 1);
    assert_eq!(sets("", "set: {host: b}, add: {':authority': c}"), 1);
}

/// Rules for connections aren't served, and their mistakes are reported all the same.
#[test]
fn rules_for_connections_are_judged_as_istio_judges_them() {
    let wrong = |rules: &str| {
        let told = service(&format!("{{hosts: [a.test], {rules}}}"));
        told.iter().filter(|error| !error.contains("not implemented")).count()
    };
    const TO: &str = "route: [{destination: {host: a.test}}]";
    assert_eq!(wrong(&format!("tcp: [{{match: [{{port: 80}}], {TO}}}]")), 0);
    assert_eq!(wrong(&format!("tls: [{{match: [{{sniHosts: [a.test]}}], {TO}}}]")), 0);
    for bad in [
        "tcp: [{match: [{port: 80}]}]".to_owned(),
        format!("tcp: [{{match: [{{port: 65536}}], {TO}}}]"),
        format!("tcp: [{{match: [{{destinationSubnets: [10.0.0.1/33]}}], {TO}}}]"),
        format!("tls: [{{{TO}}}]"),
        format!("tls: [{{match: [{{sniHosts: []}}], {TO}}}]"),
        format!("tls: [{{match: [{{sniHosts: [b.test]}}], {TO}}}]"),
        format!("tls: [{{match: [{{sniHosts: ['a.test:80']}}], {TO}}}]"),
        format!("tls: [{{match: [{{sniHosts: [a.test], sourceLabels: {{'a b': c}}}}], {TO}}}]"),
    ] {
        assert_eq!(wrong(&bad), 1, "{bad}");
    }
}

/// H-5
#[test]
fn h_5_gateways_are_named_by_name_or_with_their_namespace() {
    let gateways = |list: &str| service(&format!("{{hosts: [a.test], gateways: [{list}], {TO}}}")).len();
    for good in ["mesh", "ns/gw", "A.Test", "gw.ns.svc.cluster.local", "gw, us/a/b"] {
        assert_eq!(gateways(good), 0, "{good}");
    }
    for bad in ["'1'", "./gw", "ns/a.b", "'a b'", "a_b", "us/a/b, gw", "''"] {
        assert_eq!(gateways(bad), 1, "{bad}");
    }
}

/// Y-9: what a validator knows and we do not implement is judged as a field is.
#[test]
fn y_9_under_istio_runtime_a_value_that_is_not_implemented_costs_no_resource() {
    let text = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}
  - {port: {number: 81, name: tcp, protocol: TCP}, hosts: ['*']}
  - {port: {number: 82, name: https, protocol: HTTPS}, hosts: ['*'], tls: {credentialName: c}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: mesh
  addresses: [{value: 10.0.0.1}]
  listeners: [{name: a, port: 83, protocol: HTTP}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: p}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]
  healthCheck: {active: {type: TCP, tcp: {}}}
";
    let (strict, _) = Documents::parse([("a.yaml", text)]);
    let kept =
        |one: &Documents| (one.gateways.len(), one.k8s_gateways.len(), one.backend_traffic_policies.len());
    assert_eq!(kept(&strict), (0, 0, 0));
    let (lenient, found) = Documents::parse_with([("a.yaml", text)], Strictness::Lenient);
    assert_eq!(kept(&lenient), (1, 1, 1), "{found}");
    let told = found.iter().filter(|finding| finding.code == Code::NotImplemented);
    assert_eq!(told.count(), 4, "{found}");
    let options = CompileOptions { gateway: true, istio_runtime: true, ..CompileOptions::default() };
    let compiled = compile(&lenient, &options, None);
    let ports: Vec<u16> = compiled.plan.listeners.iter().map(|listener| listener.port).collect();
    assert_eq!(ports, [80, 82, 83]);
    assert!(!compiled.diagnostics.has_errors(), "{}", compiled.diagnostics);
}

/// DR-4
#[test]
fn dr_4_a_rule_with_a_selector_stays_in_its_namespace() {
    let told = |export: &str| {
        errors(
            "DestinationRule",
            &format!("{{host: a, workloadSelector: {{matchLabels: {{app: a}}}}{export}}}"),
        )
    };
    for own in ["", ", exportTo: [.]", ", exportTo: [default]"] {
        assert!(told(own).is_empty(), "{own}");
    }
    for (beyond, name) in [(", exportTo: ['*']", "*"), (", exportTo: [other]", "other")] {
        let message =
            format!("spec.exportTo[0]: a rule with a `workloadSelector` is not exported to `{name}`");
        assert_eq!(told(beyond), [message]);
    }
    assert!(errors("DestinationRule", "{host: a, exportTo: [other]}").is_empty());
}

/// GA-12
#[test]
fn ga_12_a_listener_that_terminates_names_its_certificate() {
    let listener = |tls: &str| {
        let (_, found) = Documents::parse([(
            "a.yaml",
            format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: a}}\nspec:\n  gatewayClassName: mesh\n  \
                 listeners: [{{name: a, port: 443, protocol: HTTPS, tls: {{{tls}}}}}]\n"
            ),
        )]);
        found.has_errors()
    };
    assert!(listener(""));
    assert!(listener("mode: Terminate"));
    assert!(!listener("mode: Terminate, certificateRefs: [{name: c}]"));
}
