//! [`CorsLayer`].

use std::sync::Arc;

use mesh_core::cors::CorsPolicy;
use tower_layer::Layer;

use super::Cors;

/// Allows other origins: by one policy, or by the matched route's policy.
#[derive(Clone, Debug)]
pub struct CorsLayer {
    policy: Option<Arc<CorsPolicy>>,
}

impl CorsLayer {
    /// Allows by `policy` for every request.
    #[must_use]
    pub fn new(policy: CorsPolicy) -> Self {
        Self { policy: Some(Arc::new(policy)) }
    }

    /// Allows by the matched route's policy.
    #[must_use]
    pub const fn per_route() -> Self {
        Self { policy: None }
    }
}

impl<S> Layer<S> for CorsLayer {
    type Service = Cors<S>;

    fn layer(&self, inner: S) -> Cors<S> {
        Cors { inner, policy: self.policy.clone() }
    }
}
