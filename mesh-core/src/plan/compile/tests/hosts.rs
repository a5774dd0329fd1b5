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

/// SE-1: what one alias becomes is no other one's affair, in whatever order they are looked at.
#[test]
fn se_1_an_alias_of_an_alias_is_resolved_by_dns() {
    let alias = |name: &str, of: &str| {
        service(name, &format!("type: ExternalName, externalName: {of}.default.svc.cluster.local, "))
    };
    let text = alias("a", "b") + &alias("b", "c") + &alias("d", "nobody") + &alias("e", "d");
    for text in [text.clone(), text + &service("c", "")] {
        for _ in 0..32 {
            let plan = sidecar(&text, "web").plan;
            let of = |host: &str| addresses(&plan, &format!("outbound|80||{host}.default.svc.cluster.local"));
            assert_eq!(of("a"), ["b.default.svc.cluster.local:80"]);
            assert_eq!(of("e"), ["d.default.svc.cluster.local:80"]);
        }
    }
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
