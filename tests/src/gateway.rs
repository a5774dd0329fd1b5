//! A gateway in process: the work of its proxy on a request, without the sockets.

use http::{Request, Response};
use mesh_tower::{Body, Error, Mesh, stack};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

/// The stack of a listener of the plan, for example of `gateway|80`.
///
/// # Panics
/// If the plan has no such listener.
#[must_use]
pub fn in_process(mesh: &Mesh, listener: &str) -> BoxCloneSyncService<Request<Body>, Response<Body>, Error> {
    let plan = mesh.plan();
    let listener = plan.listeners.iter().find(|one| one.key.to_string() == listener).expect("it listens");
    let edge = mesh.edge(mesh.worker(), listener.direction);
    let stack = stack::gateway(edge.listener(listener.key.clone()));
    BoxCloneSyncService::new(stack.map_response(|response| response.map(Body::new)).map_err(Error::from_box))
}
