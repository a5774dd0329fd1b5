//! reqwest's requests and responses over the mesh: built and read as usual, sent by the mesh's rules.

use axum::Router;
use axum::routing::post;
use mesh_examples::serve;
use mesh_tower::mesh_core::plan::builder::{Protocol, Rule, Service};
use mesh_tower::{BoxError, Client, Mesh};

/// In place of `request.send()`.
async fn send(mesh: &Client, request: reqwest::RequestBuilder) -> Result<reqwest::Response, BoxError> {
    let request: http::Request<reqwest::Body> = request.build()?.try_into()?;
    let response = mesh.request(request).await?;
    // reqwest takes the mesh's body and streams it on.
    Ok(response.map(reqwest::Body::wrap).into())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let echo = Router::new().route("/orders", post(|body: String| async move { body }));
    let orders = Service::new("orders").port(8080, Protocol::Http);
    let orders = orders.endpoint(serve(echo).await?, [("version", "v1")]);
    let mesh = Mesh::builder().service(orders).rule(Rule::to("orders")).start().await?;

    let (mesh, reqwest) = (mesh.client(), reqwest::Client::new());
    let order = reqwest.post("http://orders:8080/orders").json(&["bread", "wine"]);
    let echoed: Vec<String> = send(&mesh, order).await?.error_for_status()?.json().await?;
    println!("ordered {echoed:?}");

    // The other direction: a request body from any other source.
    let came = mesh_tower::Body::from("[\"salt\"]");
    let order = reqwest.post("http://orders:8080/orders").body(reqwest::Body::wrap(came));
    println!("passed on {}", send(&mesh, order).await?.text().await?);

    let missing = send(&mesh, reqwest.get("http://orders:8080/nothing")).await?;
    println!("GET /nothing: {}", missing.status());
    Ok(())
}
