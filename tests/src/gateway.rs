//! A gateway in process: what its proxy does with a request, without the sockets.

use http::{Request, Response};
use mesh_tower::normalize::NormalizeLayer;
use mesh_tower::route::RouteLayer;
use mesh_tower::telemetry::TelemetryLayer;
use mesh_tower::{Body, Error, Mesh, stack};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

/// The stack of a listener of the plan, such as `gateway|80`.
///
/// # Panics
/// If the plan has no such listener.
#[must_use]
pub fn in_process(mesh: &Mesh, listener: &str) -> BoxCloneSyncService<Request<Body>, Response<Body>, Error> {
    let (worker, plan) = (mesh.worker(), mesh.plan());
    let direction = plan.listener(listener).expect("it listens").direction;
    let telemetry =
        TelemetryLayer::new(direction, plan.workload.clone()).access_log(mesh.access_log().clone());
    let normalize = NormalizeLayer::new(direction)
        .rng(worker.rng().clone())
        .request_id(plan.settings.request_id)
        .trusted_proxies(plan.settings.trusted_proxies);
    let route = RouteLayer::listener(worker.clone(), listener.into());
    let stack = stack::outbound(&worker, telemetry, normalize, route);
    BoxCloneSyncService::new(stack.map_response(|response| response.map(Body::new)).map_err(Error::from_box))
}
