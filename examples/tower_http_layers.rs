//! tower-http's layers around a client of the mesh, and inside the mesh's layer of a server.

use axum::Router;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderValue, Request};
use axum::routing::get;
use mesh_examples::{echo_headers, serve, text};
use mesh_tower::mesh_core::plan::builder::{Protocol, Rule, Service};
use mesh_tower::{Body, BoxError, Mesh};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetRequestHeaderLayer;

/// A page with a mistake.
async fn page() -> &'static str {
    let prices: Vec<&str> = Vec::new();
    prices[0]
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    std::panic::set_hook(Box::new(|_| {}));
    let ratings = Service::new("ratings").port(8000, Protocol::Http);
    let ratings = ratings.endpoint(echo_headers().await?, [("version", "v1")]);
    let mesh = Mesh::builder().service(ratings).rule(Rule::to("ratings")).start().await?;

    // The client is a tower service like any other: layers around it see each call once, not its retries.
    let client = ServiceBuilder::new()
        .layer(SetRequestHeaderLayer::if_not_present(USER_AGENT, HeaderValue::from_static("shop/1")))
        .service(mesh.client());
    let request = Request::get("http://ratings:8000/").body(Body::empty())?;
    let seen = text(client.oneshot(request).await?).await?;
    println!("{}", seen.lines().find(|line| line.starts_with("user-agent")).unwrap_or("no user-agent"));

    // The mesh's layer comes last, so outermost: it counts the 500 that becomes of a panic.
    let routes = Router::new().route("/", get(page)).layer(CatchPanicLayer::new()).layer(mesh.layer());
    let server = serve(routes).await?;
    let response = mesh.client().get(&format!("http://{server}/")).await?;
    println!("the page that panics: {}", response.status());
    Ok(())
}
