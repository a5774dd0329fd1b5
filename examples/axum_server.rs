//! An axum server in the mesh: one layer, and its own calls carry trace and deadline on.

use axum::Router;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use mesh_examples::{echo_headers, serve, text};
use mesh_tower::mesh_core::plan::builder::{Protocol, Rule, Service};
use mesh_tower::{Body, BoxError, Client, Mesh};

/// Calls another service; the layer passes the context on.
async fn page(State(client): State<Client>) -> Result<String, (StatusCode, String)> {
    let failed = |error: BoxError| (StatusCode::BAD_GATEWAY, error.to_string());
    let response = client.get("http://ratings:8000/").await.map_err(failed)?;
    text(response).await.map_err(failed)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let ratings = Service::new("ratings").port(8000, Protocol::Http);
    let ratings = ratings.endpoint(echo_headers().await?, [("version", "v1")]);
    let mesh = Mesh::builder().service(ratings).rule(Rule::to("ratings")).start().await?;

    let routes = Router::new().route("/", get(page)).with_state(mesh.client()).layer(mesh.layer());
    let server = serve(routes).await?;

    // A caller outside the mesh.
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = Request::get(format!("http://{server}/"))
        .header("traceparent", trace)
        .header("x-envoy-expected-rq-timeout-ms", "250")
        .body(Body::empty())?;
    let seen = text(mesh.client().request(request).await?).await?;
    println!("ratings was sent:\n{seen}");
    Ok(())
}
