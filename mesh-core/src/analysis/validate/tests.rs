//! What a resource may not say by itself, rule by rule.

mod discovery;
mod gateway_api;

use crate::analysis::Code;
use crate::api::Documents;
use crate::api::decode::Strictness;
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
    for two in [
        [ROUTE, redirect],
        [ROUTE, direct],
        [ROUTE, delegate],
        [redirect, direct],
        [redirect, delegate],
        [direct, delegate],
    ] {
        let told = rule(&two.join(", "));
        assert!(told.len() == 1 && told[0].contains("excludes"), "{two:?} {told:?}");
    }
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

/// FI-1: what a fault may say; one without a kind of failure is told by a warning.
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
    assert_eq!(pool("idleTimeout: 500us").len(), 1);
    let cors = |age: &str| rule(&format!("corsPolicy: {{maxAge: {age}}}, {ROUTE}"));
    assert!(cors("2s").is_empty());
    assert_eq!(cors("1500ms").len(), 1);
    assert_eq!(rule(&format!("timeout: 1500ms, {ROUTE}")).len(), 0);
}

#[test]
fn va_8_redirects() {
    let redirect = |fields: &str| rule(&format!("redirect: {{{fields}}}"));
    let prefix = |fields: &str| rule(&format!("match: [{{uri: {{prefix: /a}}}}], redirect: {{{fields}}}"));
    for good in ["uri: /x", "authority: b", "scheme: https", "port: 8443", "uri: /x, redirectCode: 308"] {
        assert!(redirect(good).is_empty(), "{good}");
    }
    assert!(prefix("prefixRewrite: /b").is_empty());
    for bad in ["", "redirectCode: 302", "scheme: ftp", "prefixRewrite: /b", "uri: /x, redirectCode: 200"] {
        assert_eq!(redirect(bad).len(), 1, "{bad}");
    }
    assert_eq!(prefix("prefixRewrite: /b, uri: /x").len(), 1);
    assert!(!redirect("port: 80, derivePort: FROM_REQUEST_PORT").is_empty());
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
fn gw_1_gw_2_servers() {
    let gateway = |server: &str| errors("Gateway", &format!("{{servers: [{{{server}}}]}}"));
    let port = "port: {number: 80, name: http, protocol: HTTP}";
    for hosts in ["['*']", "[a.com]", "['*.a.com']", "[ns/a.com]", "[./a.com]", "['*/a.com']"] {
        assert!(gateway(&format!("{port}, hosts: {hosts}")).is_empty(), "{hosts}");
    }
    for hosts in ["[]", "[10.0.0.1]", "[A_B/a.com]", "['a.*.com']"] {
        assert_eq!(gateway(&format!("{port}, hosts: {hosts}")).len(), 1, "{hosts}");
    }
    assert_eq!(errors("Gateway", "{selector: {a: b}}").len(), 1, "no server");
    for bad in [
        "{number: 0, name: http, protocol: HTTP}",
        "{number: 80, protocol: HTTP}",
        "{number: 80, name: http, protocol: SMTP}",
        "{number: 80, name: http, protocol: UDP}",
        "{number: 80, name: http, protocol: HTTP, targetPort: 81}",
    ] {
        assert_eq!(gateway(&format!("port: {bad}, hosts: ['*']")).len(), 1, "{bad}");
    }
    let unix = "port: {number: 80, name: http, protocol: HTTP}, bind: 'unix:///run/a', hosts: ['*']";
    assert_eq!(gateway(unix).len(), 1);
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

#[test]
fn gw_3_tls_where_it_is_needed_and_nowhere_else() {
    let server = |protocol: &str, tls: &str| {
        let port = format!("port: {{number: 80, name: p, protocol: {protocol}}}");
        errors("Gateway", &format!("{{servers: [{{{port}, hosts: ['*']{tls}}}]}}"))
    };
    assert_eq!(server("HTTPS", "").len(), 1, "needed");
    assert!(server("HTTPS", ", tls: {mode: SIMPLE, credentialName: c}").is_empty());
    for protocol in ["HTTP", "HTTP2", "GRPC"] {
        assert!(server(protocol, ", tls: {httpsRedirect: true}").is_empty(), "{protocol}");
        assert_eq!(server(protocol, ", tls: {mode: SIMPLE, credentialName: c}").len(), 1, "{protocol}");
        for more in ["mode: SIMPLE", "serverCertificate: /c", "minProtocolVersion: TLSV1_2"] {
            let tls = format!(", tls: {{httpsRedirect: true, {more}}}");
            assert_eq!(server(protocol, &tls).len(), 1, "{protocol} {more}: not bare");
        }
        assert_eq!(server(protocol, ", tls: {}").len(), 1, "{protocol}");
    }
    assert!(
        server("HTTPS", ", tls: {httpsRedirect: true, mode: SIMPLE, credentialName: c}").is_empty(),
        "without effect is a warning"
    );
}

/// SC-8: one port at one address, however it is written, is one listener's.
#[test]
fn sc_2_egress_listeners_do_not_share_a_socket() {
    let egress = |first: &str, second: &str| {
        let listener =
            |more: &str| format!("{{port: {{number: 80, protocol: HTTP, name: a}}, hosts: ['*/*']{more}}}");
        errors("Sidecar", &format!("{{egress: [{}, {}]}}", listener(first), listener(second)))
    };
    let taken = ["spec.egress[1].port: another egress listener has this port"];
    assert_eq!(egress("", ""), taken);
    assert_eq!(egress(", bind: 'fd00::7'", ", bind: 'FD00:0::7'"), taken);
    assert_eq!(egress(", captureMode: NONE", ", bind: 127.0.0.1"), taken);
    assert!(egress(", captureMode: NONE", ", bind: 127.0.0.2").is_empty());
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
