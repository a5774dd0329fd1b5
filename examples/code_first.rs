//! A mesh without YAML: two versions of a service, a canary, a timeout and retries.

use std::time::Duration;

use axum::{Router, routing::get};
use http_body_util::BodyExt;
use mesh_tower::mesh_core::plan::builder::{Protocol, Rule, Service};
use mesh_tower::{BoxError, Mesh};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Two servers stand for two versions of a service.
    let mut reviews = Service::new("reviews").port(9080, Protocol::Http);
    for version in ["v1", "v2"] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        reviews = reviews.endpoint(listener.local_addr()?, [("version", version)]);
        let app = Router::new().route("/stars", get(move || async move { version }));
        tokio::spawn(async move { axum::serve(listener, app).await });
    }

    // In YAML: a VirtualService and a DestinationRule.
    let canary = Rule::to("reviews")
        .weighted("v1", 90)
        .weighted("v2", 10)
        .timeout(Duration::from_secs(2))
        .retries(2, "connect-failure,refused-stream");
    let mesh = Mesh::builder().service(reviews).rule(canary).start().await?;

    let client = mesh.client();
    let mut canaries = 0;
    for _ in 0..1000 {
        let response = client.get("http://reviews:9080/stars").await?;
        let version = response.into_body().collect().await?.to_bytes();
        canaries += u32::from(version == "v2");
    }
    println!("v2 answered {canaries} of 1000 calls");
    Ok(())
}
