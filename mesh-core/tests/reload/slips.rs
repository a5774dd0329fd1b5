//! Slips of YAML that leave a document legible, for example a key written twice: they cost only the part that
//! contains them.

use super::{API_EDGE, SERVICE, action, call, client, errors, gateway, refused, request, table};

const RULES: &str = "
apiVersion: v1
kind: List
items:
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata: {name: v}
  spec: {hosts: [a], http: [{name: good, route: [{destination: {host: a}}]}]}
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata: {name: w}
  spec: {hosts: [b], http: [{name: other, route: [{destination: {host: a}}]}]}
";

fn two_services() -> String {
    SERVICE.to_owned() + &SERVICE.replace("name: a", "name: b")
}

#[test]
fn y_12_a_slip_in_an_item_of_a_list_costs_the_item_alone() {
    let good = two_services() + RULES;
    let before = client(&good, None);
    assert_eq!((call(&before, "a"), call(&before, "b")), ("good".into(), "other".into()));
    for slip in ["{name: w, name: w}", "{name: w, labels: !x {}}", "{name: w, labels: &l [*l]}"] {
        let text = good.replace("{name: w}", slip);
        let start = client(&text, None);
        assert_eq!(call(&start, "a"), "good", "{slip}");
        assert_eq!(call(&start, "b"), refused("VirtualService default/w"), "{slip}");
        let reported = errors(&start.diagnostics);
        assert_eq!(reported.len(), 1, "{reported:#?}");
        assert!(
            reported[0].contains("VirtualService default/w mesh.yaml") && reported[0].contains(") metadata.")
        );
        let moved = text.replace("name: good", "name: newer");
        let second = client(&moved, Some(&before));
        assert_eq!((call(&second, "a"), call(&second, "b")), ("newer".into(), "other".into()), "{slip}");
    }
    // An unreadable item ends the list; the items before it count.
    let text = good.replace("hosts: [b], http: [", "hosts: [b], http: [{]");
    let start = client(&text, None);
    assert_eq!((call(&start, "a"), call(&start, "b")), ("good".into(), refused("VirtualService default/w")));
}

#[test]
fn y_12_a_slip_of_a_list_itself_is_told_of_and_its_items_stand() {
    let text = two_services() + &RULES.replace("kind: List\n", "kind: List\nmetadata: {a: 1, a: 2}\n");
    let start = client(&text, None);
    assert_eq!((call(&start, "a"), call(&start, "b")), ("good".into(), "other".into()));
    assert!(errors(&start.diagnostics)[0].contains("written twice"), "{}", start.diagnostics);
}

/// An unreadable part that may hide a rule about who may call forbids all calls, in a list as elsewhere.
#[test]
fn y_12_a_list_that_ends_before_a_policy_forbids_all() {
    let text = RULES.replace("http: [{name: other", "http: [{]name: other")
        + "- apiVersion: security.istio.io/v1\n  kind: AuthorizationPolicy\n  metadata: {name: p}\n";
    let (documents, findings) = mesh_core::api::Documents::parse([("mesh.yaml", text)]);
    let loaded = mesh_core::plan::load(documents, findings, &super::options(false), None);
    assert!(loaded.is_err());
}

const ROUTES: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: wide}
spec: {parentRefs: [{name: edge}], rules: [{name: wide, backendRefs: [{name: a, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: narrow}
spec:
  parentRefs: [{name: edge}]
  rules:
  - name: admin
    matches: [{path: {value: /admin}}]
    filters: [{type: RequestRedirect, requestRedirect: {hostname: b.org, statusCode: 301}}]
";

#[test]
fn y_12_a_key_written_twice_in_a_filter_costs_its_rule() {
    let text =
        [SERVICE, API_EDGE].concat() + &ROUTES.replace("statusCode: 301", "statusCode: 301, statusCode: 302");
    let start = gateway(&text, None);
    let routes = &table(&start, "gateway|80").unwrap().host("a.org").unwrap().routes;
    let did: Vec<String> = routes.iter().map(|route| action(route)).collect();
    assert_eq!(did, ["500", "wide"]);
}

#[test]
fn y_12_a_key_written_twice_in_a_route_closes_its_hosts() {
    let twice = ROUTES.replace(
        "  rules:\n",
        "  hostnames: [a.org]\n  useDefaultGateways: x\n  useDefaultGateways: y\n  rules:\n",
    );
    let start = gateway(&[SERVICE, API_EDGE, &twice].concat(), None);
    assert_eq!(request(&start, "a.org"), refused("HTTPRoute default/narrow"));
    assert_eq!(request(&start, "b.org"), "wide");
}

/// As any bad field: a part that may hide TLS closes the host, another part is left out.
#[test]
fn y_12_a_slip_of_a_destination_rule_closes_where_it_may_hide_tls() {
    let rule = |spec: &str| {
        let rule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\nspec: ";
        call(&client(&format!("{SERVICE}{rule}{spec}\n"), None), "a")
    };
    for spec in [
        "{host: a, host: b}",
        "{host: a, trafficPolicy: {loadBalancer: {simple: RANDOM, simple: ROUND_ROBIN}}}",
    ] {
        assert_eq!(rule(spec), "default", "{spec}");
    }
    let bomb = "{host: &h [*h, *h], trafficPolicy: &p {tls: *p}}";
    for spec in [
        "{host: a, trafficPolicy: {}, trafficPolicy: {tls: {mode: SIMPLE}}}",
        "{host: a, trafficPolicy: {tls: {mode: DISABLE}, tls: {mode: SIMPLE}}}",
        "{host: a, trafficPolicy: {tls: {mode: DISABLE, mode: SIMPLE}}}",
        "{host: a, trafficPolicy: {<<: 7}}",
        "{host: a, subsets: &s [*s], trafficPolicy: &p {tls: *p}}",
    ] {
        assert_eq!(rule(spec), refused("DestinationRule default/d"), "{spec}");
    }
    assert_ne!(rule(bomb), refused("DestinationRule default/d"), "it is for no host");
}

#[test]
fn y_12_what_is_refused_is_told_of_once() {
    let rule = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec: {hosts: [x.org], http: [{route: [{destination: {host: a, subset: v1}}]}]}
---
";
    let service =
        client(&(SERVICE.replace("spec: {", "spec: {type: [], ") + &rule.replace(", subset: v1", "")), None);
    let reported: Vec<String> = service.diagnostics.iter().map(|found| format!("{found}")).collect();
    assert!(!reported.iter().any(|one| one.contains("MESH0013")), "{reported:#?}");
    let destination = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\n\
                       spec: {host: a, subsets: [{name: v1, labels: {v: '1'}}], trafficPolicy: {loadBalancer: {simple: FAST}}}\n";
    let subset = client(&(SERVICE.to_owned() + rule + destination), None);
    let reported = errors(&subset.diagnostics);
    assert!(
        reported.iter().any(|one| one.contains("DestinationRule default/d defines it, and is refused")),
        "{reported:#?}"
    );
    assert!(!reported.iter().any(|one| one.contains("not found")), "{reported:#?}");
}
