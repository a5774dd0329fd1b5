//! [`MirrorLayer`].

use std::sync::Arc;

use metrics::counter;
use tokio::sync::Semaphore;
use tower_layer::Layer;

use super::{MAX_RUNNING, Mirror};
use crate::clock::SharedRng;

/// Copies requests to a second service, by the matched route.
#[derive(Clone, Debug)]
pub struct MirrorLayer<M> {
    to: M,
    rng: SharedRng,
    running: Arc<Semaphore>,
}

impl<M> MirrorLayer<M> {
    /// Copies go to `to`, whose requests carry the match of the mirror's cluster.
    #[must_use]
    pub fn new(to: M, rng: SharedRng) -> Self {
        Self { to, rng, running: Arc::new(Semaphore::new(MAX_RUNNING)) }
    }
}

impl<S, M: Clone> Layer<S> for MirrorLayer<M> {
    type Service = Mirror<S, M>;

    fn layer(&self, inner: S) -> Mirror<S, M> {
        let count = |result: &'static str| counter!("mesh_mirror_requests_total", "result" => result);
        Mirror {
            inner,
            to: self.to.clone(),
            rng: self.rng.clone(),
            running: self.running.clone(),
            refused: count("refused"),
            slow: count("slow"),
            sent: count("sent"),
            failed: count("failed"),
        }
    }
}
