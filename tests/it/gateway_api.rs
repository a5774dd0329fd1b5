//! Routes of the Gateway API on the way of a call (GA), through the library.

use http::Request;
use mesh_tests::config::service;
use mesh_tower::Body;
use mesh_tower::test::{MeshTest, TestMesh};

/// Service `api` with one endpoint of each version, and an `HTTPRoute` of it with these rules.
async fn world(rules: &str) -> TestMesh {
    let route = format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: api}}
spec:
  parentRefs: [{{group: '', kind: Service, name: api}}]
  rules:
{rules}
"
    );
    let yaml =
        service("api", "http", 80, &["10.0.0.1"]) + &service("next", "http", 80, &["10.0.0.2"]) + &route;
    let test = MeshTest::new(&yaml).with(|builder| builder.strict(false)).start().await;
    test.upstream("10.0.0.1:80").respond(200, "now");
    test.upstream("10.0.0.2:80").respond(200, "next");
    test
}

#[tokio::test(start_paused = true)]
async fn ga_1_ga_4_ga_8_a_call_takes_the_most_specific_rule_and_is_rewritten() {
    let test = world(
        "  - backendRefs: [{name: api, port: 80}]
  - matches: [{path: {value: /v2}}]
    filters:
    - type: URLRewrite
      urlRewrite: {hostname: inner.test, path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: x-from, value: mesh}]}
    - type: ResponseHeaderModifier
      responseHeaderModifier: {add: [{name: x-rule, value: v2}]}
    backendRefs: [{name: next, port: 80}]",
    )
    .await;
    assert_eq!(test.get("http://api/v22").await.text(), "now");
    let answer = test.get("http://api/v2/items?q=1").await;
    assert_eq!((answer.text().as_str(), answer.header("x-rule")), ("next", "v2"));
    let arrival = test.upstream("10.0.0.2:80").arrivals().remove(0);
    assert_eq!(
        (arrival.path(), arrival.authority(), arrival.header("x-from")),
        ("/items?q=1", "inner.test", "mesh")
    );
}

#[tokio::test(start_paused = true)]
async fn ga_6_va_2_the_share_of_a_backend_that_is_not_there_gets_500_or_unavailable() {
    let test = world("  - backendRefs: [{name: api, port: 80, weight: 3}, {name: gone, port: 80}]").await;
    let mut failed = 0;
    for _ in 0..400 {
        let answer = test.get("http://api/").await;
        if answer.status() == 500 {
            assert_eq!(
                (answer.flags().as_str(), answer.header("x-mesh-reason")),
                ("NC", "cluster_not_found")
            );
            failed += 1;
        } else {
            assert_eq!((answer.status().as_u16(), answer.text().as_str()), (200, "now"));
        }
    }
    assert!((60..140).contains(&failed), "a quarter, not {failed} of 400");
    let test = world("  - backendRefs: []").await;
    assert_eq!(test.get("http://api/").await.status(), 500);
    let call = Request::post("http://api/s/m").header("content-type", "application/grpc");
    let answer = test.send(call.body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status().as_u16(), answer.grpc_status()), (200, Some(14)), "UNAVAILABLE");
}

#[tokio::test(start_paused = true)]
async fn ga_6_no_rule_is_404_and_no_endpoint_503() {
    let test = world("  - {matches: [{path: {value: /only}}], backendRefs: [{name: api, port: 80}]}").await;
    assert_eq!(test.get("http://api/else").await.status(), 404);
    let empty = service("empty", "http", 80, &[]);
    test.reload(
        &(service("api", "http", 80, &["10.0.0.1"])
            + &empty
            + "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api}
spec:
  parentRefs: [{group: '', kind: Service, name: api}]
  rules: [{backendRefs: [{name: empty, port: 80}]}]
"),
    );
    let answer = test.get("http://api/").await;
    assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (503, "UH"));
}

#[tokio::test(start_paused = true)]
async fn ga_10_a_backend_request_has_its_limit_and_codes_are_tried_again() {
    use std::time::Duration;
    let test = world(
        "  - timeouts: {request: 10s, backendRequest: 1s}
    retry: {attempts: 2, codes: [503], backoff: 10ms}
    backendRefs: [{name: api, port: 80}]",
    )
    .await;
    let upstream = test.upstream("10.0.0.1:80");
    upstream.fail_next(2, 503);
    assert_eq!(test.get("http://api/").await.status(), 200);
    assert_eq!(upstream.arrival_count(), 3);
    upstream.slow_headers(Duration::from_secs(5));
    let start = tokio::time::Instant::now();
    let answer = test.get("http://api/").await;
    assert_eq!((answer.status().as_u16(), start.elapsed().as_secs()), (504, 1), "one try, one second");
}

#[tokio::test(start_paused = true)]
async fn ga_7_redirects_and_mirrors() {
    let test = world(
        "  - matches: [{path: {value: /old}}]
    filters:
    - type: RequestRedirect
      requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}, statusCode: 308}
  - filters: [{type: RequestMirror, requestMirror: {backendRef: {name: next, port: 80}}}]
    backendRefs: [{name: api, port: 80}]",
    )
    .await;
    let answer = test.get("http://api/old/x?q").await;
    assert_eq!((answer.status().as_u16(), answer.header("location")), (308, "http://api/new/x?q"));
    assert_eq!(test.get("http://api/").await.text(), "now");
    test.upstream("10.0.0.2:80").arrived(1).await;
}

#[tokio::test(start_paused = true)]
async fn ga_7_va_12_cross_origin_rules_answer_preflights() {
    let test = world(
        "  - filters:
    - type: CORS
      cors: {allowOrigins: ['https://*.shop.test'], allowMethods: [GET, PUT], allowCredentials: true}
    backendRefs: [{name: api, port: 80}]",
    )
    .await;
    let preflight = async |origin: &str| {
        let request = Request::options("http://api/").header("origin", origin);
        let request = request.header("access-control-request-method", "PUT");
        test.send(request.body(Body::empty()).unwrap()).await
    };
    let answer = preflight("https://a.shop.test").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("access-control-allow-origin"), "https://a.shop.test");
    assert_eq!(answer.header("access-control-allow-methods"), "GET,PUT");
    assert_eq!(answer.header("access-control-max-age"), "5");
    assert_eq!(answer.text(), "");
    let answer = preflight("https://shop.test").await;
    assert_eq!((answer.header("access-control-allow-origin"), answer.text().as_str()), ("", "now"));
    let request = Request::get("http://api/").header("origin", "https://a.shop.test");
    let answer = test.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://a.shop.test");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
}

#[tokio::test(start_paused = true)]
async fn ga_7_a_rule_with_an_unknown_filter_answers_500_and_falls_through_to_no_other() {
    let filter = "{type: ExtensionRef, extensionRef: {group: x.io, kind: Limit, name: l}}";
    for (filters, backend) in
        [(format!("filters: [{filter}]"), String::new()), (String::new(), format!(", filters: [{filter}]"))]
    {
        let test = world(&format!(
            "  - backendRefs: [{{name: api, port: 80}}]
  - matches: [{{path: {{value: /limited}}}}]
    backendRefs: [{{name: next, port: 80{backend}}}]
    {filters}"
        ))
        .await;
        let answer = test.get("http://api/limited").await;
        assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (500, "NC"), "{filters}");
        let call = Request::post("http://api/limited").header("content-type", "application/grpc");
        let answer = test.send(call.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status().as_u16(), answer.grpc_status()), (200, Some(14)), "{filters}");
        assert_eq!(test.get("http://api/").await.text(), "now", "{filters}");
        assert_eq!(test.upstream("10.0.0.1:80").arrival_count(), 1, "{filters}");
        assert_eq!(test.upstream("10.0.0.2:80").arrival_count(), 0, "{filters}");
    }
}
