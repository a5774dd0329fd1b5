//! Requests to a gateway, in process and as it is built, by the same rules (FO-1).

use http::Method;
use mesh_core::telemetry::access_log::Format;
use mesh_tests::backend::Backend;
use mesh_tests::config::{entry, mesh_config};
use mesh_tests::counters::Counters;
use mesh_tests::proxy::Proxy;
use mesh_tower::Body;
use mesh_tower::telemetry::AccessLog;
use mesh_tower::test::{Answer, MeshTest};
use tower::ServiceExt;

use super::{FOREIGN, LOG, PAGE, PREFLIGHT, Row, are_counted, are_counted_by};
use crate::blackbox::PROXY;

const ROWS: [Row; 9] = [
    Row::new(Method::GET, "/open", &[], "200 - via_upstream -"),
    // The route matches the normalised path.
    Row::new(Method::GET, "/open/../shut", &[], "403 - direct_response -"),
    Row::new(Method::GET, "/open", FOREIGN, "403 - upgrade_failed -"),
    Row::new(Method::GET, "/nowhere", &[], "404 NR route_not_found -"),
    Row::new(Method::GET, "/faulty", &[], "418 FI fault_filter_abort -"),
    Row::new(Method::OPTIONS, "/faulty", PREFLIGHT, "418 FI fault_filter_abort -"),
    Row::new(Method::POST, "/faulty", PAGE, "200 FI fault_filter_abort 2"),
    Row::new(Method::OPTIONS, "/shared", PREFLIGHT, "200 - cors_response -"),
    Row::new(Method::POST, "/shut", PAGE, "200 - direct_response 7"),
];

/// A gateway's rules; the backend's host is `backend.test`.
const EDGE: &str = "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  servers:
  - port: {number: 80, name: web, protocol: GRPC-WEB}
    hosts: ['*']
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: default}
spec:
  hosts: ['*']
  gateways: [edge]
  http:
  - match: [{uri: {prefix: /shut}}]
    directResponse: {status: 403}
  - match: [{uri: {prefix: /faulty}}]
    fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
    corsPolicy: {allowOrigins: [{exact: 'https://shop.test'}], allowMethods: [PUT]}
    route: [{destination: {host: backend.test}}]
  - match: [{uri: {prefix: /shared}}]
    corsPolicy: {allowOrigins: [{exact: 'https://shop.test'}], allowMethods: [PUT]}
    route: [{destination: {host: backend.test}}]
  - match: [{uri: {prefix: /open}}]
    route: [{destination: {host: backend.test}}]
";

#[tokio::test(start_paused = true)]
async fn fo_1_the_order_at_a_gateway_in_process() {
    let counters = Counters::leak();
    let _installed = counters.install();
    let (log, lines) = AccessLog::in_memory(Format::text(&format!("{LOG}\n")).unwrap());
    let yaml = entry("backend.test", "HTTP", 80, &["10.0.0.1:80".parse().unwrap()]) + EDGE;
    let test = MeshTest::new(&yaml).with(|builder| builder.gateway(true).access_log(log)).start().await;
    let backend = test.upstream("10.0.0.1:80");
    let gateway = mesh_tests::gateway::in_process(test.mesh(), "gateway|80");
    for row in &ROWS {
        let answer = match gateway.clone().oneshot(row.request("http://any.test")).await {
            Ok(response) => Answer::read(response, None).await,
            Err(error) => Answer::read(error.response(false), Some(error)).await,
        };
        let logged = lines.take();
        let [line] = &logged[..] else { panic!("one line: {logged:?}") };
        row.check(answer.status().as_u16(), &answer.head.headers, line);
        if row.path == "/open" && row.headers.is_empty() {
            assert!(line.starts_with(backend.arrivals()[0].header("x-request-id")), "{line}");
        }
    }
    assert_eq!(backend.arrival_count(), 1);
    assert!(are_counted(&ROWS, |label, value| {
        counters.sum("istio_requests_total", &format!("{label}={value}"))
    }));
}

#[tokio::test]
async fn fo_1_the_order_at_a_gateway_as_it_is_built() {
    let backend = Backend::start(|request| async move {
        let id = request.headers()["x-request-id"].to_str().unwrap().to_owned();
        http::Response::new(Body::from(id))
    })
    .await;
    let log = mesh_config(&format!("accessLogFile: /dev/stdout\naccessLogFormat: \"{LOG}\\n\""));
    let yaml = log + &entry("backend.test", "HTTP", 80, &[backend.address()]) + EDGE;
    let mut proxy = Proxy::start(PROXY, &yaml, crate::blackbox::GATEWAY).await;
    let mut lines = proxy.take_output();
    for row in &ROWS {
        let (line, body) = row.through(proxy.address("gateway|80"), &mut lines).await;
        if row.path == "/open" && row.headers.is_empty() {
            assert!(line.starts_with(std::str::from_utf8(&body).unwrap()), "{line}");
        }
    }
    assert_eq!(backend.served(), 1);
    are_counted_by(&proxy, &ROWS).await;
}
