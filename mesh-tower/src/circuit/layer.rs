//! [`CircuitLayer`].

use std::sync::Arc;

use mesh_core::circuit::{CircuitPolicy, Limits};
use tower_layer::Layer;

use super::Circuit;

/// Limits active requests, over all services that it makes.
#[derive(Clone, Debug)]
pub struct CircuitLayer {
    policy: Arc<CircuitPolicy>,
    limits: Arc<Limits>,
}

impl CircuitLayer {
    /// Admits `policy.max_requests` requests at a time.
    #[must_use]
    pub fn new(policy: CircuitPolicy) -> Self {
        Self { policy: Arc::new(policy), limits: Arc::default() }
    }

    /// What is in use, and what has overflowed.
    #[must_use]
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }
}

impl<S> Layer<S> for CircuitLayer {
    type Service = Circuit<S>;

    fn layer(&self, inner: S) -> Circuit<S> {
        Circuit { inner, policy: self.policy.clone(), limits: self.limits.clone() }
    }
}
