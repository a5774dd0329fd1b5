//! [`CircuitLayer`].

use std::sync::Arc;

use mesh_core::circuit::{CircuitPolicy, Limits};
use tower_layer::Layer;

use super::{Circuit, PerRouteLayer};

/// Limits active requests, over all services that it makes.
#[derive(Clone, Debug)]
pub struct CircuitLayer {
    policy: Arc<CircuitPolicy>,
    limits: Arc<Limits>,
}

impl CircuitLayer {
    /// Admits `policy.max_requests` requests at a time, the only field that it reads.
    ///
    /// All others need the stack, in which retries and connections are made: `max_retries` and `retry_budget` bound
    /// its retries, `max_connections`, `max_pending_requests`, `max_requests_per_connection`,
    /// `max_concurrent_streams`, `connect_timeout`, `idle_timeout`, `tcp_keepalive`, `max_connection_duration`,
    /// `http2_keepalive`, `max_fields`, `h2_upgrade` and `use_client_protocol` its connections.
    #[must_use]
    pub fn new(policy: CircuitPolicy) -> Self {
        Self { policy: Arc::new(policy), limits: Arc::default() }
    }

    /// Admits as many attempts at a time at the cluster of the matched route as its policy allows, over all stacks of
    /// the mesh.
    ///
    /// Within [`SplitLayer`](crate::split::SplitLayer) and [`RewriteLayer`](crate::rewrite::RewriteLayer), which settle the
    /// cluster, and within [`RetryLayer`](crate::retry::RetryLayer): outside it only the first attempt is counted.
    #[must_use]
    pub const fn per_route() -> PerRouteLayer {
        PerRouteLayer(())
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
