//! A gateway in both forms: the same rules for each caller of its port.

use http::{Request, Response};
use mesh_tower::normalize::Downstream;
use mesh_tower::{Body, Error, Mesh};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

/// Its port.
pub(super) const PORT: u16 = 8080;

/// The name of the gateway's listener.
pub(super) fn listener() -> String {
    format!("gateway|{PORT}")
}

/// A gateway in process: the stack of its listener, called from the loopback.
pub(super) fn in_process(mesh: &Mesh) -> BoxCloneSyncService<Request<Body>, Response<Body>, Error> {
    let caller = Downstream::new(([127, 0, 0, 1], 1).into());
    let stack = mesh_tests::gateway::in_process(mesh, &listener());
    BoxCloneSyncService::new(stack.map_request(move |mut request: Request<Body>| {
        request.extensions_mut().insert(caller.clone());
        request
    }))
}
