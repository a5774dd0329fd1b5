//! [`RouteLayer`].

use std::sync::Arc;

use mesh_core::plan::ListenerKey;
use tower_layer::Layer;

use super::Route;
use crate::upstream::worker::Worker;

/// Routes by the plan of a worker.
#[derive(Clone, Debug)]
pub struct RouteLayer {
    worker: Arc<Worker>,
    listener: Option<ListenerKey>,
}

impl RouteLayer {
    /// Routes like an in-process client or a sidecar's outbound listener: the port of the authority
    /// picks the table.
    #[must_use]
    pub const fn outbound(worker: Arc<Worker>) -> Self {
        Self { worker, listener: None }
    }

    /// Routes by the table of the plan's listener of this key.
    #[must_use]
    pub const fn listener(worker: Arc<Worker>, key: ListenerKey) -> Self {
        Self { worker, listener: Some(key) }
    }
}

impl<S> Layer<S> for RouteLayer {
    type Service = Route<S>;

    fn layer(&self, inner: S) -> Route<S> {
        Route { inner, worker: self.worker.clone(), listener: self.listener.clone() }
    }
}
