//! A generated tonic client over the mesh: the mesh applies retries, deadlines and limits, and failures are gRPC
//! statuses.

use std::time::Duration;

use mesh_examples::serve;
use mesh_tower::mesh_core::plan::builder::{Protocol, Rule, Service};
use mesh_tower::{BoxError, Mesh};
use tonic::service::Routes;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Any tonic service would do; that of gRPC's own health protocol has generated code.
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("shop", tonic_health::ServingStatus::Serving).await;
    let server = serve(Routes::new(health).into_axum_router()).await?;

    let nobody: std::net::SocketAddr = "127.0.0.1:1".parse()?;
    let mesh = Mesh::builder()
        .service(Service::new("reviews").port(9000, Protocol::Grpc).endpoint(server, [("version", "v1")]))
        .service(Service::new("ratings").port(9000, Protocol::Grpc).endpoint(nobody, [("version", "v1")]))
        .rule(Rule::to("reviews").timeout(Duration::from_secs(2)).retries(2, "unavailable"))
        .start()
        .await?;

    // Without a port, the channel goes to the service's gRPC port.
    let mut reviews = HealthClient::new(mesh.channel("reviews")?);
    let answer = reviews.check(HealthCheckRequest { service: "shop".into() }).await?;
    println!("reviews: {:?}", answer.into_inner().status());

    // Errors of the endpoint and of the mesh are both a status.
    let unknown = reviews.check(HealthCheckRequest { service: "cart".into() }).await.unwrap_err();
    println!("reviews: {:?}: {}", unknown.code(), unknown.message());
    let mut ratings = HealthClient::new(mesh.channel("ratings:9000")?);
    let refused = ratings.check(HealthCheckRequest::default()).await.unwrap_err();
    println!("ratings: {:?}: {}", refused.code(), refused.message());
    Ok(())
}
