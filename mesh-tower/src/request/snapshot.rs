//! The snapshot that a request takes at the edge of its stack.
//!
//! A reload may come at any moment. A request that asked for the plan twice could be routed by one and retried by
//! another; so the outermost layer asks once, and each layer within reads what it needs from there.
//!
//! # Readiness
//! The inner service's.
//!
//! # Clone
//! Clones share the worker, or the plan in force.
//!
//! # Errors
//! The inner service's.
//!
//! # Cancellation
//! Nothing is held.

use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use mesh_core::plan::Plan;
use tower_layer::Layer;
use tower_service::Service;

use super::boxed_request::Carrier;
use super::slot::Entered;
use crate::upstream::worker::Worker;

/// The plan in force of a mesh; a reload swaps it.
pub(crate) type InForce = Arc<ArcSwap<Plan>>;

/// Gives each request the plan in force.
#[derive(Clone, Debug)]
pub struct SnapshotLayer {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Worker(Arc<Worker>),
    /// The plan of a server, which sends no requests: it keeps no destination alive.
    Plan(InForce),
}

impl SnapshotLayer {
    /// Takes plan, pools and settings in force from this worker.
    #[must_use]
    pub const fn new(worker: Arc<Worker>) -> Self {
        Self { source: Source::Worker(worker) }
    }

    /// Takes the plan alone.
    pub(crate) const fn plan(plan: InForce) -> Self {
        Self { source: Source::Plan(plan) }
    }
}

impl<S> Layer<S> for SnapshotLayer {
    type Service = Snapshot<S>;

    fn layer(&self, inner: S) -> Snapshot<S> {
        Snapshot { inner, source: self.source.clone() }
    }
}

/// Takes the snapshot for each request; see the [module](self).
#[derive(Clone, Debug)]
pub struct Snapshot<S> {
    inner: S,
    source: Source,
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
        carrier.enter(match &self.source {
            Source::Worker(worker) => Entered::Worker(worker.view()),
            Source::Plan(plan) => Entered::Server(plan.load_full()),
        });
        self.inner.call(carrier)
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use mesh_core::decision::Decision;
    use mesh_core::plan::builder::{MeshSpec, Protocol, Service as Destination};
    use tower::{ServiceBuilder, ServiceExt};

    use super::*;
    use crate::error::BoxError;
    use crate::mesh::Mesh;
    use crate::request::Record;
    use crate::route::RouteLayer;

    fn stock() -> mesh_core::api::Documents {
        let stock = Destination::new("stock").port(80, Protocol::Http);
        MeshSpec::new().service(stock).build().unwrap()
    }

    /// OP-5: a reload takes effect for the next request, wherever it finds this one.
    #[tokio::test]
    async fn op_5_a_request_keeps_the_plan_that_it_began_with() {
        let mesh = Mesh::builder().start().await.unwrap();
        let before = mesh.plan().generation;
        let reload = mesh.clone();
        let reloading = tower::util::MapRequestLayer::new(move |request: Request<()>| {
            // `apply` returns false if nothing has changed.
            let _ = reload.apply(stock());
            request
        });
        let answer =
            tower::service_fn(async |_: Request<()>| Ok::<_, BoxError>(Response::new(bytes::Bytes::new())));
        let worker = mesh.worker();
        let stack = ServiceBuilder::new()
            .layer(SnapshotLayer::new(worker.clone()))
            .layer(reloading)
            .layer(RouteLayer::outbound(worker))
            .service(answer);
        let decide = async || {
            let record = Record::default();
            let mut request = Request::get("http://stock/").body(()).unwrap();
            request.extensions_mut().insert(record.clone());
            let _ = stack.clone().oneshot(request).await;
            record.decision()
        };
        let name = |decision: &Decision| decision.route.as_ref().map(|route| route.name.to_string());
        let first = decide().await;
        assert_eq!((first.generation, name(&first).as_deref()), (before, Some("allow_any")));
        let second = decide().await;
        assert_eq!(second.generation, before + 1);
        assert_ne!(name(&second), name(&first));
    }

    /// The facts that a server has noted of its request do not steer a stack that its handler gives the request to.
    #[tokio::test]
    async fn a_stack_in_a_handler_takes_its_own_snapshot() {
        let (outer, inner) = (Mesh::builder().start().await.unwrap(), Mesh::from_documents(stock()));
        let inner = inner.start().await.unwrap();
        let answer =
            tower::service_fn(async |_: Request<()>| Ok::<_, BoxError>(Response::new(bytes::Bytes::new())));
        let stack = RouteLayer::outbound(inner.worker()).layer(answer);
        let handler = SnapshotLayer::plan(outer.in_force()).layer(stack);
        let record = Record::default();
        let mut request = Request::get("http://stock/").body(()).unwrap();
        request.extensions_mut().insert(record.clone());
        handler.oneshot(request).await.unwrap();
        assert!(record.decision().route.is_some_and(|route| &*route.name != "allow_any"));
    }
}
