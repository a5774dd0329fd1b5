//! A reference that leads nowhere.

use super::{API_EDGE, SERVICE, call, client, errors, gateway, listener, request};

const EDGE: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec: {selector: {app: web}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec: {hosts: [a.org], gateways: [edge, mesh], http: [{name: good, route: [{destination: {host: a}}]}]}
---
";

#[test]
fn y_12_a_host_that_is_gone_keeps_the_last_good_rules() {
    let text = SERVICE.to_owned() + EDGE;
    let lost = text.replace("{host: a}", "{host: b}").replace("name: good", "name: bad");
    let second = gateway(&lost, Some(&gateway(&text, None)));
    assert_eq!(request(&second, "a.org"), "good");
    assert!(!second.stale_hosts.is_empty());
    assert_eq!(request(&gateway(&lost, None), "a.org"), "503");
}

#[test]
fn y_12_a_gateway_that_is_not_there_keeps_the_last_good_rules_at_a_gateway() {
    let text = SERVICE.to_owned() + EDGE;
    let lost =
        text.replace("gateways: [edge, mesh]", "gateways: [egde, mesh]").replace("name: good", "name: new");
    let first = gateway(&text, None);
    let second = gateway(&lost, Some(&first));
    assert_eq!(request(&second, "a.org"), "good");
    assert_eq!(second.stale_hosts.iter().collect::<Vec<_>>(), ["a.org:80"]);
    assert!(!errors(&second.diagnostics).is_empty());
    let third = gateway(&lost, Some(&second));
    assert_eq!(request(&third, "a.org"), "good", "for as long as it lasts");
    // Inside the mesh the rule moves on.
    assert_eq!(call(&client(&lost, Some(&client(&text, None))), "a.org"), "new");
    // At a start there is nothing to keep.
    assert_eq!(request(&gateway(&lost, None), "a.org"), "NotFound");
    // A reference that is removed on purpose is gone.
    let mesh_only = text.replace("gateways: [edge, mesh]", "gateways: [mesh]");
    assert_eq!(request(&gateway(&mesh_only, Some(&first)), "a.org"), "NotFound");
    let deleted = SERVICE.to_owned() + &EDGE[EDGE.find("---").unwrap()..];
    assert_eq!(request(&gateway(&deleted, Some(&first)), "a.org"), "closed");
}

/// One that is served all the same is not held up by a name that never led anywhere.
#[test]
fn y_12_a_rule_with_one_gateway_of_two_moves_on() {
    let text = SERVICE.to_owned() + &EDGE.replace("[edge, mesh]", "[edge, elsewhere]");
    let first = gateway(&text, None);
    assert_eq!(request(&first, "a.org"), "good");
    let second = gateway(&text.replace("name: good", "name: new"), Some(&first));
    assert_eq!(request(&second, "a.org"), "new");
}

#[test]
fn y_12_a_gateway_that_was_renamed_keeps_the_rules_of_those_who_call_it_by_its_old_name() {
    let text = SERVICE.to_owned() + EDGE;
    let renamed = text.replace("metadata: {name: edge}", "metadata: {name: edge2}");
    assert_eq!(request(&gateway(&renamed, Some(&gateway(&text, None))), "a.org"), "good");
}

#[test]
fn y_12_a_parent_that_is_not_there_keeps_the_last_good_rules_at_a_gateway() {
    let text = format!(
        "{SERVICE}{API_EDGE}apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r}}
spec: {{parentRefs: [{{name: edge}}], hostnames: [a.org], rules: [{{name: good, backendRefs: [{{name: a, port: 80}}]}}]}}
"
    );
    let first = gateway(&text, None);
    for lost in ["{name: egde}", "{name: edge, sectionName: htp}", "{name: edge, port: 81}"] {
        let lost = text.replace("parentRefs: [{name: edge}]", &format!("parentRefs: [{lost}]"));
        let second = gateway(&lost, Some(&first));
        assert_eq!(request(&second, "a.org"), "good", "{lost}");
        // At a start there is nothing to keep.
        assert_eq!(request(&gateway(&lost, None), "a.org"), "no route", "{lost}");
    }
    let none = text.replace("parentRefs: [{name: edge}], ", "");
    assert_eq!(request(&gateway(&none, Some(&first)), "a.org"), "no route");
}

#[test]
fn y_12_a_credential_that_is_gone_keeps_the_last_good_one() {
    use mesh_core::plan::{ListenerProtocol, Loaded, Material};
    let text = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge}\n\
                spec: {selector: {app: web}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: c}}]}\n";
    let secret =
        "---\napiVersion: v1\nkind: Secret\nmetadata: {name: c}\ndata: {tls.crt: Yg==, tls.key: Yg==}\n";
    let missing = |loaded: &Loaded| match &listener(loaded, "gateway|443").unwrap().protocol {
        ListenerProtocol::Https(certificates) => {
            certificates.iter().all(|one| one.material == Material::Missing)
        }
        ListenerProtocol::Http => panic!("it speaks TLS"),
    };
    assert!(missing(&gateway(text, None)));
    assert!(!missing(&gateway(text, Some(&gateway(&format!("{text}{secret}"), None)))));
}

/// One of its names leads nowhere, and always did: that does not keep a host that was removed from it.
#[test]
fn y_12_a_host_that_is_taken_out_of_a_rule_with_a_lost_gateway_is_gone() {
    let both = EDGE.replace(
        "hosts: [a.org], gateways: [edge, mesh]",
        "hosts: [a.org, b.org], gateways: [edge, other/missing]",
    );
    let first = gateway(&(SERVICE.to_owned() + &both), None);
    assert_eq!([request(&first, "a.org"), request(&first, "b.org")], ["good", "good"]);
    let less = both.replace("[a.org, b.org]", "[a.org]").replace("name: good", "name: new");
    let second = gateway(&(SERVICE.to_owned() + &less), Some(&first));
    assert_eq!([request(&second, "a.org"), request(&second, "b.org")], ["new", "NotFound"]);
    // Another may have it from now on.
    let other = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: w}\n\
                 spec: {hosts: [b.org], gateways: [edge], http: [{name: other, route: [{destination: {host: a}}]}]}\n";
    let second = gateway(&(SERVICE.to_owned() + &less + other), Some(&first));
    assert_eq!(request(&second, "b.org"), "other");
    let api = format!(
        "{SERVICE}{API_EDGE}apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r}}
spec: {{parentRefs: [{{name: edge}}, {{name: missing}}], hostnames: [a.org, b.org], rules: [{{name: good, backendRefs: [{{name: a, port: 80}}]}}]}}
"
    );
    let first = gateway(&api, None);
    assert_eq!([request(&first, "a.org"), request(&first, "b.org")], ["good", "good"]);
    let second = gateway(&api.replace("[a.org, b.org]", "[a.org]"), Some(&first));
    assert_eq!([request(&second, "a.org"), request(&second, "b.org")], ["good", "no route"]);
}

/// A name that leads nowhere, and did so before, holds up no edit: the removal of the other name is meant.
#[test]
fn y_12_a_gateway_that_is_taken_out_beside_one_that_never_was_there_takes_the_rules_with_it() {
    let text = SERVICE.to_owned() + &EDGE.replace("[edge, mesh]", "[edge, missing]");
    let first = gateway(&text, None);
    assert_eq!(request(&first, "a.org"), "good");
    let taken = text.replace("[edge, missing]", "[missing]");
    let second = gateway(&taken, Some(&first));
    assert_eq!(request(&second, "a.org"), "NotFound");
    assert!(second.stale_hosts.is_empty());
    assert_eq!(request(&gateway(&taken, Some(&second)), "a.org"), "NotFound");
    assert_eq!(request(&gateway(&text, Some(&second)), "a.org"), "good");
    // In place of it stands another name that leads nowhere: it is misspelt.
    for slip in ["[egde, missing]", "[missing, egde]", "[egde]"] {
        let slip = text.replace("[edge, missing]", slip);
        let second = gateway(&slip, Some(&first));
        assert_eq!(request(&second, "a.org"), "good", "{slip}");
        assert_eq!(request(&gateway(&slip, Some(&second)), "a.org"), "good", "for as long as it lasts");
    }
    // The Gateway itself has another name now.
    let renamed = text.replace("metadata: {name: edge}", "metadata: {name: edge2}");
    assert_eq!(request(&gateway(&renamed, Some(&first)), "a.org"), "good");
}

#[test]
fn y_12_a_parent_that_is_taken_out_beside_one_that_never_was_there_takes_the_rules_with_it() {
    let text = |parents: &str| {
        format!(
            "{SERVICE}{API_EDGE}apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r}}
spec: {{parentRefs: [{parents}], hostnames: [a.org], rules: [{{name: good, backendRefs: [{{name: a, port: 80}}]}}]}}
"
        )
    };
    for (there, missing) in [
        ("{name: edge}", "{name: missing}"),
        ("{name: edge, sectionName: http}", "{name: edge, sectionName: htps}"),
    ] {
        let first = gateway(&text(&format!("{there}, {missing}")), None);
        assert_eq!(request(&first, "a.org"), "good");
        let second = gateway(&text(missing), Some(&first));
        assert_eq!(request(&second, "a.org"), "no route", "{missing}");
        let slip = gateway(&text(&format!("{{name: egde}}, {missing}")), Some(&first));
        assert_eq!(request(&slip, "a.org"), "good", "{missing}");
    }
}

/// A rule that never was good does not hold up the good one of its host.
#[test]
fn y_12_a_new_refused_rule_does_not_freeze_the_others_of_its_host() {
    let bad = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: z}\n\
               spec: {hosts: [a.org], gateways: [edge, mesh], http: [{nmae: bad, route: [{destination: {host: a}}]}]}\n---\n";
    let text = SERVICE.to_owned() + EDGE;
    let edited = text.replace("name: good", "name: new");
    let first = gateway(&text, None);
    let second = gateway(&(text.clone() + bad), Some(&first));
    assert_eq!(request(&second, "a.org"), "good");
    let third = gateway(&(edited.clone() + bad), Some(&second));
    assert_eq!(request(&third, "a.org"), "new");
    assert!(!errors(&third.diagnostics).is_empty());
    let second = client(&(text.clone() + bad), Some(&client(&text, None)));
    assert_eq!(call(&client(&(edited + bad), Some(&second)), "a.org"), "new");
    // A host closed at the start stays closed, whatever the name of the document is.
    let start = client(&(SERVICE.to_owned() + bad), None);
    assert_eq!(call(&start, "a.org"), super::refused("VirtualService default/z"));
    let renamed = bad.replace("name: z", "name: y");
    let second = client(&(SERVICE.to_owned() + &renamed), Some(&start));
    assert_eq!(call(&second, "a.org"), super::refused("VirtualService default/y"));
}

/// The rule itself is good: it leads to a refused service, and calls of it answer so.
#[test]
fn y_12_a_new_rule_that_leads_to_a_refused_service_answers_503_at_a_gateway() {
    let broken = SERVICE.replace("spec: {ports", "spec: {type: [], ports") + EDGE;
    let edge_only =
        broken.split("---").filter(|one| !one.contains("VirtualService")).collect::<Vec<_>>().join("---");
    let first = gateway(&edge_only, None);
    let second = gateway(&broken, Some(&first));
    assert_eq!(request(&second, "a.org"), super::refused("Service default/a"));
}
