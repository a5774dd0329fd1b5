//! [`FaultLayer`].

use std::sync::Arc;

use mesh_core::fault::{ActiveFaults, FaultPolicy};
use tower_layer::Layer;

use super::{AttemptFaultLayer, Fault};
use crate::clock::SharedRng;

/// Injects faults: by one policy, or by the matched route's policy.
///
/// Clones share the count of requests under a fault, and the random source.
#[derive(Clone, Debug)]
pub struct FaultLayer {
    policy: Option<Arc<FaultPolicy>>,
    rng: SharedRng,
    active: Arc<ActiveFaults>,
}

impl FaultLayer {
    /// Injects by `policy` into every request.
    #[must_use]
    pub fn new(policy: FaultPolicy) -> Self {
        Self { policy: Some(Arc::new(policy)), ..Self::per_route() }
    }

    /// Injects by the matched route's policy.
    #[must_use]
    pub fn per_route() -> Self {
        Self { policy: None, rng: SharedRng::default(), active: Arc::default() }
    }

    /// Injects what a test wants of the attempts at a service, or a call of its own: the options of
    /// [`MeshBuilder::attempt_fault`](crate::MeshBuilder::attempt_fault) and
    /// [`CallOptions::attempt_fault`](crate::CallOptions::attempt_fault) (FI-10).
    #[must_use]
    pub const fn per_attempt() -> AttemptFaultLayer {
        AttemptFaultLayer(())
    }

    /// Draws from this source.
    #[must_use]
    pub fn rng(mut self, rng: SharedRng) -> Self {
        self.rng = rng;
        self
    }
}

impl<S> Layer<S> for FaultLayer {
    type Service = Fault<S>;

    fn layer(&self, inner: S) -> Fault<S> {
        Fault { inner, policy: self.policy.clone(), rng: self.rng.clone(), active: self.active.clone() }
    }
}
