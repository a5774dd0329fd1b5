//! The retry layer alone, around a program's own service: no mesh, no configuration.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use http::{Request, Response, StatusCode};
use mesh_tower::mesh_core::retry::{RetryOn, RetryPolicy};
use mesh_tower::retry::RetryLayer;
use mesh_tower::{Body, BoxError};
use tower::{ServiceBuilder, ServiceExt, service_fn};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let tries = Arc::new(AtomicU32::new(0));
    let counter = tries.clone();
    // Fails twice, then answers.
    let flaky = service_fn(move |_: Request<Body>| {
        let status =
            if counter.fetch_add(1, Relaxed) < 2 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        async move { Ok::<_, BoxError>(Response::builder().status(status).body(Body::empty())?) }
    });

    let policy = RetryPolicy { attempts: 3, on: RetryOn::SERVER_ERROR, ..RetryPolicy::default_policy() };
    let service = ServiceBuilder::new().layer(RetryLayer::new(policy)).service(flaky);

    let get = Request::get("http://anything/").body(Body::empty())?;
    let response = service.clone().oneshot(get).await?;
    println!("GET: {} after {} tries", response.status(), tries.swap(0, Relaxed));

    // The policy was not written for this request, so the layer does not repeat a request that may have been
    // processed.
    let post = Request::post("http://anything/").body(Body::empty())?;
    let response = service.oneshot(post).await?;
    println!("POST: {} after {} try", response.status(), tries.swap(0, Relaxed));
    Ok(())
}
