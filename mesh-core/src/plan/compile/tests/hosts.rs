//! Hosts that are the same, hold or hide one another (H-3, H-4, N-5, SE-1, SE-10).

use super::yaml::object;
use super::{addresses, clusters, outbound, sidecar};
use crate::plan::Discovery;

/// A Service without endpoints.
fn service(name: &str, spec: &str) -> String {
    object("Service", name, &format!("{{{spec}ports: [{{name: http, port: 80}}]}}"))
}

/// A ServiceEntry of `namespace`.
fn entry(name: &str, namespace: &str, spec: &str) -> String {
    let spec = format!("{{{spec}, ports: [{{number: 80, name: http, protocol: HTTP}}]}}");
    object("ServiceEntry", &format!("{namespace}/{name}"), &spec)
}

fn virtual_service(name: &str, host: &str, rule: &str) -> String {
    object("VirtualService", name, &format!("{{hosts: ['{host}'], http: [{{name: {name}, {rule}}}]}}"))
}

/// H-2, H-6: an address is one however it is written, and who has it first keeps it.
#[test]
fn h_6_an_address_in_two_spellings_is_one_domain() {
    let address = |name: &str, address: &str| {
        entry(
            name,
            "default",
            &format!("hosts: [{name}.example.com], addresses: ['{address}'], resolution: DNS"),
        )
    };
    for second in ["FD00::7", "fd00::7", "fd00:0::7"] {
        let text = address("a", "fd00::7")
            + &address("b", second)
            + &virtual_service("c", second, "route: [{destination: {host: a.example.com}}]");
        let plan = sidecar(&text, "web").plan;
        let route = outbound(&plan, 80, "[fd00::7]", "/").unwrap();
        assert_eq!(clusters(&plan, route)[0].0, "outbound|80||a.example.com", "{second}");
        assert!(outbound(&plan, 80, "b.example.com", "/").is_some());
    }
    let plan = sidecar(&address("a", "FD00:0::7"), "web").plan;
    assert!(outbound(&plan, 80, "[fd00::7]:80", "/").is_some(), "as clients write it");
}

/// SE-1: an alias stands wherever the service at the end of the names does, in whatever order they are looked at.
#[test]
fn se_1_an_alias_of_an_alias_stands_where_the_service_does() {
    let alias = |name: &str, of: &str| {
        object(
            "Service",
            name,
            &format!("{{type: ExternalName, externalName: {of}.default.svc.cluster.local}}"),
        )
    };
    let aliases = alias("c", "b") + &alias("b", "a") + &alias("e", "d") + &alias("d", "nobody");
    let slice = "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
                 metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}\naddressType: IPv4\n\
                 ports: [{name: http, port: 8080}]\nendpoints: [{addresses: [10.0.0.1]}]\n";
    let loop_of_names = alias("x", "y") + &alias("y", "z") + &alias("z", "y");
    let text = aliases + &service("a", "") + slice + &loop_of_names;
    for _ in 0..32 {
        let plan = sidecar(&text, "web").plan;
        let of = |host: &str| addresses(&plan, &format!("outbound|80||{host}.default.svc.cluster.local"));
        assert_eq!(of("c"), ["10.0.0.1:8080"]);
        assert_eq!(of("b"), ["10.0.0.1:8080"]);
        assert!(outbound(&plan, 80, "c", "/").is_some());
        for none in ["d", "e", "x", "y", "z"] {
            assert!(outbound(&plan, 80, none, "/").is_none(), "{none}: no service says a port of it");
        }
    }
    let ports = service("e", "type: ExternalName, externalName: d.default.svc.cluster.local, ")
        + &alias("d", "nobody");
    let plan = sidecar(&ports, "web").plan;
    let of = addresses(&plan, "outbound|80||e.default.svc.cluster.local");
    assert_eq!(of, ["d.default.svc.cluster.local:80"], "a name of DNS");
}

/// N-5: names that a server may present are added by entries that we see.
#[test]
fn se_10_an_entry_for_others_adds_no_names() {
    let host = "hosts: [a.default.svc.cluster.local], resolution: STATIC";
    let names = |export: &str| {
        let rule = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\n\
                    spec: {host: a, trafficPolicy: {tls: {mode: SIMPLE}}}\n";
        let entry =
            entry("a", "other", &format!("{host}, subjectAltNames: [theirs], exportTo: ['{export}']"));
        let plan = sidecar(&(service("a", "") + rule + &entry), "web").plan;
        let node = plan.cluster_named("outbound|80||a.default.svc.cluster.local").unwrap();
        format!("{:?}", node.policy.tls).contains("theirs")
    };
    assert!(names("*"));
    assert!(!names("."));
}

/// N-5: what we do not see is not there, and hides nothing.
#[test]
fn n_5_a_hidden_host_hides_no_wildcard() {
    let wild = entry("wild", "default", "hosts: ['*.example.com'], resolution: NONE");
    let hidden = entry("hidden", "other", "hosts: [api.example.com], resolution: DNS, exportTo: ['.']");
    let rules = virtual_service("to-it", "entry.local", "route: [{destination: {host: api.example.com}}]")
        + &virtual_service("of-it", "api.example.com", "route: [{destination: {host: b.example.com}}]");
    let compiled = sidecar(&(wild + &hidden + &rules), "web");
    assert!(!compiled.diagnostics.has_errors(), "{}", compiled.diagnostics);
    let plan = compiled.plan;
    let to_it = outbound(&plan, 80, "entry.local", "/").unwrap();
    assert_eq!(clusters(&plan, to_it)[0].0, "outbound|80||*.example.com");
    let of_it = outbound(&plan, 80, "api.example.com", "/").unwrap();
    assert_eq!(&*of_it.name, "of-it", "its VirtualService is ours");
    let alone = sidecar(&(hidden + &rules), "web");
    let finding = alone.diagnostics.iter().find(|finding| finding.is_error()).unwrap();
    assert!(finding.hint.as_ref().unwrap().contains("is not exported to namespace default"), "{finding:#}");
}

/// H-3, H-4, DR-2, VS-4: a wildcard service has the rules of the longest wildcard that holds it.
#[test]
fn h_4_rules_for_a_wider_wildcard_hold_for_a_wildcard_service() {
    let services = entry("wild", "default", "hosts: ['*.api.example.com'], resolution: NONE");
    let rule = |name: &str, host: &str, pending: u32| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: {name}}}\n\
             spec: {{host: '{host}', trafficPolicy: {{connectionPool: {{http: {{http1MaxPendingRequests: {pending}}}}}}}}}\n"
        )
    };
    let direct = "directResponse: {status: 200}";
    let text = services.clone()
        + &rule("wide", "*.com", 1)
        + &rule("near", "*.example.com", 2)
        + &virtual_service("wide", "*.com", direct)
        + &virtual_service("near", "*.example.com", direct);
    let plan = sidecar(&text, "web").plan;
    let name = "outbound|80||*.api.example.com";
    let pending = |plan: &crate::plan::Plan, name: &str| {
        plan.cluster_named(name).unwrap().policy.circuit.max_pending_requests
    };
    assert_eq!(pending(&plan, name), 2);
    assert_eq!(&*outbound(&plan, 80, "a.api.example.com", "/").unwrap().name, "near");
    let own = sidecar(&(text + &rule("own", "*.api.example.com", 3)), "web").plan;
    assert_eq!(pending(&own, name), 3);
    let narrow = sidecar(&(services + &rule("narrow", "a.api.example.com", 4)), "web").plan;
    assert_ne!(pending(&narrow, name), 4, "a wildcard is in no exact host");
    assert!(matches!(narrow.cluster_named(name).unwrap().discovery, Discovery::Authority));
}
