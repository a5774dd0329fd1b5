//! [`BalanceLayer`].

use tower_layer::Layer;

use super::PerRoute;

/// Picks the endpoint of each attempt.
#[derive(Clone, Copy, Debug)]
pub struct BalanceLayer(());

impl BalanceLayer {
    /// Picks by the policy of the matched route's cluster, among the endpoints that the worker knows of it.
    #[must_use]
    pub const fn per_route() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for BalanceLayer {
    type Service = PerRoute<S>;

    fn layer(&self, inner: S) -> PerRoute<S> {
        PerRoute { inner }
    }
}
