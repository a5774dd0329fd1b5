//! The stack of a client, composed layer by layer: it decides like `Mesh::client`, and a layer of one's own can stand
//! anywhere in it.

use http::HeaderValue;
use mesh_tower::balance::BalanceLayer;
use mesh_tower::boxed_request::{BoxRequestLayer, BoxedRequest};
use mesh_tower::circuit::CircuitLayer;
use mesh_tower::context::InheritLayer;
use mesh_tower::cors::CorsLayer;
use mesh_tower::exchange::Exchange;
use mesh_tower::fault::FaultLayer;
use mesh_tower::grpc_web::GrpcWebLayer;
use mesh_tower::mesh_core::plan::Direction;
use mesh_tower::mesh_core::plan::builder::{Protocol, Rule, Service};
use mesh_tower::mirror::MirrorLayer;
use mesh_tower::outlier::OutlierLayer;
use mesh_tower::record::Record;
use mesh_tower::retry::RetryLayer;
use mesh_tower::rewrite::RewriteLayer;
use mesh_tower::split::SplitLayer;
use mesh_tower::stack::Stack;
use mesh_tower::timeout::TimeoutLayer;
use mesh_tower::{Body, BoxError, Mesh};
use tower::{ServiceBuilder, ServiceExt};

/// The header that [`sign`] adds.
pub const SIGNED_FOR: &str = "x-signed-for";

/// A layer of one's own: signs each attempt for the endpoint that it goes to.
fn sign(mut attempt: BoxedRequest) -> BoxedRequest {
    if let Some(endpoint) = attempt.endpoint()
        && let Ok(signature) = HeaderValue::try_from(endpoint.address.to_string())
    {
        attempt.request_mut().headers_mut().insert(SIGNED_FOR, signature);
    }
    attempt
}

/// Each layer but [`sign`] is the one that `mesh_tower::stack` has at this place, where it is said why it stands there.
pub fn client(mesh: &Mesh) -> impl Stack + use<> {
    let edge = mesh.edge(mesh.worker(), Direction::Outbound);
    let worker = edge.worker();
    let attempt = ServiceBuilder::new()
        .layer(CircuitLayer::per_route())
        .layer(BalanceLayer::per_route())
        .layer(FaultLayer::per_attempt())
        .layer(OutlierLayer::per_route())
        .map_request(sign)
        .service(Exchange::new());
    ServiceBuilder::new()
        .layer(BoxRequestLayer)
        .layer(edge.snapshot())
        .layer(edge.telemetry())
        .layer(InheritLayer::default())
        .layer(edge.normalize())
        .layer(edge.route())
        .layer(GrpcWebLayer::per_route())
        .layer(FaultLayer::per_route().rng(worker.rng().clone()))
        .layer(CorsLayer::per_route())
        .layer(SplitLayer::new(worker.rng().clone()))
        .layer(RewriteLayer::per_route())
        .layer(MirrorLayer::new(attempt.clone(), worker.rng().clone()))
        .layer(TimeoutLayer::per_route().judged_within())
        .layer(RetryLayer::per_route().judged_within().replay(worker.replay().clone()))
        .service(attempt)
}

#[tokio::main]
#[allow(dead_code, reason = "a test runs the stack alone")]
async fn main() -> Result<(), BoxError> {
    // Nothing listens there: each attempt is refused a connection.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let reviews = Service::new("reviews").port(9080, Protocol::Http).endpoint(closed, [("version", "v1")]);
    let rule = Rule::to("reviews").retries(2, "connect-failure");
    let mesh = Mesh::builder().service(reviews).rule(rule).start().await?;

    let record = Record::default();
    let mut request = http::Request::get("http://reviews:9080/stars").body(Body::empty())?;
    request.extensions_mut().insert(record.clone());
    let refused = client(&mesh).oneshot(request).await;
    assert!(refused.is_err());
    let decision = record.decision();
    let attempts = decision.attempts.len();
    println!("{attempts} attempts, flags {}", decision.flags);
    Ok(())
}
