//! [`TimeoutLayer`].

use std::time::Duration;

use tower_layer::Layer;

use super::Timeout;

/// Bounds requests: by one duration, or by the matched route's.
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer {
    fixed: Option<Duration>,
    judges: bool,
}

impl TimeoutLayer {
    /// Every request may take this long; a shorter `grpc-timeout` holds. The layer removes `x-envoy-…` headers that would
    /// change the limit, and does not obey them: their sender is not known.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self { fixed: Some(limit), judges: true }
    }

    /// The matched route's `timeout`, or the caller's `grpc-timeout` if that is shorter.
    #[must_use]
    pub const fn per_route() -> Self {
        Self { fixed: None, judges: true }
    }

    /// Leaves it to the attempt within to judge answers by the deadline in `grpc-timeout`: for a stack whose attempts are
    /// recorded by [`OutlierLayer::per_route`](crate::outlier::OutlierLayer::per_route).
    #[must_use]
    pub const fn judged_within(self) -> Self {
        Self { judges: false, ..self }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout { inner, fixed: self.fixed, judges: self.judges }
    }
}
