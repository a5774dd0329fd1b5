//! The built proxy with real clients over real sockets, all on free ports.

mod deadlines;
mod framing;
mod gateway;
mod gateway_api;
mod grpc;
mod grpc_web;
mod http2;
mod lifecycle;
mod memory;
mod readiness;
mod reload;
mod replies;
mod sidecar;
mod tls;
pub(crate) mod websocket;

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http::response::Parts;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mesh_tests::config::entry;
use mesh_tests::proxy::Proxy;
use mesh_tower::Body;
use tokio::net::TcpStream;

/// The proxy under test.
pub(crate) const PROXY: &str = env!("CARGO_BIN_EXE_mesh-proxy-tested");

/// The host of the service behind the proxies.
const HOST: &str = "backend.test";

/// A Gateway for all hosts on port 80, and a route to the backend; `rule` are more lines of it.
fn edge(backend: SocketAddr, protocol: &str, rule: &str) -> String {
    let route = format!("route: [{{destination: {{host: {HOST}, port: {{number: 8080}}}}}}]");
    entry(HOST, protocol, 8080, &[backend]) + &front(&format!("  - {route}\n{rule}"))
}

/// A Gateway for all hosts on port 80, and its rules, from column 2.
fn front(rules: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: default}}
spec:
  servers:
  - port: {{number: 80, name: http, protocol: HTTP}}
    hosts: ['*']
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: edge, namespace: default}}
spec:
  hosts: ['*']
  gateways: [edge]
  http:
{rules}
"
    )
}

/// The arguments of a gateway.
pub(crate) const GATEWAY: &str = "--role gateway --bind 80=127.0.0.1:0";

/// A gateway that serves [`edge`].
pub(crate) async fn gateway(backend: SocketAddr, protocol: &str, rule: &str) -> Proxy {
    let yaml = edge(backend, protocol, rule);
    Proxy::start(PROXY, &yaml, GATEWAY).await
}

/// A client that never asks the environment for a proxy.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Sends a request as it is, over a connection of its own, and reads the answer.
pub(crate) async fn send(address: SocketAddr, request: Request<Body>) -> (Parts, Bytes) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let (head, body) = sender.send_request(request).await.expect("the proxy answers").into_parts();
    (head, body.collect().await.unwrap().to_bytes())
}
