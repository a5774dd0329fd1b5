//! The snapshot that a request takes at the edge of its stack.
//!
//! A reload may come at any moment. A request that asked for the plan twice could be routed by one and retried by
//! another; so the outermost layer asks once, and each layer within reads what it needs from there.
//!
//! # Readiness
//! The inner service's.
//!
//! # Clone
//! Clones share the worker, and with it the current plan.
//!
//! # Errors
//! The inner service's.
//!
//! # Cancellation
//! Nothing is held.

use std::sync::Arc;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::passage::Carrier;
use crate::upstream::worker::Worker;

/// Gives each request the worker's view of the plan in force.
#[derive(Clone, Debug)]
pub struct SnapshotLayer {
    worker: Arc<Worker>,
}

impl SnapshotLayer {
    /// Takes what this worker has in force.
    #[must_use]
    pub const fn new(worker: Arc<Worker>) -> Self {
        Self { worker }
    }
}

impl<S> Layer<S> for SnapshotLayer {
    type Service = Snapshot<S>;

    fn layer(&self, inner: S) -> Snapshot<S> {
        Snapshot { inner, worker: self.worker.clone() }
    }
}

/// Where a request meets the plan; see the [module](self).
#[derive(Clone, Debug)]
pub struct Snapshot<S> {
    inner: S,
    worker: Arc<Worker>,
}

impl<S, R: Carrier> Service<R> for Snapshot<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut carrier: R) -> S::Future {
        carrier.enter(self.worker.view());
        self.inner.call(carrier)
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use mesh_core::plan::builder::{Protocol, Service as Destination};
    use tower::ServiceExt;

    use super::*;
    use crate::error::BoxError;
    use crate::mesh::Mesh;
    use crate::request::Slot;

    /// OP-5: a reload is for the next request.
    #[tokio::test]
    async fn op_5_a_request_keeps_the_plan_that_it_began_with() {
        let mesh = Mesh::builder().start().await.unwrap();
        let views = tower::service_fn(async |request: Request<()>| {
            let slot = request.extensions().get::<Slot>();
            Ok::<_, BoxError>(Response::new(slot.and_then(Slot::view).cloned()))
        });
        let edge = SnapshotLayer::new(mesh.worker()).layer(views);
        let began = async || edge.clone().oneshot(Request::new(())).await.unwrap().into_body().unwrap();
        let (first, before) = (began().await, mesh.plan().generation);
        let stock = Destination::new("stock").port(80, Protocol::Http);
        let documents = mesh_core::plan::builder::MeshSpec::new().service(stock).build().unwrap();
        assert!(mesh.apply(documents));
        let second = began().await;
        assert_eq!((first.plan().generation, second.plan().generation), (before, before + 1));
    }
}
