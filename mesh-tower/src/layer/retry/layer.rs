//! [`RetryLayer`].

use std::sync::Arc;

use mesh_core::retry::{Budget, BudgetPolicy, RetryPolicy};
use tower_layer::Layer;

use super::service::Fixed;
use super::{ReplayBudget, Retry};
use crate::clock::{SharedRng, now};

/// Retries: by one policy, or by the matched route's.
#[derive(Clone, Debug)]
pub struct RetryLayer {
    fixed: Option<Fixed>,
    /// `None`: the worker's, if there is a route.
    rng: Option<SharedRng>,
    replay: ReplayBudget,
    /// Whether the attempt within keeps the limit of a try, and knows an answer that is its end.
    judged_within: bool,
}

impl RetryLayer {
    /// Retries every request by `policy`, within one budget for all services this layer makes; see
    /// [the module](super) on layers alone.
    #[must_use]
    pub fn new(policy: RetryPolicy) -> Self {
        let budget = Arc::new(Budget::new(BudgetPolicy::default(), now()));
        let fixed = Some(Fixed { policy: Arc::new(policy), budget });
        Self { fixed, rng: None, replay: ReplayBudget::default(), judged_within: false }
    }

    /// Retries by the matched route's policy, within the budget of its cluster.
    ///
    /// Around [`OutlierLayer::per_route`](crate::outlier::OutlierLayer::per_route) it needs
    /// [`judged_within`](Self::judged_within): without that, a try whose limit is over says nothing about its endpoint.
    #[must_use]
    pub fn per_route() -> Self {
        Self { fixed: None, rng: None, replay: ReplayBudget::default(), judged_within: false }
    }

    /// Leaves the limit of a try to the attempt within, which knows when there is a connection: for a stack whose
    /// attempts end in an [`Exchange`](crate::exchange::Exchange).
    #[must_use]
    pub const fn judged_within(mut self) -> Self {
        self.judged_within = true;
        self
    }

    /// Draws back-offs from this source; without it, from the worker's of a routed request.
    #[must_use]
    pub fn rng(mut self, rng: SharedRng) -> Self {
        self.rng = Some(rng);
        self
    }

    /// Shares this cap on kept request bodies.
    #[must_use]
    pub fn replay(mut self, replay: ReplayBudget) -> Self {
        self.replay = replay;
        self
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry {
            inner,
            fixed: self.fixed.clone(),
            rng: self.rng.clone(),
            replay: self.replay.clone(),
            judged_within: self.judged_within,
        }
    }
}
