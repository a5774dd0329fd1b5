//! [`SplitLayer`].

use tower_layer::Layer;

use super::Split;
use crate::clock::SharedRng;

/// Draws the destination of the matched route.
#[derive(Clone, Debug, Default)]
pub struct SplitLayer {
    rng: SharedRng,
}

impl SplitLayer {
    /// Draws from this source.
    #[must_use]
    pub const fn new(rng: SharedRng) -> Self {
        Self { rng }
    }
}

impl<S> Layer<S> for SplitLayer {
    type Service = Split<S>;

    fn layer(&self, inner: S) -> Split<S> {
        Split { inner, rng: self.rng.clone() }
    }
}
