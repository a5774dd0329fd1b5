//! A gateway in both forms: the same rules, for whoever comes to its port.

use http::Response;
use mesh_tower::normalize::{Downstream, NormalizeLayer};
use mesh_tower::route::RouteLayer;
use mesh_tower::telemetry::TelemetryLayer;
use mesh_tower::{Body, Error, Mesh, stack};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

/// Its port.
pub(super) const PORT: u16 = 8080;

/// The name of the gateway's listener.
pub(super) fn listener() -> String {
    format!("gateway|{PORT}")
}

/// What a gateway does with a request, in process: the stack of its listener.
pub(super) fn in_process(mesh: &Mesh) -> BoxCloneSyncService<http::Request<Body>, Response<Body>, Error> {
    let (worker, plan) = (mesh.worker(), mesh.plan());
    let direction = plan.listener(&listener()).expect("the gateway listens").direction;
    let telemetry =
        TelemetryLayer::new(direction, plan.workload.clone()).access_log(mesh.access_log().clone());
    let normalize = NormalizeLayer::new(direction)
        .rng(worker.rng().clone())
        .request_id(plan.settings.request_id)
        .trusted_proxies(plan.settings.trusted_proxies);
    let route = RouteLayer::listener(worker.clone(), listener().into());
    let caller = Downstream::new(([127, 0, 0, 1], 1).into());
    let stack = stack::outbound(&worker, telemetry, normalize, route)
        .map_request(move |mut request: http::Request<Body>| {
            request.extensions_mut().insert(caller.clone());
            request
        })
        .map_response(|response| response.map(Body::new))
        .map_err(Error::from_box);
    BoxCloneSyncService::new(stack)
}
