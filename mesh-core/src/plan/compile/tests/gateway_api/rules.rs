//! What rules do.

use std::time::Duration;

use super::super::clusters;
use super::*;
use crate::retry::RetryOn;
use crate::route::Action;

#[test]
fn ga_5_calls_find_the_rule_of_their_service_and_method() {
    let grpc = "apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {name: calls}\nspec:\n  \
        parentRefs: [{name: edge}]\n  rules:\n  \
        - {name: method, matches: [{method: {method: Get}}], backendRefs: [{name: api, port: 9000}]}\n  \
        - {name: cart, matches: [{method: {service: shop.Cart}}], backendRefs: [{name: api, port: 9000}]}\n  \
        - {name: add, matches: [{method: {service: shop.Cart, method: Add}}], backendRefs: [{name: api, port: 9000}]}\n";
    let compiled = at_edge(&(edge(HTTP) + grpc));
    assert!(compiled.diagnostics.is_empty(), "{}", compiled.diagnostics);
    let plan = &compiled.plan;
    assert_eq!(served(plan, "h", "/shop.Cart/Add").as_deref(), Some("add"));
    assert_eq!(served(plan, "h", "/shop.Cart/Get").as_deref(), Some("cart"));
    assert_eq!(served(plan, "h", "/shop.Other/Get").as_deref(), Some("method"));
    assert_eq!(served(plan, "h", "/shop.Other/Put"), None);
    let route = found(table(plan, 80), "h", "/shop.Cart/Add").unwrap();
    assert_eq!(clusters(plan, route), [("outbound|9000||api.default.svc.cluster.local".to_owned(), 1)]);
}

/// Clusters and weights of the only rule, and the status of the share that leads nowhere.
fn split(backends: &str) -> (Vec<(String, u32)>, u16) {
    let spec = format!("{{parentRefs: [{{name: edge}}], rules: [{{backendRefs: {backends}}}]}}");
    let compiled = at_edge(&(edge(HTTP) + &route("r", &spec)));
    let route = found(table(&compiled.plan, 80), "h", "/").unwrap();
    let Action::Forward(forward) = &route.action else { panic!("it forwards") };
    (clusters(&compiled.plan, route), forward.unknown_cluster.as_u16())
}

#[test]
fn ga_6_va_2_the_share_of_what_leads_nowhere_gets_500() {
    const WEB: &str = "outbound|80||web.default.svc.cluster.local";
    let parts = |list: &[(&str, u32)]| {
        list.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect::<Vec<_>>()
    };
    for (backends, expected) in [
        ("[{name: web, port: 80}]", parts(&[(WEB, 1)])),
        ("[{name: web, port: 80, weight: 3}, {name: gone, port: 80}]", parts(&[(WEB, 3), ("-", 1)])),
        ("[{name: web, port: 81}]", parts(&[("-", 1)])),
        ("[{name: web, port: 80, weight: 0}]", parts(&[("-", 1)])),
        ("[{name: web, port: 80, weight: 0}, {name: api, port: 80, weight: 0}]", parts(&[("-", 1)])),
        ("[{name: web, port: 80}, {name: api, port: 80, weight: 0}]", parts(&[(WEB, 1)])),
        ("[]", parts(&[("-", 1)])),
        ("[{group: x.io, kind: Bucket, name: b}]", parts(&[("-", 1)])),
        (
            "[{group: networking.istio.io, kind: Hostname, name: web.default.svc.cluster.local, port: 80}]",
            parts(&[(WEB, 1)]),
        ),
    ] {
        assert_eq!(split(backends), (expected, 500), "{backends}");
    }
}

#[test]
fn ga_6_another_namespaces_service_needs_a_grant() {
    let spec =
        "{parentRefs: [{name: edge}], rules: [{backendRefs: [{name: other, namespace: far, port: 80}]}]}";
    let grant = |kind: &str, name: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {{name: g, namespace: far}}\n\
             spec:\n  from: [{{group: gateway.networking.k8s.io, kind: {kind}, namespace: default}}]\n  \
             to: [{{group: '', kind: Service{name}}}]\n---\n"
        )
    };
    for (grant, permitted) in [
        (String::new(), false),
        (grant("HTTPRoute", ""), true),
        (grant("HTTPRoute", ", name: other"), true),
        (grant("HTTPRoute", ", name: another"), false),
        (grant("GRPCRoute", ""), false),
        (grant("HTTPRoute", "").replace("namespace: far", "namespace: near"), false),
    ] {
        let compiled = at_edge(&(edge(HTTP) + &route("r", spec) + &grant));
        let route = found(table(&compiled.plan, 80), "h", "/").unwrap();
        let expected = if permitted { "outbound|80||other.far.svc.cluster.local" } else { "-" };
        assert_eq!(clusters(&compiled.plan, route)[0].0, expected, "{grant}");
        assert_eq!(codes(&compiled.diagnostics).contains(&Code::ReferenceNotPermitted), !permitted);
    }
}

#[test]
fn ga_7_filters_become_what_a_virtual_service_would_do() {
    let filters = "[{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}]}}, \
        {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [server]}}, \
        {type: RequestMirror, requestMirror: {backendRef: {name: api, port: 80}, percent: 25}}, \
        {type: RequestMirror, requestMirror: {backendRef: {name: api, port: 80}, \
        fraction: {numerator: 1, denominator: 1000}}}, \
        {type: RequestMirror, requestMirror: {backendRef: {name: gone, port: 80}}}, \
        {type: URLRewrite, urlRewrite: {hostname: inner.test}}]";
    let backend = "{name: web, port: 80, filters: [{type: RequestHeaderModifier, \
        requestHeaderModifier: {add: [{name: c, value: d}]}}]}";
    let spec = format!(
        "{{parentRefs: [{{name: edge}}], rules: [{{filters: {filters}, backendRefs: [{backend}]}}]}}"
    );
    let compiled = at_edge(&(edge(HTTP) + &route("r", &spec)));
    let route = found(table(&compiled.plan, 80), "h", "/").unwrap();
    let mut headers = HeaderMap::new();
    assert_eq!(route.apply_request(0, &mut headers, &()).unwrap(), "inner.test");
    assert_eq!(
        (&headers["a"], &headers["c"]),
        (&http::HeaderValue::from_static("b"), &http::HeaderValue::from_static("d"))
    );
    headers.insert("server", http::HeaderValue::from_static("x"));
    route.apply_response(0, &mut headers, &());
    assert!(!headers.contains_key("server"));
    let shares: Vec<f64> = route.mirrors.iter().map(|mirror| mirror.percent.value()).collect();
    assert_eq!(shares, [25.0, 0.1], "a mirror that leads nowhere costs nothing");
    assert_eq!(codes(&compiled.diagnostics), [Code::ReferencedResourceNotFound]);
}

#[test]
fn ga_7_a_filter_that_nobody_knows_answers_500() {
    let filter = "{type: ExtensionRef, extensionRef: {group: x.io, kind: Limit, name: l}}";
    let spec = format!(
        "{{parentRefs: [{{name: edge}}], rules: [{{filters: [{filter}], backendRefs: [{{name: web, port: 80}}]}}]}}"
    );
    let compiled = at_edge(&(edge(HTTP) + &route("r", &spec)));
    let route = found(table(&compiled.plan, 80), "h", "/").unwrap();
    assert_eq!(clusters(&compiled.plan, route), [("-".to_owned(), 1)]);
    assert_eq!(codes(&compiled.diagnostics), [Code::NotImplemented]);
    assert_eq!(split(&format!("[{{name: web, port: 80, filters: [{filter}]}}]")).0[0].0, "-");
}

#[test]
fn ga_7_ga_9_redirects_know_their_listener() {
    let filter = "{type: RequestRedirect, requestRedirect: {hostname: b.test}}";
    let spec = format!("{{parentRefs: [{{name: edge}}], rules: [{{filters: [{filter}]}}]}}");
    let listeners = format!("{HTTP}\n  - {{name: alt, port: 8080, protocol: HTTP}}");
    let plan = at_edge(&(edge(&listeners) + &route("r", &spec))).plan;
    for (port, expected) in [(80, "http://b.test/x"), (8080, "http://b.test:8080/x")] {
        let route = found(table(&plan, port), "a.test", "/x").unwrap();
        let Action::Redirect(redirect) = &route.action else { panic!("it redirects") };
        let request = http::Request::builder().uri("http://a.test/x").body(()).unwrap();
        let (status, location) = redirect.location(&RequestView::of(&request)).unwrap();
        assert_eq!((status.as_u16(), location.to_str().unwrap()), (302, expected));
    }
}

#[test]
fn ga_10_timeouts_and_retries() {
    let compiled = |rest: &str| {
        let spec = format!(
            "{{parentRefs: [{{name: edge}}], rules: [{{backendRefs: [{{name: web, port: 80}}], {rest}}}]}}"
        );
        let compiled = at_edge(&(edge(HTTP) + &route("r", &spec)));
        found(table(&compiled.plan, 80), "h", "/").unwrap().as_ref().clone()
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let both = compiled("timeouts: {request: 10s, backendRequest: 2s}");
    assert_eq!(both.timeout, seconds(2), "without retry there is one try");
    assert!(!both.retry.written, "the mesh's own policy");
    let whole = compiled("timeouts: {request: 1m10s}");
    assert_eq!(whole.timeout, seconds(70));
    assert_eq!(compiled("timeouts: {request: 0s}").timeout, None);
    let off = compiled("timeouts: {request: 10s, backendRequest: 0s}, retry: {attempts: 1}");
    assert_eq!((off.timeout, off.retry.per_try_timeout), (seconds(10), None), "0s is off, not the shortest");
    assert_eq!(compiled("timeouts: {request: 0s, backendRequest: 2s}").timeout, seconds(2));
    let retried =
        compiled("timeouts: {request: 10s, backendRequest: 2s}, retry: {codes: [503], backoff: 100ms}");
    assert_eq!((retried.timeout, retried.retry.per_try_timeout), (seconds(10), seconds(2)));
    assert_eq!((retried.retry.attempts, &retried.retry.status_codes[..]), (2, &[503][..]));
    let on = RetryOn::CONNECT_FAILURE
        .union(RetryOn::REFUSED_STREAM)
        .union(RetryOn::UNAVAILABLE)
        .union(RetryOn::CANCELLED);
    assert_eq!(retried.retry.on, on.union(RetryOn::RETRIABLE_STATUS_CODES));
    assert!(retried.retry.written);
    assert_eq!(compiled("retry: {attempts: 5}").retry.on, on);
    assert_eq!(compiled("retry: {attempts: 5}").retry.attempts, 5);
}
