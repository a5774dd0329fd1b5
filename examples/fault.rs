//! The fault layer alone: one call in five fails, to test its caller.

use http::{Request, Response, StatusCode};
use mesh_tower::clock::SharedRng;
use mesh_tower::fault::FaultLayer;
use mesh_tower::mesh_core::fault::{Abort, FaultPolicy};
use mesh_tower::mesh_core::units::Percent;
use mesh_tower::{Body, BoxError, Error};
use tower::{ServiceBuilder, ServiceExt, service_fn};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let sound = service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(Response::new(Body::empty())) });
    let policy = FaultPolicy {
        abort: Some(Abort::http(StatusCode::SERVICE_UNAVAILABLE)),
        abort_percent: Percent::new(20.0)?,
        ..FaultPolicy::default()
    };
    // A seed makes the run repeatable: the same calls fail each time.
    let layer = FaultLayer::new(policy).rng(SharedRng::seeded(7));
    let service = ServiceBuilder::new().layer(layer).service(sound);

    let mut injected = 0;
    for _ in 0..1000 {
        let request = Request::get("http://anything/").body(Body::empty())?;
        if let Err(error) = service.clone().oneshot(request).await {
            // An injected fault is marked, so that its caller does not take it for a failure of the application.
            let error = Error::from_box(error);
            assert!(error.is_injected());
            injected += 1;
        }
    }
    println!("{injected} of 1000 calls failed on purpose");
    Ok(())
}
