//! The configuration of the mesh, and the endpoints that misbehave.

use std::net::SocketAddr;

use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh_tests::backend::{Backend, Unheard};
use mesh_tests::config::{destination_rule, entry, mesh_config};
use mesh_tower::{Body, BoxError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::rows::ROWS;

/// The fields of each request's log line that are compared.
pub(super) const LOG: &str =
    "%REQ(X-STEP)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %GRPC_STATUS_NUMBER%";

/// Accepts a connection and sends this answer after the request; then closes, unless there is no answer.
async fn raw(answer: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let Some(answer) = answer else {
                kept.push(stream);
                continue;
            };
            let _ = stream.read(&mut [0; 1]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// Takes streams of HTTP/2, and resets them with this reason.
async fn resetting(reason: h2::Reason) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let reset = hyper::service::service_fn(move |_| async move {
                Err::<http::Response<Body>, BoxError>(h2::Error::from(reason).into())
            });
            let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(serving.serve_connection(TokioIo::new(stream), reset));
        }
    });
    address
}

pub(super) async fn yaml(
    fine: &Backend,
    silent: &Backend,
    full: &Backend,
    leaving: &Backend,
    refused: &Unheard,
) -> String {
    let mut yaml = mesh_config(&format!(
        "accessLogFile: /dev/stdout
accessLogFormat: \"{LOG}\\n\"
outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}"
    ));
    yaml += "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec: {servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: gone, namespace: default}
spec:
  hosts: ['*.gone.test']
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: DYNAMIC_DNS
  location: MESH_EXTERNAL
---
";
    for (host, protocol, address) in [
        ("fine.test", "HTTP", fine.address()),
        ("silent.test", "HTTP", silent.address()),
        ("full.test", "HTTP", full.address()),
        ("leaving.test", "HTTP", leaving.address()),
        ("refused.test", "HTTP", refused.address()),
        ("mute.test", "HTTP", raw(None).await),
        ("closed.test", "HTTP", raw(Some("")).await),
        ("babbling.test", "HTTP", raw(Some("250 smtp.test\r\n\r\n")).await),
        ("reset.test", "HTTP2", resetting(h2::Reason::INTERNAL_ERROR).await),
        ("refusing.test", "HTTP2", resetting(h2::Reason::REFUSED_STREAM).await),
    ] {
        yaml += &entry(host, protocol, 80, &[address]);
    }
    yaml += &destination_rule("fine.test", "  subsets: [{name: none, labels: {no: body}}]");
    yaml +=
        &destination_rule("full.test", "  trafficPolicy: {connectionPool: {http: {http2MaxRequests: 1}}}");
    // An endpoint that does not do the TLS handshake is not connected.
    yaml += &destination_rule(
        "mute.test",
        "  trafficPolicy:
    connectionPool: {tcp: {connectTimeout: 100ms}}
    tls: {mode: SIMPLE, insecureSkipVerify: true}",
    );
    for row in ROWS.iter().filter(|row| !row.rule.is_empty()) {
        yaml += &rule(row.name, row.rule, row.to);
    }
    yaml + &rule("leaving", "name: rule", "{host: leaving.test}")
}

fn rule(name: &str, rule: &str, to: &str) -> String {
    let route = if to.is_empty() { String::new() } else { format!("    route: [{{destination: {to}}}]\n") };
    format!(
        "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec:
  hosts: [{name}.test]
  gateways: [edge, mesh]
  http:
  - {rule}
{route}---
"
    )
}
