//! A sidecar: calls out, and calls in (SC, H-8).

use std::net::SocketAddr;

use mesh_proxy::{Proxy, Role, Shutdown};

use crate::support::{World, bind, echo_heads, exchange, settings};

const SIDECAR: &str = "apiVersion: v1
kind: Service
metadata: {name: report}
spec:
  selector: {app: report}
  ports: [{name: http, port: 5000}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: report}
spec:
  selector: {matchLabels: {app: report}}
  template:
    metadata: {labels: {app: report, version: v1}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: report}
spec:
  workloadSelector: {labels: {app: report}}
  ingress:
  - port: {number: 5000, protocol: HTTP, name: http}
    defaultEndpoint: 127.0.0.1:5001
  egress:
  - port: {number: 15080, protocol: HTTP_PROXY, name: proxy}
    captureMode: NONE
    hosts: ['./*']
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: backend}
spec:
  hosts: [backend.test]
  ports: [{number: 8080, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: IP, ports: {http: PORT}}]
";

fn yaml(backend: SocketAddr) -> String {
    SIDECAR.replace("IP", &backend.ip().to_string()).replace("PORT", &backend.port().to_string())
}

async fn sidecar(app: SocketAddr, backend: SocketAddr) -> World {
    let (folder, settings) = settings(&yaml(backend));
    let settings = settings
        .role(Role::Sidecar)
        .workload("default/Deployment/report")
        .bind(bind("5000=127.0.0.1:0"))
        .bind(bind("15080=127.0.0.1:0"))
        .app(Some(5000), app);
    World::start(folder, settings).await
}

#[tokio::test]
async fn sc_5_calls_in_reach_the_application_where_the_flag_says() {
    let world = sidecar(echo_heads().await, "127.0.0.1:1".parse().unwrap()).await;
    let request = "GET /in HTTP/1.1\r\nhost: report:5000\r\nconnection: close\r\n\r\n";
    let answer = exchange(world.address("inbound|5000"), request).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("GET /in HTTP/1.1"), "{answer}");
    assert!(!answer.contains("x-forwarded-for"), "{answer}");
}

#[tokio::test]
async fn calls_out_are_an_http_proxys() {
    let world = sidecar("127.0.0.1:1".parse().unwrap(), echo_heads().await).await;
    let proxy = world.address("outbound|15080");
    let request = "GET http://backend.test:8080/out HTTP/1.1\r\nhost: other.test\r\n\
                   proxy-connection: keep-alive\r\nconnection: close\r\n\r\n";
    let answer = exchange(proxy, request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        answer.contains("GET /out HTTP/1.1\r\n") && answer.contains("host: backend.test:8080"),
        "{answer}"
    );
    assert!(!answer.contains("proxy-connection"), "{answer}");
    let connect =
        "CONNECT backend.test:8080 HTTP/1.1\r\nhost: backend.test:8080\r\nconnection: close\r\n\r\n";
    let refused = exchange(proxy, connect).await;
    assert!(refused.starts_with("HTTP/1.1 405 ") && refused.contains("connect_refused"), "{refused}");
}

#[tokio::test]
async fn op_7_a_listener_that_would_call_itself_is_refused() {
    let (_folder, settings) = settings(&yaml("127.0.0.1:1".parse().unwrap()));
    let settings = settings
        .role(Role::Sidecar)
        .workload("default/Deployment/report")
        .bind(bind("5000=127.0.0.1:5001"))
        .bind(bind("15080=127.0.0.1:0"));
    let error = Proxy::start(settings, &Shutdown::default()).await.unwrap_err().to_string();
    assert!(error.contains("inbound|5000") && error.contains("--app 5000="), "{error}");
}
