//! Answers that the mesh makes: Envoy's table, the same as error and as response (RF, VA-2, H).

use http::Request;
use mesh_tests::config::{destination_rule, service, virtual_service};
use mesh_tower::Body;
use mesh_tower::test::{Fault, MeshTest, TestMesh};

async fn world(rest: &str) -> TestMesh {
    let yaml = service("api", "http", 80, &["10.0.0.1"]) + &service("empty", "http", 80, &[]) + rest;
    let test = MeshTest::new(&yaml).with(|builder| builder.strict(false)).start().await;
    let _ = test.upstream("10.0.0.1:80");
    test
}

/// Sends a GET, and checks status, flags, details and body of error and response alike.
async fn expect(test: &TestMesh, uri: &str, status: u16, flags: &str, details: &str, body: &str) {
    let error = test.client().request(Request::get(uri).body(Body::empty()).unwrap()).await.unwrap_err();
    assert_eq!(error.reply().status.as_u16(), status, "{error}");
    assert_eq!(error.to_string().split(" (").next().unwrap(), format!("{status} {flags} {details}"));
    let answer = test.get(uri).await;
    assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (status, flags));
    assert_eq!((answer.header("x-mesh-reason"), answer.text().as_str()), (details, body));
    // RF-4: the same for gRPC.
    let request = Request::get(uri).header("content-type", "application/grpc").body(Body::empty()).unwrap();
    let answer = test.send(request).await;
    assert_eq!(answer.status(), 200);
    let code = match status {
        404 => 12,
        502..=504 => 14,
        _ => 2,
    };
    assert_eq!((answer.grpc_status(), answer.flags().as_str()), (Some(code), flags));
}

#[tokio::test(start_paused = true)]
async fn rf_2_no_rule_matches() {
    let test = world(&virtual_service(
        "api",
        "  - match: [{uri: {prefix: /only}}]\n    route: [{destination: {host: api}}]",
    ))
    .await;
    expect(&test, "http://api/else", 404, "NR", "route_not_found", "").await;
    assert_eq!(test.get("http://api/only").await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn va_2_an_unknown_subset_and_an_unknown_host() {
    let test = world(
        &(virtual_service(
            "api",
            "  - match: [{uri: {prefix: /subset}}]
    route: [{destination: {host: api, subset: v9}}]
  - route: [{destination: {host: nowhere}}]",
        ) + &destination_rule("api", "  subsets: [{name: v1, labels: {version: v1}}]")),
    )
    .await;
    expect(&test, "http://api/subset", 503, "NC", "cluster_not_found", "").await;
    expect(&test, "http://api/host", 503, "NC", "cluster_not_found", "").await;
}

#[tokio::test(start_paused = true)]
async fn va_2_nobody_is_there() {
    let test = world(&destination_rule("api", "  subsets: [{name: v1, labels: {version: v1}}]")).await;
    expect(&test, "http://empty/", 503, "UH", "no_healthy_upstream", "no healthy upstream").await;
    let test = world(
        &(virtual_service("api", "  - route: [{destination: {host: api, subset: v1}}]")
            + &destination_rule("api", "  subsets: [{name: v1, labels: {version: v1}}]")),
    )
    .await;
    expect(&test, "http://api/", 503, "UH", "no_healthy_upstream", "no healthy upstream").await;
}

#[tokio::test(start_paused = true)]
async fn h_8_registry_only_blackholes_the_unknown() {
    let test = world(
        "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: default}
spec:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  egress: [{hosts: ['*/*']}]
",
    )
    .await;
    let answer = test.get("http://unknown.example.com/").await;
    assert_eq!(answer.status(), 502);
    assert_eq!(test.get("http://api/").await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn rf_2_failures_of_the_connection() {
    let body = "upstream connect error or disconnect/reset before headers. reset reason: ";
    for (fault, flags, reason) in [
        (Fault::CloseBeforeResponse, "UC", "connection termination"),
        (Fault::ResetStream, "UR", "remote reset"),
    ] {
        let yaml = service("api", "http2", 80, &["10.0.0.1"]);
        let test = MeshTest::new(&yaml).start().await;
        test.upstream("10.0.0.1:80").fault(fault);
        let answer = test.send(Request::post("http://api/").body(Body::from("x")).unwrap()).await;
        assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (503, flags));
        assert_eq!(answer.text(), format!("{body}{reason}"));
        let details = format!("upstream_reset_before_response_started{{{}}}", reason.replace(' ', "_"));
        assert_eq!(answer.header("x-mesh-reason"), details);
    }
}

#[tokio::test(start_paused = true)]
async fn wish_12_an_error_names_the_endpoint_and_the_cause() {
    let test = world("").await;
    test.upstream("10.0.0.1:80").down();
    let error = test.client().get("http://api/").await.unwrap_err();
    let line = error.to_string();
    assert!(line.contains("10.0.0.1:80") && line.contains("UF"), "{line}");
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        causes.push(inner.to_string());
        cause = inner.source();
    }
    assert!(causes.iter().any(|cause| cause.contains("refused")), "{causes:?}");
}
