//! A host that several documents share at a start, one of which is refused: the others serve their own requests, and
//! the requests of the refused one are closed.

use http::Request;
use mesh_core::plan::Loaded;
use mesh_core::route::{Found, RequestView};

use super::{API_EDGE, SERVICE, action, gateway, refused, table};

const EDGE: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec: {selector: {app: web}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
";

fn service(name: &str, http: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\n\
         spec: {{hosts: [a.org], gateways: [edge], http: [{http}]}}\n---\n"
    )
}

fn route(name: &str, rules: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: {name}}}\n\
         spec: {{parentRefs: [{{name: edge}}], hostnames: [a.org], rules: [{rules}]}}\n---\n"
    )
}

/// The answer to a GET of this path at port 80.
fn get(loaded: &Loaded, path: &str) -> String {
    let request = Request::builder().uri(format!("http://a.org{path}")).body(()).expect("it is a request");
    match table(loaded, "gateway|80").expect("it listens").find(&RequestView::of(&request)) {
        Found::Route(_, route) => action(route),
        Found::NoRule(_) => "404".into(),
        Found::NoHost(fallback) => format!("{fallback:?}"),
    }
}

const TO: &str = "route: [{destination: {host: a}}]";

#[test]
fn y_12_a_refused_virtual_service_at_start_shuts_what_it_matches_on_a_host_of_several() {
    let older = service("a", &format!("{{name: older, match: [{{uri: {{prefix: /x/deep}}}}], {TO}}}"));
    let bad = "{match: [{uri: {prefix: /x}}, {uri: {exact: /y}, method: {exact: GET}}], retrys: 3, route: [{destination: {host: a}}]}";
    let bad = service("m", &format!("{bad}, {{match: [{{uri: {{prefix: /w}}, gateways: [other]}}], {TO}}}"));
    let newer = service(
        "z",
        &format!("{{name: newer, match: [{{uri: {{prefix: /z}}}}], {TO}}}, {{name: rest, {TO}}}"),
    );
    let text = [SERVICE, EDGE, &older, &bad, &newer].concat();
    let start = gateway(&text, None);
    let shut = refused("VirtualService default/m");
    for (path, expected) in [
        ("/x/deep", "older"),
        ("/x", &*shut),
        ("/y", &*shut),
        ("/y/", "rest"),
        ("/z", "newer"),
        ("/w", "rest"),
        ("/", "rest"),
    ] {
        assert_eq!(get(&start, path), expected, "{path}");
    }
    // It stays so, and the others move on.
    let moved = gateway(&text.replace("name: rest", "name: moved"), Some(&start));
    assert_eq!([get(&moved, "/x"), get(&moved, "/z/"), get(&moved, "/")], [&*shut, "newer", "moved"]);
    let mended = gateway(&text.replace("retrys: 3, ", "name: mended, "), Some(&moved));
    assert_eq!([get(&mended, "/x"), get(&mended, "/")], ["mended", "rest"]);
}

/// Its matches are unknown: it closes all requests that no other rule matches.
#[test]
fn y_12_a_rule_whose_matches_cannot_be_read_shuts_what_no_other_matches() {
    let newer = service(
        "z",
        &format!("{{name: newer, match: [{{uri: {{prefix: /z}}}}], {TO}}}, {{name: rest, {TO}}}"),
    );
    let shut = refused("VirtualService default/m");
    for bad in [
        format!("{{match: [{{uri: {{prefx: /x}}}}], {TO}}}"),
        format!("{{match: [{{uri: {{regex: '('}}}}], {TO}}}"),
        format!("{{match: [7], {TO}}}"),
        format!("{{match: {{}}, {TO}}}"),
        format!("{{mtach: [{{uri: {{prefix: /x}}}}], {TO}}}"),
        format!("7, {{match: [{{uri: {{prefix: /x}}}}], {TO}}}"),
        format!("{{match: [{{uri: {{prefix: /x}}}}], {TO}}}, {{nope: 1, {TO}}}"),
    ] {
        let start = gateway(&[SERVICE, EDGE, &service("m", &bad), &newer].concat(), None);
        assert_eq!([get(&start, "/z"), get(&start, "/")], ["newer", &*shut], "{bad}");
    }
}

#[test]
fn y_12_a_refused_http_route_at_start_shuts_what_it_matches_on_a_host_of_several() {
    let to = "backendRefs: [{name: a, port: 80}]";
    let path = |value: &str| format!("matches: [{{path: {{value: {value}}}}}]");
    let older = route("a", &format!("{{name: older, {}, {to}}}", path("/x/deep")));
    let bad = route("m", &format!("{{name: bad, {}, timeouts: {{request: 3}}, {to}}}", path("/x")));
    let newer = route("z", &format!("{{name: newer, {}, {to}}}, {{name: rest, {to}}}", path("/x/longer")));
    let text = [SERVICE, API_EDGE, &older, &bad, &newer].concat();
    let start = gateway(&text, None);
    let shut = refused("HTTPRoute default/m");
    for (path, expected) in
        [("/x/deep", "older"), ("/x/longer", "newer"), ("/x", &*shut), ("/x/other", &*shut), ("/", "rest")]
    {
        assert_eq!(get(&start, path), expected, "{path}");
    }
    let moved = gateway(&text.replace("name: rest", "name: moved"), Some(&start));
    assert_eq!([get(&moved, "/x"), get(&moved, "/")], [&*shut, "moved"]);
    // Its matches are unknown: it closes all requests that no narrower rule matches.
    for unread in ["matches: [{path: {valeu: /x}}]", "matches: 7", "mathces: [{path: {value: /x}}]"] {
        let bad = route("m", &format!("{{name: bad, {unread}, {to}}}"));
        let newer = newer.replace(", {name: rest, backendRefs: [{name: a, port: 80}]}", "");
        let start = gateway(&[SERVICE, API_EDGE, &older, &bad, &newer].concat(), None);
        assert_eq!([get(&start, "/x/deep"), get(&start, "/")], ["older", &*shut], "{unread}");
    }
}
