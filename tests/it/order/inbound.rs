//! Requests to a service: through the layer of a program's own server, and through a built sidecar (FO-1).

use http::{Method, Request, Response, StatusCode};
use mesh_core::cors::CorsPolicy;
use mesh_core::fault::{Abort, FaultPolicy};
use mesh_core::route::StringMatch;
use mesh_core::telemetry::access_log::Format;
use mesh_core::units::Percent;
use mesh_tests::backend::Backend;
use mesh_tests::config::mesh_config;
use mesh_tests::counters::Counters;
use mesh_tests::proxy::Proxy;
use mesh_tower::Body;
use mesh_tower::cors::CorsLayer;
use mesh_tower::fault::FaultLayer;
use mesh_tower::grpc_web::GrpcWebLayer;
use mesh_tower::telemetry::AccessLog;
use mesh_tower::test::{Answer, MeshTest};
use tower::{Layer, ServiceExt};

use super::{FOREIGN, LOG, ORIGIN, PAGE, PREFLIGHT, Row, are_counted, are_counted_by};
use crate::blackbox::PROXY;

/// The application's answer: the path and the id of the request that it got.
async fn echo<B>(request: Request<B>) -> Response<Body> {
    let id = request.headers()["x-request-id"].to_str().unwrap();
    Response::new(Body::from(format!("{id} {}", request.uri().path())))
}

/// The answer of [`echo`] shows the request of the log, at the normalised path.
fn check_echo(row: &Row, body: &[u8], line: &str) {
    if row.log == "200 - via_upstream -" {
        let (id, path) = std::str::from_utf8(body).unwrap().split_once(' ').unwrap();
        assert!(line.starts_with(id) && path == "/open", "{row:?}: {line}");
    }
}

#[tokio::test(start_paused = true)]
async fn fo_1_the_order_around_a_handler_of_ones_own() {
    let counters = Counters::leak();
    let _installed = counters.install();
    let (log, lines) = AccessLog::in_memory(Format::text(&format!("{LOG}\n")).unwrap());
    let test = MeshTest::new("").with(|builder| builder.access_log(log)).start().await;
    let abort = Abort::http(StatusCode::IM_A_TEAPOT);
    let faulty =
        FaultPolicy { abort: Some(abort), abort_percent: Percent::HUNDRED, ..FaultPolicy::default() };
    let cors = CorsPolicy::new([StringMatch::exact(ORIGIN)]).methods(["PUT"]).unwrap();
    let server = |fault| {
        let handler =
            tower::service_fn(async |request| Ok::<_, std::convert::Infallible>(echo(request).await));
        let handler = FaultLayer::new(fault).layer(CorsLayer::new(cors.clone()).layer(handler));
        test.mesh().layer().layer(GrpcWebLayer::new().layer(handler))
    };
    let (fine, faulty) = (server(FaultPolicy::default()), server(faulty));
    let rows = [
        Row::new(Method::GET, "/shut/../open", &[], "200 - via_upstream -"),
        Row::new(Method::GET, "/open", FOREIGN, "403 - upgrade_failed -"),
        Row::new(Method::OPTIONS, "/open", PREFLIGHT, "200 - cors_response -"),
        Row::new(Method::GET, "/faulty", &[], "418 FI fault_filter_abort -"),
        Row::new(Method::OPTIONS, "/faulty", PREFLIGHT, "418 FI fault_filter_abort -"),
        Row::new(Method::POST, "/faulty", PAGE, "200 FI fault_filter_abort 2"),
    ];
    for row in &rows {
        let server = if row.path == "/faulty" { faulty.clone() } else { fine.clone() };
        let response = server.oneshot(row.request("")).await.unwrap_or_else(|never| match never {});
        let answer = Answer::read(response, None).await;
        let logged = lines.take();
        let [line] = &logged[..] else { panic!("one line: {logged:?}") };
        row.check(answer.status().as_u16(), &answer.head.headers, line);
        check_echo(row, &answer.body, line);
    }
    assert!(are_counted(&rows, |label, value| {
        counters.sum("istio_requests_total", &format!("{label}={value}"))
    }));
    let all = rows.len() as u64;
    assert_eq!(counters.sum("istio_requests_total", "reporter=destination"), all);
}

const APP: &str = "apiVersion: v1
kind: Service
metadata: {name: report, namespace: default}
spec:
  selector: {app: report}
  ports: [{name: http, port: 5000}]
---
apiVersion: v1
kind: Pod
metadata: {name: report, namespace: default, labels: {app: report}}
spec: {containers: [{name: app, image: app}]}
---
";

#[tokio::test]
async fn fo_1_the_order_at_a_sidecar_before_its_application() {
    let app = Backend::start(echo).await;
    let log = mesh_config(&format!("accessLogFile: /dev/stdout\naccessLogFormat: \"{LOG}\\n\""));
    let args = format!(
        "--role sidecar --workload default/Pod/report --bind 5000=127.0.0.1:0 --outbound 127.0.0.1:0 \
         --app 5000={}",
        app.address()
    );
    let mut proxy = Proxy::start(PROXY, &(log + APP), &args).await;
    let mut lines = proxy.take_output();
    let rows = [
        Row::new(Method::GET, "/shut/../open", &[], "200 - via_upstream -"),
        Row::new(Method::GET, "/open", FOREIGN, "403 - upgrade_failed -"),
    ];
    for row in &rows {
        let (line, body) = row.through(proxy.address("inbound|5000"), &mut lines).await;
        check_echo(row, &body, &line);
    }
    assert_eq!(app.served(), 1);
    are_counted_by(&proxy, &rows).await;
}
