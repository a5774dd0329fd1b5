//! GA-3 to GA-9, one match or filter at a time.

use http::{HeaderMap, Request};

use super::filters;
use super::matches::RouteMatch;
use crate::api::Documents;
use crate::api::gateway_api::{
    GrpcMethodMatch, GrpcRoute, GrpcRouteMatch, HeaderModifier, HttpRequestRedirect, HttpRoute,
    ValueCondition,
};
use crate::route::{Direction, RequestView};

const HEAD: &str = "apiVersion: gateway.networking.k8s.io/v1\nmetadata: {name: r}\n";

fn http(rule: &str) -> HttpRoute {
    let text = format!("{HEAD}kind: HTTPRoute\nspec: {{parentRefs: [{{name: g}}], rules: [{rule}]}}\n");
    let (mut documents, found) = Documents::parse([("r.yaml", text)]);
    assert!(found.is_empty(), "{found}");
    documents.http_routes.remove(0).spec.clone()
}

fn grpc(rule: &str) -> GrpcRoute {
    let text = format!("{HEAD}kind: GRPCRoute\nspec: {{parentRefs: [{{name: g}}], rules: [{rule}]}}\n");
    let (mut documents, found) = Documents::parse([("r.yaml", text)]);
    assert!(found.is_empty(), "{found}");
    documents.grpc_routes.remove(0).spec.clone()
}

fn http_match(written: &str) -> RouteMatch {
    RouteMatch::of_http(&http(&format!("{{matches: [{written}]}}")).rules[0].matches[0]).unwrap()
}

fn grpc_match(written: &str) -> RouteMatch {
    RouteMatch::of_grpc(&grpc(&format!("{{matches: [{written}]}}")).rules[0].matches[0]).unwrap()
}

fn fits(one: &RouteMatch, path: &str, headers: &[(&'static str, &str)]) -> bool {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    one.matcher.matches(&RequestView::of(&request.body(()).unwrap()))
}

#[test]
fn ga_3_a_prefix_ends_where_a_segment_ends() {
    let prefix = http_match("{path: {type: PathPrefix, value: /abc/}}");
    for (path, expected) in
        [("/abc", true), ("/abc/", true), ("/abc/d", true), ("/abcd", false), ("/ab", false), ("/", false)]
    {
        assert_eq!(fits(&prefix, path, &[]), expected, "{path}");
    }
    assert!(fits(&http_match("{}"), "/anything", &[]), "no path means prefix /");
    assert!(fits(&http_match("{path: {value: /a}}"), "/a/b", &[]), "no type means prefix");
    let exact = http_match("{path: {type: Exact, value: /abc}}");
    assert!(fits(&exact, "/abc", &[]) && !fits(&exact, "/abc/", &[]));
}

#[test]
fn ga_3_expressions_fit_the_whole_text() {
    let path = http_match("{path: {type: RegularExpression, value: '/[a-c]+'}}");
    assert!(fits(&path, "/abc", &[]) && !fits(&path, "/abcd", &[]));
    let header = http_match("{headers: [{type: RegularExpression, name: x, value: 'a+'}]}");
    assert!(fits(&header, "/", &[("x", "aa")]) && !fits(&header, "/", &[("x", "aab")]));
    let query = http_match("{queryParams: [{type: RegularExpression, name: q, value: '[0-9]'}]}");
    assert!(fits(&query, "/?q=7", &[]) && !fits(&query, "/?q=77", &[]));
    let broken = http("{matches: [{path: {type: RegularExpression, value: '/(?=a)'}}]}");
    assert!(RouteMatch::of_http(&broken.rules[0].matches[0]).is_err());
}

#[test]
fn ga_3_of_two_conditions_on_one_name_the_first_counts() {
    let headers = http_match("{headers: [{name: X-A, value: one}, {name: x-a, value: two}]}");
    assert!(fits(&headers, "/", &[("x-a", "one")]) && !fits(&headers, "/", &[("x-a", "two")]));
    // No document can say this: each name stands once in it.
    let mut twice = http("{matches: [{queryParams: [{name: a, value: '1'}]}]}").rules[0].matches[0].clone();
    let second = ValueCondition { value: "2".into(), ..twice.query_params[0].clone() };
    twice.query_params.push(second);
    let query = RouteMatch::of_http(&twice).unwrap();
    assert!(fits(&query, "/?a=1", &[]) && !fits(&query, "/?a=2", &[]));
    let method = http_match("{method: POST}");
    assert!(!fits(&method, "/", &[]), "GET is not POST");
}

/// Matches from the most specific to the least; each must come before the next.
fn in_order(matches: &[RouteMatch]) {
    for (index, pair) in matches.windows(2).enumerate() {
        assert!(pair[0].specificity > pair[1].specificity, "{index}: {pair:#?}");
    }
}

#[test]
fn ga_4_exact_then_longest_prefix_then_method_headers_and_query() {
    in_order(&[
        http_match("{path: {type: Exact, value: /a}}"),
        http_match("{path: {value: /longer/prefix}}"),
        http_match("{path: {value: /short}, method: GET}"),
        http_match("{path: {value: /short}, headers: [{name: a, value: a}, {name: b, value: b}]}"),
        http_match(
            "{path: {value: /short}, headers: [{name: a, value: a}], queryParams: [{name: q, value: q}]}",
        ),
        http_match("{path: {value: /short}, headers: [{name: a, value: a}]}"),
        http_match("{path: {value: /short}, queryParams: [{name: q, value: q}]}"),
        http_match("{path: {value: /short}}"),
        http_match("{headers: [{name: a, value: a}]}"),
        http_match("{path: {type: RegularExpression, value: '/a.*longer'}}"),
        http_match("{path: {type: RegularExpression, value: '/a.*'}}"),
        http_match("{path: {value: /}}"),
    ]);
    let (one, other) = (http_match("{path: {value: /a}}"), http_match("{path: {value: /b/}}"));
    assert_eq!(one.specificity, other.specificity, "a trailing slash is no character of the prefix");
}

#[test]
fn ga_5_the_path_of_a_call_is_service_and_method() {
    let both = grpc_match("{method: {service: shop.Cart, method: Add}}");
    assert!(fits(&both, "/shop.Cart/Add", &[]) && !fits(&both, "/shop.Cart/AddAll", &[]));
    let service = grpc_match("{method: {service: shop.Cart}}");
    assert!(fits(&service, "/shop.Cart/Any", &[]) && !fits(&service, "/shop.Carts/Any", &[]));
    let method = grpc_match("{method: {method: Add}}");
    assert!(fits(&method, "/shop.Cart/Add", &[]) && !fits(&method, "/a/b/Add", &[]));
    let regex = grpc_match("{method: {type: RegularExpression, service: 'shop\\..*', method: 'Get|List'}}");
    assert!(fits(&regex, "/shop.Cart/List", &[]) && !fits(&regex, "/shop.Cart/Listed", &[]));
    // No document can say this.
    let method = GrpcMethodMatch { method: Some("a.b".into()), ..GrpcMethodMatch::default() };
    let dot = GrpcRouteMatch { method: Some(method), ..GrpcRouteMatch::default() };
    let dot = RouteMatch::of_grpc(&dot).unwrap();
    assert!(!fits(&dot, "/s/axb", &[]), "an exact method is no expression");
    assert!(fits(&RouteMatch::everything(true), "/any/thing", &[]));
}

#[test]
fn ga_5_longest_service_then_method_then_headers() {
    in_order(&[
        grpc_match("{method: {service: shop.Checkout}}"),
        grpc_match("{method: {service: shop.Cart, method: AddAll}}"),
        grpc_match("{method: {service: shop.Cart, method: Add}, headers: [{name: a, value: a}]}"),
        grpc_match("{method: {service: shop.Cart, method: Add}}"),
        grpc_match("{method: {service: shop.Cart}}"),
        grpc_match("{method: {method: Add}}"),
        grpc_match("{headers: [{name: a, value: a}]}"),
        RouteMatch::everything(true),
    ]);
}

fn modifier(written: &str) -> HeaderModifier {
    let rule = format!(
        "{{filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {written}}}], backendRefs: []}}"
    );
    http(&rule).rules[0].filters[0].request_header_modifier.clone().unwrap()
}

#[test]
fn ga_7_header_changes_and_literal_percent_signs() {
    let written = modifier(
        "{set: [{name: A, value: new}, {name: share, value: 50%}], add: [{name: b, value: more}], remove: [c]}",
    );
    let ops = filters::header_ops(Direction::Request, &written).unwrap();
    let mut headers = HeaderMap::new();
    for name in ["a", "b", "c"] {
        headers.insert(name, http::HeaderValue::from_static("old"));
    }
    assert_eq!(ops.apply_request(&mut headers, &()), None);
    assert_eq!(headers["a"], "new");
    assert_eq!(headers["share"], "50%");
    let all: Vec<_> = headers.get_all("b").iter().collect();
    assert_eq!(all, ["old", "more"]);
    assert!(!headers.contains_key("c"));
    let variable = modifier("{set: [{name: proto, value: '%PROTOCOL%'}]}");
    assert!(filters::header_ops(Direction::Request, &variable).unwrap().has_variables());
    let remove = ["\n", "", "host", "Host", "a b"].map(str::to_owned).to_vec();
    let nothing = HeaderModifier { remove, ..HeaderModifier::default() };
    assert!(filters::header_ops(Direction::Request, &nothing).unwrap().is_empty());
    let host = modifier("{set: [{name: host, value: a}]}");
    assert!(filters::header_ops(Direction::Response, &host).unwrap().is_empty());
}

fn location(filter: &str, path: &str, listener: u16, uri: &str) -> String {
    let rule = format!(
        "{{matches: [{{path: {{value: {path}}}}}], filters: [{{type: RequestRedirect, requestRedirect: {filter}}}]}}"
    );
    let route = http(&rule);
    let prefix = RouteMatch::of_http(&route.rules[0].matches[0]).unwrap().prefix;
    let written = route.rules[0].filters[0].request_redirect.clone().unwrap();
    let redirect = filters::redirect(&written, prefix, listener).unwrap();
    let request = Request::builder().uri(uri).body(()).unwrap();
    let (status, location) = redirect.location(&RequestView::of(&request)).unwrap();
    format!("{} {}", status.as_u16(), location.to_str().unwrap())
}

#[test]
fn ga_9_the_port_is_given_or_the_schemes_or_the_listeners() {
    let to = |filter, listener| location(filter, "/", listener, "http://a.com/x?q=1");
    assert_eq!(to("{port: 8443, scheme: https}", 80), "302 https://a.com:8443/x?q=1");
    assert_eq!(to("{scheme: https}", 8080), "302 https://a.com/x?q=1");
    assert_eq!(to("{scheme: http, statusCode: 301}", 8080), "301 http://a.com/x?q=1");
    assert_eq!(to("{hostname: b.com}", 8080), "302 http://b.com:8080/x?q=1");
    assert_eq!(to("{hostname: b.com, statusCode: 308}", 80), "308 http://b.com/x?q=1");
    assert_eq!(to("{port: 443, scheme: https}", 80), "302 https://a.com/x?q=1");
    assert_eq!(to("{port: 80, scheme: https}", 80), "302 https://a.com:80/x?q=1");
}

#[test]
fn ga_7_ga_8_paths_of_redirects() {
    let full = "{path: {type: ReplaceFullPath, replaceFullPath: /new}}";
    assert_eq!(location(full, "/old", 80, "http://a.com/old/x?q"), "302 http://a.com/new?q");
    let prefix = "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /new/}}";
    assert_eq!(location(prefix, "/old/", 80, "http://a.com/old/x"), "302 http://a.com/new/x");
    assert_eq!(location(prefix, "/", 80, "http://a.com/x"), "302 http://a.com/new/x");
    let rootless = "{path: {type: ReplaceFullPath, replaceFullPath: new}}";
    assert_eq!(location(rootless, "/old", 80, "http://a.com/old/x"), "302 http://a.com/new");
    let bad = HttpRequestRedirect { status_code: Some(304), ..HttpRequestRedirect::default() };
    assert!(filters::redirect(&bad, None, 80).is_err());
    for port in [0, 65_536] {
        let bad = HttpRequestRedirect { port: Some(port), ..HttpRequestRedirect::default() };
        assert!(filters::redirect(&bad, None, 80).is_err(), "{port}");
    }
}

#[test]
fn ga_8_rewrites_replace_the_matched_prefix() {
    let rewritten = |path: &str, replacement: &str, uri: &str| {
        let replaced = format!("{{type: ReplacePrefixMatch, replacePrefixMatch: {replacement}}}");
        let filter = format!("{{type: URLRewrite, urlRewrite: {{hostname: b.com, path: {replaced}}}}}");
        let rule = format!("{{matches: [{{path: {{value: {path}}}}}], filters: [{filter}]}}");
        let route = http(&rule);
        let prefix = RouteMatch::of_http(&route.rules[0].matches[0]).unwrap().prefix;
        let written = route.rules[0].filters[0].url_rewrite.clone().unwrap();
        let rewrite = filters::rewrite(&written, prefix).unwrap();
        assert_eq!(rewrite.authority.as_ref().unwrap(), "b.com");
        rewrite.path.unwrap().apply(uri, Some("q=1")).unwrap().to_string()
    };
    assert_eq!(rewritten("/foo", "/xyz/", "/foo/bar"), "/xyz/bar?q=1");
    assert_eq!(rewritten("/foo/", "''", "/foo"), "/?q=1");
    assert_eq!(rewritten("/", "/xyz", "/bar"), "/xyz/bar?q=1");
}
