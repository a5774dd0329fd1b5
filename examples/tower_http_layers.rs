//! tower-http's layers around a client of the mesh, and inside the mesh's layer of a server.

use axum::Router;
use axum::http::header::{ACCEPT_ENCODING, USER_AGENT};
use axum::http::{HeaderValue, Request};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use mesh_examples::{echo_headers, serve, text};
use mesh_tower::mesh_core::plan::builder::{Protocol, Rule, Service};
use mesh_tower::{Body, BoxError, Mesh};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::decompression::DecompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetRequestHeaderLayer;
use tower_http::trace::TraceLayer;

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

    // The mesh's layer comes last, so outermost: it counts the 500 that becomes of a panic, the 413 of a long body,
    // and the bytes that leave compressed.
    let layers = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(RequestBodyLimitLayer::new(1 << 10));
    let routes = Router::new()
        .route("/", get(page))
        .route("/catalog", get(async || "a line of the catalog\n".repeat(1_000)))
        .route("/orders", post(async |order: String| order));
    let server = serve(routes.layer(layers).layer(mesh.layer())).await?;
    let response = mesh.client().get(&format!("http://{server}/")).await?;
    println!("the page that panics: {}", response.status());

    let order = Request::post(format!("http://{server}/orders")).body(Body::from("much ".repeat(1_000)))?;
    println!("an order of 5,000 bytes: {}", mesh.client().oneshot(order).await?.status());

    // Decompression is outside the mesh's client: a retry repeats the compressed exchange, and mirrors and metrics
    // see the bytes on the wire.
    let asks = SetRequestHeaderLayer::if_not_present(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    let catalog = || Request::get(format!("http://{server}/catalog")).body(Body::empty());
    let packed = ServiceBuilder::new().layer(asks).service(mesh.client()).oneshot(catalog()?).await?;
    let encoding = packed.headers()["content-encoding"].to_str()?.to_owned();
    let bytes = packed.into_body().collect().await?.to_bytes().len();
    let client = ServiceBuilder::new().layer(DecompressionLayer::new()).service(mesh.client());
    let unpacked = client.oneshot(catalog()?).await?.into_body().collect().await?;
    println!("the catalog: {bytes} bytes of {encoding}, {} bytes unpacked", unpacked.to_bytes().len());
    Ok(())
}
