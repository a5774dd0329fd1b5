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
use crate::worker::Worker;

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
