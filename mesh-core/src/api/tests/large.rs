//! What a large or hostile file costs is in proportion to its size: with a step for each pair of parts, each of
//! these would take minutes.

use std::fmt::Write as _;

use super::{GOOD, parse};

/// As many parts as make pairs of them felt.
const MANY: usize = 20_000;

/// A list in brackets of what is said of each number.
fn list(item: impl Fn(usize) -> String) -> String {
    let mut text = String::from("[");
    (0..MANY).for_each(|number| write!(text, "{}, ", item(number)).unwrap());
    text + "]"
}

fn document(version: &str, kind: &str, rest: &str) -> String {
    format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n{rest}\n")
}

fn gateway_api(kind: &str, spec: &str) -> String {
    document("gateway.networking.k8s.io/v1", kind, &format!("spec: {{{spec}}}"))
}

fn count(text: &str, message: &str) -> usize {
    parse(text).1.iter().filter(|one| one.message.contains(message)).count()
}

#[test]
fn y_9_many_unknown_fields_are_told_of_in_linear_time() {
    let mut text = GOOD.to_owned();
    (0..MANY).for_each(|number| writeln!(text, "  nope{number}: 1").unwrap());
    assert_eq!(count(&text, "unknown field"), MANY);
}

#[test]
fn y_10_many_slips_are_told_of_in_linear_time() {
    let mut text = String::new();
    (0..MANY).for_each(|number| write!(text, "k{number}: 1\nk{number}: 2\n").unwrap());
    text.push_str("a: &a [");
    (0..MANY).for_each(|_| text.push_str("*a, "));
    text.push_str("]\napiVersion: example.com/v1\nkind: Any\nmetadata: {name: x}\n");
    assert_eq!(parse(&text).1.len(), 0, "whose it is, is found once");
    let ours = text.replace("example.com/v1\nkind: Any", "v1\nkind: Namespace");
    assert_eq!(count(&ours, "written twice"), MANY);
    assert_eq!(count(&ours, "inside of its own anchor"), 1);
    let item = text.replace('\n', "\n  ");
    assert_eq!(parse(&format!("apiVersion: v1\nkind: List\nitems:\n- {item}\n")).1.len(), 0);
}

#[test]
fn y_10_many_broken_items_of_a_list_are_told_of_in_linear_time() {
    let mut text = String::from("apiVersion: v1\nkind: List\nitems:\n");
    let item = |n: usize| {
        format!(
            "- {{apiVersion: v1, kind: Namespace, metadata: {{name: n{n}, name: m{n}, labels: {{a: b}}}}}}"
        )
    };
    (0..MANY).for_each(|number| writeln!(text, "{}", item(number)).unwrap());
    assert_eq!(count(&text, "`name` is written twice"), MANY);
}

#[test]
fn ga_3_lists_beyond_their_bound_are_judged_in_linear_time() {
    let parents = gateway_api(
        "HTTPRoute",
        &format!("parentRefs: {}", list(|n| format!("{{name: g, sectionName: s{n}}}"))),
    );
    assert_eq!(count(&parents, "named"), 0);
    let same = gateway_api("HTTPRoute", &format!("parentRefs: {}", list(|_| "{name: g}".into())));
    assert_eq!(count(&same, "`g` is named twice"), MANY - 1);
    let names = gateway_api("HTTPRoute", &format!("rules: {}", list(|n| format!("{{name: r{n}}}"))));
    assert_eq!(count(&names, "another rule"), 0);
    let header = |n: usize| format!("{{name: h{n}, value: v}}");
    let words = list(|n| format!("h{n}"));
    for rule in [
        format!("matches: [{{headers: {}}}]", list(header)),
        format!("matches: [{{queryParams: {}}}]", list(header)),
        format!(
            "filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {{set: {0}, add: {0}, remove: {words}}}}}]",
            list(header)
        ),
        format!("filters: [{{type: CORS, cors: {{allowHeaders: {words}, exposeHeaders: {words}}}}}]"),
        format!("retry: {{codes: {}}}", list(|n| n.to_string())),
    ] {
        let text = gateway_api("HTTPRoute", &format!("rules: [{{{rule}}}]"));
        assert_eq!(count(&text, "twice"), 0);
    }
    let listener = |n: usize| format!("{{name: l{n}, port: 80, protocol: HTTP, hostname: h{n}.org}}");
    let address = |n: usize| format!("{{type: Hostname, value: a{n}.org}}");
    let spec =
        format!("gatewayClassName: istio, listeners: {}, addresses: {}", list(listener), list(address));
    assert_eq!(count(&gateway_api("Gateway", &spec), "listener `"), 0);
}

#[test]
fn se_1_ports_are_judged_in_linear_time() {
    let port = |n: usize| format!("{{name: p{n}, port: {}}}", n + 1);
    let slice = format!("addressType: IPv4\nendpoints: []\nports: {}", list(port));
    assert_eq!(count(&document("discovery.k8s.io/v1", "EndpointSlice", &slice), "twice"), 0);
    assert_eq!(count(&document("v1", "Service", &format!("spec: {{ports: {}}}", list(port))), "already"), 0);
}

#[test]
fn sc_8_listeners_and_servers_are_judged_in_linear_time() {
    let istio =
        |kind: &str, spec: &str| document("networking.istio.io/v1", kind, &format!("spec: {{{spec}}}"));
    let port = |n: usize| format!("{{number: {}, name: p{n}, protocol: HTTP}}", n + 1);
    let ingress = list(|n| format!("{{port: {}, defaultEndpoint: '127.0.0.1:80'}}", port(n)));
    let egress = list(|n| format!("{{port: {}, hosts: ['./*']}}", port(n)));
    let sidecar = istio(
        "Sidecar",
        &format!("workloadSelector: {{labels: {{a: b}}}}, ingress: {ingress}, egress: {egress}"),
    );
    assert_eq!(count(&sidecar, "has this port"), 0);
    let servers = list(|n| format!("{{port: {}, hosts: [a]}}", port(n)));
    assert_eq!(count(&istio("Gateway", &format!("servers: {servers}")), "twice"), 0);
    let failover = list(|n| format!("{{from: r{n}, to: s}}"));
    let balancer = format!("loadBalancer: {{localityLbSetting: {{failover: {failover}}}}}");
    let rule = istio("DestinationRule", &format!("host: a, trafficPolicy: {{{balancer}}}"));
    assert_eq!(count(&rule, "elsewhere already"), 0);
}
