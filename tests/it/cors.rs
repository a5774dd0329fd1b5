//! Pages of other origins, through the production stack (VA-11, VA-12, FO-1, FO-2).

use http::{Method, Request};
use mesh_tests::config::{service, virtual_service};
use mesh_tower::Body;
use mesh_tower::test::{Answer, MeshTest, TestMesh, Upstream};

const ORIGIN: &str = "https://shop.test";

async fn world(rule: &str) -> (TestMesh, Upstream) {
    let rules = format!(
        "  - corsPolicy:
      allowOrigins: [{{exact: 'https://shop.test'}}, {{regex: 'https://[a-z]+[.]dev'}}]
      allowMethods: [GET, PUT]
      allowHeaders: ['*']
      exposeHeaders: [x-cost]
      maxAge: 24h
      allowCredentials: true
{rule}"
    );
    let yaml = service("api", "http", 80, &["10.0.0.1"]) + &service("empty", "http", 80, &[]);
    let test = MeshTest::new(&(yaml + &virtual_service("api", &rules)))
        .with(|builder| builder.strict(false))
        .start()
        .await;
    let api = test.upstream("10.0.0.1:80");
    (test, api)
}

async fn ask(test: &TestMesh, method: Method, origin: &str) -> Answer {
    let request = Request::builder().method(method).uri("http://api/").header("origin", origin);
    let request = request.header("access-control-request-method", "PUT");
    let request = request.header("access-control-request-headers", "x-a, x-b");
    test.send(request.body(Body::empty()).unwrap()).await
}

fn permission(answer: &Answer) -> Vec<String> {
    let headers = answer.head.headers.iter();
    let mut permissions: Vec<String> = headers
        .filter(|(name, _)| name.as_str().starts_with("access-control-"))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    permissions.sort();
    permissions
}

const TO_API: &str = "    route: [{destination: {host: api}}]";

#[tokio::test(start_paused = true)]
async fn va_12_a_preflight_never_reaches_the_service() {
    let (test, api) = world(TO_API).await;
    for origin in [ORIGIN, "https://staging.dev"] {
        let answer = ask(&test, Method::OPTIONS, origin).await;
        assert_eq!(
            (answer.status().as_u16(), answer.text().as_str(), answer.flags().as_str()),
            (200, "", "-")
        );
        assert_eq!(
            permission(&answer),
            [
                "access-control-allow-credentials: true",
                "access-control-allow-headers: x-a, x-b",
                "access-control-allow-methods: GET,PUT",
                &format!("access-control-allow-origin: {origin}"),
                "access-control-expose-headers: x-cost",
                "access-control-max-age: 86400",
            ]
        );
    }
    assert_eq!(api.arrival_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn va_12_a_foreign_preflight_is_forwarded_or_answered_without_permission() {
    let (test, api) = world(TO_API).await;
    let answer = ask(&test, Method::OPTIONS, "https://evil.test").await;
    assert_eq!((permission(&answer).len(), api.arrival_count()), (0, 1));

    let (test, api) = world(&format!("      unmatchedPreflights: IGNORE\n{TO_API}")).await;
    let answer = ask(&test, Method::OPTIONS, "https://evil.test").await;
    assert_eq!(answer.status(), 200);
    assert!(!answer.head.headers.contains_key("access-control-allow-origin"));
    assert_eq!(answer.header("access-control-allow-methods"), "GET,PUT");
    assert_eq!(api.arrival_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn va_12_a_response_gains_the_permission_and_replaces_the_services() {
    let (test, api) = world(TO_API).await;
    api.handle(|_| async {
        http::Response::builder().header("access-control-allow-origin", "*").body(Body::empty()).unwrap()
    });
    let answer = ask(&test, Method::PUT, ORIGIN).await;
    assert_eq!(
        permission(&answer),
        [
            "access-control-allow-credentials: true",
            "access-control-allow-origin: https://shop.test",
            "access-control-expose-headers: x-cost",
        ]
    );
    let answer = ask(&test, Method::PUT, "https://evil.test").await;
    assert_eq!(permission(&answer), ["access-control-allow-origin: *"], "never blocked, never touched");
    assert_eq!(api.arrival_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn fo_1_failures_below_gain_the_permission_and_injected_ones_above_do_not() {
    let (test, _) = world("    route: [{destination: {host: empty}}]").await;
    let answer = ask(&test, Method::PUT, ORIGIN).await;
    assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (503, "UH"));
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);

    let fault = format!("    fault: {{abort: {{httpStatus: 418, percentage: {{value: 100}}}}}}\n{TO_API}");
    let (test, _) = world(&fault).await;
    for method in [Method::PUT, Method::OPTIONS] {
        let answer = ask(&test, method, ORIGIN).await;
        assert_eq!((answer.status().as_u16(), permission(&answer).len()), (418, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn va_12_direct_responses_speak_for_themselves() {
    let (test, _) = world("    directResponse: {status: 200, body: {string: hi}}").await;
    let answer = ask(&test, Method::OPTIONS, ORIGIN).await;
    assert_eq!((answer.text().as_str(), permission(&answer).len()), ("hi", 0));
}
