//! The timeout layer alone: bounds the whole call, its response body included.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use http::{Request, Response};
use mesh_tower::timeout::TimeoutLayer;
use mesh_tower::{Body, BoxError, Error};
use tower::{ServiceBuilder, ServiceExt, service_fn};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let never = service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, Infallible>>());
    let layer = TimeoutLayer::new(Duration::from_millis(50));
    let service = ServiceBuilder::new().layer(layer).service(never);

    let started = Instant::now();
    let request = Request::get("http://anything/").body(Body::empty())?;
    let Err(error) = service.oneshot(request).await else { return Err("it never answers".into()) };
    let error = Error::from_box(error);
    assert!(error.is_timeout() && started.elapsed() >= Duration::from_millis(50));
    // The answer that a server would give its caller.
    println!("{} after the time was spent: {error}", error.response(false).status());
    Ok(())
}
