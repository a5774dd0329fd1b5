//! What the parts of a mesh share, and what its stack keeps around a transport of one's own.

use std::time::Duration;

use http::Request;
use mesh_core::plan::Direction;
use mesh_core::plan::builder::{Protocol, Rule, Service};
use mesh_tests::counters::Counters;
use mesh_tower::normalize::NormalizeLayer;
use mesh_tower::passage::Passage;
use mesh_tower::route::RouteLayer;
use mesh_tower::stack::outbound_over;
use mesh_tower::telemetry::{Metrics, TelemetryLayer};
use mesh_tower::test::Network;
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
    let (worker, plan) = (mesh.worker(), mesh.plan());
    let hangs = service_fn(|_: Passage| std::future::pending::<Result<http::Response<Body>, BoxError>>());
    let stack = outbound_over(
        hangs,
        &worker,
        TelemetryLayer::new(Direction::Outbound, plan.workload.clone()),
        NormalizeLayer::new(Direction::Outbound),
        RouteLayer::outbound(worker.clone()),
    );
    let call = stack.oneshot(Request::get("http://stock/").body(Body::empty()).unwrap());
    let answer = tokio::time::timeout(Duration::from_secs(10), call).await.expect("each try is bounded");
    assert_eq!(Error::from_box(answer.err().unwrap()).to_string(), "504 UT upstream_per_try_timeout");
}

/// ME-8: there is one cap, and not one for each client and layer.
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
