//! [`RewriteLayer`].

use tower_layer::Layer;

use super::Rewrite;

/// Rewrites by the matched route.
#[derive(Clone, Copy, Debug, Default)]
pub struct RewriteLayer(());

impl RewriteLayer {
    /// Rewrites by the matched route; a request without a route passes unchanged.
    #[must_use]
    pub const fn per_route() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for RewriteLayer {
    type Service = Rewrite<S>;

    fn layer(&self, inner: S) -> Rewrite<S> {
        Rewrite { inner }
    }
}
