//! Listeners of gateways (GW).

use super::yaml::object;
use super::{codes, documents, found, gateway, options};
use crate::api::Documents;
use crate::diagnostic::Code;
use crate::plan::compile::{CompileOptions, compile};
use crate::plan::{
    CipherSuite, Listener, ListenerProtocol, ListenerRoutes, Material, Plan, TlsTerms, TlsVersion,
};
use crate::route::{Action, RouteTable};

const EDGE: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge}
spec: {template: {metadata: {labels: {app: edge, version: v1, istio: ingressgateway}}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{name: http, port: 8000}]}
---
apiVersion: v1
kind: Secret
metadata: {name: cert}
stringData: {tls.crt: CERT, tls.key: KEY}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*.example.com"]
    tls: {httpsRedirect: true}
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["*.example.com"]
    tls: {mode: SIMPLE, credentialName: cert}
  - port: {number: 8080, name: plain, protocol: HTTP}
    hosts: ["./a.example.com", "other/b.example.com"]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: not-ours}
spec:
  selector: {istio: somebody-else}
  servers: [{port: {number: 9999, name: http, protocol: HTTP}, hosts: ["*"]}]
"#;

fn service(name: &str, hosts: &str, rules: &str) -> String {
    let spec = format!("\n  hosts: {hosts}\n  gateways: [edge]\n  http:\n{rules}");
    object("VirtualService", name, &spec)
}

fn listener(plan: &Plan, port: u16) -> &Listener {
    plan.listeners.iter().find(|listener| listener.port == port).expect("the listener exists")
}

fn table(plan: &Plan, port: u16) -> &RouteTable {
    match &listener(plan, port).routes {
        ListenerRoutes::Table(table) => table,
        ListenerRoutes::ByAuthority | ListenerRoutes::ByAuthorityOf(_) => panic!("a gateway has a table"),
    }
}

#[test]
fn gw_2_gw_4_gw_7_servers_become_listeners() {
    let rules = "  - {name: all, route: [{destination: {host: web}}]}";
    let compiled = gateway(&format!("{EDGE}{}", service("all", "[\"*\"]", rules)), "edge");
    let plan = &compiled.plan;
    assert!(!compiled.diagnostics.has_errors(), "{:#}", compiled.diagnostics);
    let ports: Vec<u16> = plan.listeners.iter().map(|listener| listener.port).collect();
    assert_eq!(ports, [80, 443, 8080], "Gateways for other workloads do not count");

    let redirect = found(table(plan, 80), "a.example.com", "/x").unwrap();
    let Action::Redirect(redirect) = &redirect.action else { panic!("GW-4") };
    assert_eq!((redirect.status.as_u16(), redirect.scheme.as_deref()), (301, Some("https")));

    let ListenerProtocol::Https(certificates) = &listener(plan, 443).protocol else { panic!("https") };
    assert_eq!(certificates[0].hosts, ["*.example.com"]);
    assert_eq!(
        certificates[0].material,
        Material::Inline { certificate: (*b"CERT").into(), key: (*b"KEY").into() }
    );
    assert_eq!(&*found(table(plan, 443), "x.example.com", "/").unwrap().name, "all");
    assert!(found(table(plan, 443), "example.org", "/").is_none(), "the narrower host is served");
    assert!(found(table(plan, 8080), "a.example.com", "/").is_some());
    assert!(found(table(plan, 8080), "b.example.com", "/").is_none(), "only for namespace other");
}

/// GW-2: an address is a host like another one, and a unix socket is told instead of standing at a port.
#[test]
fn gw_2_a_gateway_serves_an_address_and_no_unix_socket() {
    let rules = "  - {name: all, route: [{destination: {host: web}}]}";
    let all = service("all", "[\"*\"]", rules);
    let address = EDGE.replace(r#"["./a.example.com", "other/b.example.com"]"#, "[10.0.0.1]");
    let plan = gateway(&format!("{address}{all}"), "edge").plan;
    assert!(found(table(&plan, 8080), "10.0.0.1:8080", "/").is_some());
    assert!(found(table(&plan, 8080), "10.0.0.2:8080", "/").is_none());
    let bound = "number: 0, name: plain, protocol: HTTP}\n    bind: unix:///run/a";
    let unix = EDGE.replace("number: 8080, name: plain, protocol: HTTP}", bound);
    let compiled = gateway(&format!("{unix}{all}"), "edge");
    let ports: Vec<u16> = compiled.plan.listeners.iter().map(|listener| listener.port).collect();
    assert_eq!(ports, [80, 443]);
    assert!(codes(&compiled.diagnostics).contains(&Code::NotImplemented));
}

/// MO-1: at a gateway.
#[test]
fn vs_3_rules_of_several_resources_follow_each_other_catch_alls_last() {
    let first = "  - {name: a1, match: [{uri: {prefix: /a}}], route: [{destination: {host: web}}]}\n  \
                 - {name: rest, match: [{uri: {prefix: /}}], route: [{destination: {host: web}}]}";
    let second = "  - {name: b1, match: [{uri: {prefix: /b}}], route: [{destination: {host: web}}]}";
    let text = format!(
        "{EDGE}{}{}",
        service("a", "[a.example.com]", first),
        service("b", "[a.example.com]", second)
    );
    let plan = gateway(&text, "edge").plan;
    let host = table(&plan, 8080).host("a.example.com").unwrap();
    let names: Vec<_> = host.routes.iter().map(|route| route.name.to_string()).collect();
    assert_eq!(names, ["a1", "b1", "rest"]);
}

#[test]
fn gw_7_a_missing_credential_leaves_the_listener_standing() {
    let text = EDGE.replace("credentialName: cert", "credentialName: crt");
    let compiled = gateway(&text, "edge");
    let ListenerProtocol::Https(certificates) = &listener(&compiled.plan, 443).protocol else {
        panic!("https")
    };
    assert_eq!(certificates[0].material, Material::Missing);
    assert_eq!(codes(&compiled.diagnostics)[0], Code::ReferencedResourceNotFound);
}

#[test]
fn y_12_a_credential_that_went_missing_is_kept() {
    let first = gateway(EDGE, "edge");
    let gone = documents(&EDGE.replace("metadata: {name: cert}", "metadata: {name: other}"));
    let again = CompileOptions { gateway: true, ..options("edge") };
    let second = compile(&gone, &again, Some(&first.plan));
    assert_eq!(listener(&second.plan, 443).protocol, listener(&first.plan, 443).protocol);
    assert!(second.stale_hosts.contains("*.example.com"));
    assert!(second.diagnostics.has_errors());
}

#[test]
fn ist0145_two_gateways_serve_one_host() {
    let text = EDGE.replace("istio: somebody-else", "istio: ingressgateway").replace("9999", "8080");
    let text = text.replace("hosts: [\"*\"]", "hosts: [./a.example.com]");
    assert!(codes(&gateway(&text, "edge").diagnostics).contains(&Code::ConflictingGateways));
}

#[test]
fn ist0132_a_host_that_the_gateway_does_not_serve() {
    let rules = "  - {route: [{destination: {host: web}}]}";
    let compiled = gateway(&format!("{EDGE}{}", service("x", "[shop.example.org]", rules)), "edge");
    assert!(codes(&compiled.diagnostics).contains(&Code::VirtualServiceHostNotFoundInGateway));
}

#[test]
fn gw_9_plain_servers_of_one_port_share_it_and_https_may_not() {
    let more = r#"
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second}
spec:
  selector: {app: edge}
  servers:
  - {port: {number: 8080, name: more, protocol: HTTP2}, hosts: [c.example.com]}
  - port: {number: 8080, name: tls, protocol: HTTPS}
    hosts: [d.example.com]
    tls: {mode: SIMPLE, credentialName: cert}
  - {port: {number: 8080, name: bound, protocol: HTTP}, bind: 10.0.0.1, hosts: [e.example.com]}
"#;
    let compiled = gateway(&format!("{EDGE}{more}"), "edge");
    let names: Vec<_> = compiled.plan.listeners.iter().map(|listener| listener.key.to_string()).collect();
    assert_eq!(names, ["gateway|80", "gateway|443", "gateway|8080", "gateway|8080|10.0.0.1"]);
    assert!(codes(&compiled.diagnostics).contains(&Code::ConflictingGateways));
}

#[test]
fn vm_8_claims_need_something_that_verifies_them() {
    let rules = "  - {match: [{headers: {'@request.auth.claims.sub': {exact: a}}}], route: [{destination: {host: web}}]}";
    let compiled = gateway(&format!("{EDGE}{}", service("x", "[a.example.com]", rules)), "edge");
    let code = Code::JwtClaimBasedRoutingWithoutRequestAuthN;
    let finding = compiled.diagnostics.iter().find(|finding| finding.code == code).unwrap();
    assert_eq!(&*finding.origin.path, "spec.http[0].match[0].headers[\"@request.auth.claims.sub\"]");
    assert!(finding.is_error() && finding.origin.line > 0);
    assert!(table(&compiled.plan, 8080).reads_claims());
}

#[test]
fn vm_8_a_delegates_claims_are_for_roots_at_gateways() {
    let text = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root}
spec: {hosts: [web], http: [{delegate: {name: leaf}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: leaf}
spec:
  http:
  - {match: [{withoutHeaders: {'@request.auth.claims[sub]': {}}}], route: [{destination: {host: web}}]}
";
    let diagnostics = compile(&documents(&format!("{EDGE}---\n{text}")), &options("edge"), None).diagnostics;
    let finding = diagnostics.iter().find(|finding| finding.code == Code::SchemaValidationError).unwrap();
    assert!(finding.message.contains("VirtualService default/root"), "{finding}");
    assert_eq!(&*finding.origin.resource, "VirtualService default/leaf");
}

#[test]
fn ist0140_subsets_of_the_meshs_rules_do_not_reach_a_gateway() {
    let mesh = "---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec: {host: web, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec: {hosts: [web], gateways: [mesh], http: [{route: [{destination: {host: web, subset: v1}}]}]}
";
    let found = |mesh: &str, to: &str| {
        let rules = format!("  - {{route: [{{destination: {to}}}]}}");
        let text = format!("{EDGE}{mesh}{}", service("x", "[a.example.com]", &rules));
        let code = Code::IngressRouteRulesNotAffected;
        gateway(&text, "edge").diagnostics.iter().find(|finding| finding.code == code).cloned()
    };
    let finding = found(mesh, "{host: web}").unwrap();
    assert_eq!(&*finding.origin.path, "spec.http[0].route[0].destination.host");
    assert!(finding.message.contains("VirtualService default/web"), "{finding}");
    assert_eq!(found(mesh, "{host: web, subset: v1}"), None);
    assert_eq!(found(&mesh.replace("gateways: [mesh]", "gateways: [mesh, edge]"), "{host: web}"), None);
    assert_eq!(found(&mesh.replace(", subset: v1}", "}"), "{host: web}"), None);
}

#[test]
fn gw_4_every_request_of_the_server_goes_to_https_on_the_same_host_and_path() {
    let rules = "  - {name: all, match: [{uri: {prefix: /a}}], route: [{destination: {host: web}}]}";
    let plan = gateway(&format!("{EDGE}{}", service("all", "[\"*\"]", rules)), "edge").plan;
    for path in ["/a/b?q=1", "/else"] {
        let request = http::Request::get(format!("http://a.example.com{path}")).body(()).unwrap();
        let view = crate::route::RequestView::of(&request);
        let crate::route::Found::Route(_, route) = table(&plan, 80).find(&view) else { panic!("{path}") };
        let Action::Redirect(redirect) = &route.action else { panic!("a redirect") };
        let (status, location) = redirect.location(&view).unwrap();
        assert_eq!(status, 301);
        assert_eq!(location, format!("https://a.example.com{path}"));
    }
    let host = table(&plan, 80).host("a.example.com").unwrap();
    assert_eq!(host.routes.len(), 1, "rules of VirtualServices don't come first");
}

#[test]
fn gw_9_gw_10_servers_and_gateways_follow_each_other_in_creation_order() {
    let more = |name: &str, created: &str| {
        format!(
            "---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, creationTimestamp: {created}}}
spec:
  selector: {{app: edge}}
  servers: [{{port: {{number: 9000, name: http, protocol: HTTP}}, hosts: [{name}.example.com]}}]
"
        )
    };
    let text =
        format!("{EDGE}{}{}", more("young", "2026-01-02T00:00:00Z"), more("zold", "2026-01-01T00:00:00Z"));
    let compiled = gateway(&text, "edge");
    let listener = listener(&compiled.plan, 9000);
    assert_eq!(&*listener.origin.resource, "Gateway default/zold", "the oldest opens the port");
    // No VirtualService is bound: the port answers, with 404 (GW-10, H-9).
    let table = table(&compiled.plan, 9000);
    assert!(found(table, "young.example.com", "/").is_none());
    assert_eq!(table.fallback(), crate::route::Fallback::NotFound);
}

/// GW-8: what is agreed on with callers; names that mean nothing to us are told and skipped.
#[test]
fn gw_8_versions_and_cipher_suites_of_a_server() {
    let terms = |more: &str| {
        let yaml = EDGE.replace("credentialName: cert}", &format!("credentialName: cert{more}}}"));
        let compiled = gateway(&yaml, "edge");
        let ListenerProtocol::Https(servers) = &listener(&compiled.plan, 443).protocol else {
            panic!("HTTPS")
        };
        let told = compiled.diagnostics.iter().filter(|one| one.origin.path.contains("tls."));
        (
            servers[0].terms.clone(),
            told.map(|one| (one.code, one.origin.path.to_string())).collect::<Vec<_>>(),
        )
    };
    assert_eq!(terms(""), (TlsTerms::default(), vec![]));
    let (bounds, told) = terms(", minProtocolVersion: TLSV1_3, maxProtocolVersion: TLSV1_3");
    assert_eq!((bounds.min_version, bounds.max_version), (TlsVersion::V1_3, TlsVersion::V1_3));
    assert_eq!(told, []);
    assert_eq!(terms(", maxProtocolVersion: TLSV1_2").0.max_version, TlsVersion::V1_2);
    let (chosen, told) = terms(
        ", cipherSuites: [ECDHE-RSA-AES256-GCM-SHA384, AES128-SHA, ECDHE-RSA-AES256-GCM-SHA384, TLS_AES_128_GCM_SHA256]",
    );
    assert_eq!(chosen.cipher_suites, Some(vec![CipherSuite::RsaAes256]));
    let place = |index: usize| (Code::SchemaWarning, format!("spec.servers[1].tls.cipherSuites[{index}]"));
    assert_eq!(told, [place(1), place(2), place(3)]);
    assert_eq!(terms(", cipherSuites: [AES128-SHA]").0.cipher_suites, Some(vec![]));
}

/// GW-4: who speaks TLS already is not sent to where it is.
#[test]
fn gw_3_a_redirect_to_https_has_no_effect_on_a_server_that_is_https() {
    let rules = "  - {name: all, route: [{destination: {host: web}}]}";
    let text = format!("{EDGE}{}", service("all", "[\"*\"]", rules))
        .replace("{mode: SIMPLE,", "{httpsRedirect: true, mode: SIMPLE,");
    let plan = gateway(&text, "edge").plan;
    assert_eq!(&*found(table(&plan, 443), "a.example.com", "/x").unwrap().name, "all");
    assert_eq!(&*found(table(&plan, 80), "a.example.com", "/x").unwrap().name, "https-redirect");
}

/// Y-12: which of two kinds of one name a finding is about; N-1: only Istio's has a label for a name.
#[test]
fn y_12_gateways_of_two_kinds_are_two_resources() {
    let istio = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, annotations: {galley.istio.io/analyze-suppress: '*'}}
spec: {servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
";
    let k8s = "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: mesh
  listeners:
  - {name: a, port: 81, protocol: HTTP}
  - {name: b, port: 82, protocol: UDP}
";
    let whole = documents(&k8s.replace("name: edge", "name: edge.example.com"));
    assert_eq!(whole.k8s_gateways.len(), 1, "N-1");
    let first = gateway(&format!("{istio}{k8s}"), "edge");
    assert!(codes(&first.diagnostics).contains(&Code::NotImplemented), "{}", first.diagnostics);

    let load = |text: &str, last: Option<&crate::plan::Loaded>| {
        let (documents, findings) = Documents::parse([("mesh.yaml", text)]);
        let options = CompileOptions { gateway: true, ..options("edge") };
        crate::plan::load(documents, findings, &options, last).unwrap()
    };
    let first = load(&format!("{istio}{k8s}"), None);
    // One is broken, the other deleted.
    let second = load(&istio.replace("number: 80", "number: 0"), Some(&first));
    assert_eq!(second.documents.gateways.len(), 1, "kept");
    assert!(second.documents.k8s_gateways.is_empty(), "not kept: nothing is wrong with it");
}
