//! The built proxy, configured by the Gateway API (GA).

use std::net::SocketAddr;
use std::process::Stdio;

use http::Response;
use mesh_tests::backend::Backend;
use mesh_tests::config::entry;
use mesh_tests::proxy::Proxy;
use mesh_tower::Body;
use tokio::process::Command;
use tonic::transport::Endpoint;

use super::{HOST, PROXY, client, grpc};

/// A Gateway on port 80, and the backend behind its routes.
fn edge(backend: SocketAddr, protocol: &str, routes: &str) -> String {
    entry(HOST, protocol, 8080, &[backend])
        + &format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: default}}
spec:
  gatewayClassName: istio
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
---
{routes}
"
        )
}

/// The backend, as a destination of a route.
const TO: &str = "{group: networking.istio.io, kind: Hostname, name: backend.test, port: 8080}";

fn routes() -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: shop}}
spec:
  parentRefs: [{{name: edge}}]
  hostnames: [shop.test]
  rules:
  - backendRefs: [{TO}]
  - matches: [{{path: {{value: /cart}}}}]
    filters:
    - type: URLRewrite
      urlRewrite: {{path: {{type: ReplacePrefixMatch, replacePrefixMatch: /basket}}}}
    - type: ResponseHeaderModifier
      responseHeaderModifier: {{set: [{{name: x-rule, value: cart}}]}}
    backendRefs: [{TO}]
  - matches: [{{path: {{type: Exact, value: /cart/old}}}}]
    filters:
    - type: RequestRedirect
      requestRedirect: {{scheme: https, path: {{type: ReplaceFullPath, replaceFullPath: /cart}}}}
  - matches: [{{path: {{value: /broken}}}}]
    backendRefs: [{{name: nowhere, port: 80}}]
"
    )
}

async fn echo() -> Backend {
    Backend::start(async |request: http::Request<_>| Response::new(Body::from(request.uri().to_string())))
        .await
}

#[tokio::test]
async fn ga_2_ga_4_ga_6_ga_8_ga_9_an_http_route_at_a_gateway() {
    let backend = echo().await;
    let yaml = edge(backend.address(), "HTTP", &routes());
    // No flag sets its role: the Gateway in the folder makes it a gateway.
    let proxy = Proxy::start(PROXY, &yaml, "--bind 80=127.0.0.1:0").await;
    let address = proxy.address("gateway|80");
    let get = async |host: &str, path: &str| {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let request = client.build().unwrap().get(format!("http://{address}{path}")).header("host", host);
        let answer = request.send().await.unwrap();
        let header = |name| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (status, rule, location) = (answer.status().as_u16(), header("x-rule"), header("location"));
        (status, rule, location, answer.text().await.unwrap())
    };
    let expected = |status: u16, rule: &str, location: &str, text: &str| {
        (status, rule.to_owned(), location.to_owned(), text.to_owned())
    };
    assert_eq!(get("shop.test", "/cart/1?q=2").await, expected(200, "cart", "", "/basket/1?q=2"));
    assert_eq!(get("shop.test:8080", "/carts").await, expected(200, "", "", "/carts"));
    assert_eq!(get("shop.test", "/cart/old").await, expected(302, "", "https://shop.test/cart", ""));
    assert_eq!(get("shop.test", "/broken").await, expected(500, "", "", ""));
    assert_eq!(get("other.test", "/").await.0, 404);
    proxy.write(&yaml.replace("replacePrefixMatch: /basket", "replacePrefixMatch: /bag"));
    proxy
        .until("/config_dump", |_, text| {
            text.contains("\"generation\": 2") || text.contains("\"generation\":2")
        })
        .await;
    assert_eq!(get("shop.test", "/cart/1").await, expected(200, "cart", "", "/bag/1"));
}

#[tokio::test]
async fn ga_5_a_grpc_route_at_a_gateway() {
    let route = |method: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {{name: echo}}
spec:
  parentRefs: [{{name: edge}}]
  rules:
  - matches: [{{method: {{service: test.Echo{method}}}}}]
    backendRefs: [{TO}]
"
        )
    };
    let server = grpc::server().await;
    let proxy = Proxy::start(PROXY, &edge(server, "GRPC", &route("")), "--bind 80=127.0.0.1:0").await;
    let endpoint = Endpoint::from_shared(format!("http://{}", proxy.address("gateway|80"))).unwrap();
    grpc::all_kinds(endpoint.connect_lazy()).await;
    let one = edge(server, "GRPC", &route(", method: Down"));
    let proxy = Proxy::start(PROXY, &one, "--bind 80=127.0.0.1:0").await;
    let endpoint = Endpoint::from_shared(format!("http://{}", proxy.address("gateway|80"))).unwrap();
    let code = grpc::one_call(endpoint.connect_lazy()).await.unwrap_err().code();
    assert_eq!(code, tonic::Code::Unimplemented, "no rule is for the method One");
}

#[tokio::test]
async fn ga_1_a_sidecar_follows_the_route_of_a_service() {
    let backend = echo().await;
    let route = format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: backend}}
spec:
  parentRefs: [{{group: networking.istio.io, kind: ServiceEntry, name: backend-test}}]
  rules:
  - matches: [{{path: {{value: /a}}}}]
    filters: [{{type: URLRewrite, urlRewrite: {{path: {{type: ReplacePrefixMatch, replacePrefixMatch: /b}}}}}}]
    backendRefs: [{TO}]
"
    );
    let yaml = entry(HOST, "HTTP", 8080, &[backend.address()]) + &route;
    let args = "--role sidecar --no-inbound --workload web --outbound 127.0.0.1:0";
    let proxy = Proxy::start(PROXY, &yaml, args).await;
    let url = |path: &str| format!("http://{}{path}", proxy.address("outbound|15001"));
    let get = |path: &str| client().get(url(path)).header("host", format!("{HOST}:8080")).send();
    assert_eq!(get("/a/x").await.unwrap().text().await.unwrap(), "/b/x");
    assert_eq!(get("/c").await.unwrap().status(), 404, "no rule matches");
}

#[tokio::test]
async fn ga_11_check_prints_the_conditions() {
    let folder = tempfile::tempdir().unwrap();
    let address = "127.0.0.1:1".parse().unwrap();
    std::fs::write(folder.path().join("mesh.yaml"), edge(address, "HTTP", &routes())).unwrap();
    let check = async |more: &[&str]| {
        let mut command = Command::new(PROXY);
        command.arg("check").arg(folder.path()).args(more).stdin(Stdio::null());
        let output = command.output().await.unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = check(&["--status"]).await;
    assert_eq!(code, Some(79), "a backend is not there: {text}");
    assert!(
        text.contains("Gateway default/edge\n  Accepted=True (Accepted)\n  Programmed=True (Programmed)\n"),
        "{text}"
    );
    let route = "HTTPRoute default/shop
  parent Gateway default/edge
    Accepted=True (Accepted)
    ResolvedRefs=False (BackendNotFound)";
    assert!(text.contains(route), "{text}");
    let (_, text) = check(&["--status", "-o", "json"]).await;
    assert!(text.contains("\"reason\": \"BackendNotFound\""), "{text}");
    let (_, text) = check(&["-o", "json"]).await;
    assert!(text.starts_with('['), "without --status the form is as ever");
    std::fs::write(folder.path().join("mesh.yaml"), "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n")
        .unwrap();
    let (_, text) = check(&["--status"]).await;
    assert!(text.ends_with("\nno resource of the Gateway API\n"), "{text}");
    let (_, text) = check(&[]).await;
    assert!(!text.contains("Gateway API"), "nobody asked: {text}");
}
