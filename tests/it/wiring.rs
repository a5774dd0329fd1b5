//! The parts of a mesh share their state, and its stack holds around a user's own transport.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use mesh_core::api::Documents;
use mesh_core::plan::Direction;
use mesh_core::plan::builder::{Protocol, Rule, Service};
use mesh_tests::config::{mesh_config, service};
use mesh_tests::counters::Counters;
use mesh_tower::boxed_request::BoxedRequest;
use mesh_tower::stack::client_over;
use mesh_tower::telemetry::Metrics;
use mesh_tower::test::{Network, grpc_frame, pass};
use mesh_tower::{Body, BoxError, Error, Mesh};
use tower::{Layer, ServiceExt, service_fn};

/// RT-3: the limit of a try holds over any transport.
#[tokio::test(start_paused = true)]
async fn rt_3_a_try_over_a_transport_of_ones_own_is_bounded() {
    let stock =
        Service::new("stock").port(80, Protocol::Http).endpoint("10.0.0.1:80".parse().unwrap(), [("a", "b")]);
    let rule = Rule::to("stock").retries(1, "connect-failure").with(|rule| {
        rule.retries.as_mut().unwrap().per_try_timeout = Some(Duration::from_millis(100));
    });
    let mesh = Mesh::builder().service(stock).rule(rule).start().await.unwrap();
    let hangs =
        service_fn(|_: BoxedRequest| std::future::pending::<Result<http::Response<Body>, BoxError>>());
    let stack = client_over(hangs, mesh.edge(mesh.worker(), Direction::Outbound));
    let call = stack.oneshot(Request::get("http://stock/").body(Body::empty()).unwrap());
    let answer = tokio::time::timeout(Duration::from_secs(10), call).await.expect("each try is bounded");
    assert_eq!(Error::from_box(answer.err().unwrap()).to_string(), "504 UT upstream_per_try_timeout");
}

/// RT-2, RT-3: the line at which an endpoint's answer counts as the end of the announced time holds over any
/// transport too.
#[tokio::test(start_paused = true)]
async fn rt_2_an_answer_at_the_deadline_of_a_transport_of_ones_own_is_the_timeout() {
    let ms = Duration::from_millis;
    for (per_try, after, in_trailers, ended) in [
        (None, 951, false, "504 UT response_timeout"),
        (None, 951, true, "504 UT response_timeout"),
        (None, 940, false, "1"),
        (None, 940, true, "1"),
        (Some(ms(300)), 286, false, "504 URX,UT upstream_per_try_timeout"),
        (Some(ms(300)), 284, false, "1"),
        (Some(ms(300)), 299, true, "1"),
    ] {
        let endpoint = Service::new("stock").port(80, Protocol::Grpc);
        let stock = endpoint.endpoint("10.0.0.1:80".parse().unwrap(), [("a", "b")]);
        let rule = Rule::to("stock").retries(1, "gateway-error").with(|rule| {
            rule.timeout = Some(ms(1_000));
            rule.retries.as_mut().unwrap().per_try_timeout = per_try;
        });
        let mesh = Mesh::builder().service(stock).rule(rule).start().await.unwrap();
        let gives_up = service_fn(move |_: BoxedRequest| async move {
            let status = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from(1))]);
            let mut response = http::Response::new(Body::empty());
            if in_trailers {
                let trailers = async move {
                    pass(ms(after)).await;
                    Some(Ok(status))
                };
                *response.body_mut() = Body::new(Full::new(grpc_frame(b"one")).with_trailers(trailers));
            } else {
                pass(ms(after)).await;
                *response.headers_mut() = status;
            }
            Ok::<_, BoxError>(response)
        });
        let stack = client_over(gives_up, mesh.edge(mesh.worker(), Direction::Outbound));
        let call = Request::post("http://stock/s/m").header("content-type", "application/grpc");
        let answer = async {
            let (head, body) = stack.oneshot(call.body(grpc_frame(b"hello").into())?).await?.into_parts();
            let body = body.collect().await?;
            let status = body.trailers().unwrap_or(&head.headers)["grpc-status"].clone();
            Ok::<_, BoxError>(status.to_str()?.to_owned())
        };
        let answer = answer.await.unwrap_or_else(|error| Error::from_box(error).to_string());
        assert_eq!(answer, ended, "after {after} ms, {per_try:?}, in trailers: {in_trailers}");
    }
}

/// ME-8: all clients and layers share one cap.
#[tokio::test]
async fn me_8_clients_and_server_layers_share_the_cap_on_series() {
    let counters = Counters::leak();
    let _installed = counters.install();
    let network = Network::new();
    network.upstream("10.0.0.1:80").respond(200, "");
    let stock =
        Service::new("stock").port(80, Protocol::Http).endpoint("10.0.0.1:80".parse().unwrap(), [("a", "b")]);
    let mesh = Mesh::builder()
        .service(stock)
        .connector(std::sync::Arc::new(network))
        .metrics(Metrics::with_cap(1))
        .start()
        .await
        .unwrap();
    let request = || Request::get("http://stock/").body(Body::empty()).unwrap();
    let handler =
        service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(http::Response::new(Body::empty())) });
    mesh.layer().layer(handler).oneshot(request()).await.unwrap();
    assert_eq!(counters.sum("mesh_telemetry_series_overflow_total", ""), 0);
    mesh.client().request(request()).await.unwrap();
    assert_eq!(counters.sum("mesh_telemetry_series_overflow_total", ""), 1);
    assert_eq!(counters.sum("istio_requests_total", "reporter=source"), 1);
}

/// RF-8: an error of the user's transport also becomes an answer with the operations of its rule.
#[tokio::test]
async fn rf_8_an_error_of_a_transport_of_ones_own_has_the_operations_of_its_rule() {
    let stock =
        Service::new("stock").port(80, Protocol::Http).endpoint("10.0.0.1:80".parse().unwrap(), [("a", "b")]);
    let rule = Rule::to("stock").with(|rule| {
        let response = rule.headers.get_or_insert_default().response.get_or_insert_default();
        response.add.insert("x-rule".into(), "told".into());
        // Then no layer between it and the transport reads errors.
        rule.retries.get_or_insert_default().attempts = Some(0);
    });
    let mesh = Mesh::builder().service(stock).rule(rule).start().await.unwrap();
    let breaks = service_fn(|_: BoxedRequest| async {
        Err::<http::Response<Body>, BoxError>(
            std::io::Error::from(std::io::ErrorKind::ConnectionReset).into(),
        )
    });
    let stack = client_over(breaks, mesh.edge(mesh.worker(), Direction::Outbound));
    let call = stack.oneshot(Request::post("http://stock/").body(Body::empty()).unwrap());
    let answer = Error::from_box(call.await.err().unwrap()).response(false);
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["x-rule"], "told");
}

/// AL-6: the file that the code names replaces that of the mesh config, which keeps the format.
#[tokio::test]
async fn al_6_the_access_log_goes_to_the_file_that_the_code_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [written, wanted] = [path("written.log"), path("wanted.log")];
    let config = format!("accessLogFile: {written}\naccessLogFormat: \"%REQ(:METHOD)% %RESPONSE_CODE%\\n\"");
    let yaml = service("stock", "http", 80, &["10.0.0.1"]) + &mesh_config(&config);
    for (file, lines) in [(wanted.as_str(), Some("GET 200\nPUT 200\n")), ("off", None)] {
        let network = Network::new();
        network.upstream("10.0.0.1:80").respond(200, "");
        let (documents, findings) = Documents::parse([("mesh.yaml", yaml.as_str())]);
        assert!(!findings.has_errors(), "{findings}");
        let builder = Mesh::from_documents(documents).connector(std::sync::Arc::new(network));
        let mesh = builder.access_log_file(file).start().await.unwrap();
        for method in ["GET", "PUT"] {
            let request = Request::builder().method(method).uri("http://stock/").body(Body::empty());
            let answer = mesh.client().request(request.unwrap()).await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.into_body().collect().await.unwrap();
        }
        assert!(mesh.access_log().flush(Duration::from_secs(60)));
        assert_eq!(std::fs::read_to_string(&wanted).ok().as_deref(), lines, "{file}");
        assert!(!std::path::Path::new(&written).exists(), "{file}");
        // A file of the next round would be its own.
        let _ = std::fs::remove_file(&wanted);
    }
}
