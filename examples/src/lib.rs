//! The services that the example programs call.

use std::net::SocketAddr;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use http_body_util::BodyExt;
use mesh_tower::{Body, BoxError};
use tokio::net::TcpListener;

/// The programs in the pages of the documentation, run as tests.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../docs/errors.md")]
    mod errors {}
    #[doc = include_str!("../../docs/grpc.md")]
    mod grpc {}
    #[doc = include_str!("../../docs/metrics.md")]
    mod metrics {}
    #[doc = include_str!("../../docs/test-kit.md")]
    mod test_kit {}
}

/// Serves these routes on a free port of this machine until the program ends.
///
/// # Errors
/// If no port can be opened.
pub async fn serve(routes: Router) -> Result<SocketAddr, BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

/// A service that answers each path with its version.
///
/// # Errors
/// If no port can be opened.
pub async fn version(name: &'static str) -> Result<SocketAddr, BoxError> {
    serve(Router::new().fallback(get(move || async move { name }))).await
}

/// A service that answers with the request headers that it received, one a line.
///
/// # Errors
/// If no port can be opened.
pub async fn echo_headers() -> Result<SocketAddr, BoxError> {
    let lines = |headers: HeaderMap| async move {
        let line = |(name, value): (_, &axum::http::HeaderValue)| {
            format!("{name}: {}\n", value.to_str().unwrap_or("?"))
        };
        headers.iter().map(line).collect::<String>()
    };
    serve(Router::new().fallback(get(lines))).await
}

/// The whole body of a response as text.
///
/// # Errors
/// If the body breaks off.
pub async fn text(response: axum::http::Response<Body>) -> Result<String, BoxError> {
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
