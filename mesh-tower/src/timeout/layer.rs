//! [`TimeoutLayer`].

use std::time::Duration;

use tower_layer::Layer;

use super::Timeout;

/// Bounds requests: by one duration, or by the matched route's.
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer {
    fixed: Option<Duration>,
}

impl TimeoutLayer {
    /// Every request may take this long; a shorter `grpc-timeout` holds. `x-envoy-…` headers that would change the
    /// limit change nothing, and end here: who sent them is not known.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self { fixed: Some(limit) }
    }

    /// The matched route's `timeout`, or the caller's `grpc-timeout` if that is shorter.
    #[must_use]
    pub const fn per_route() -> Self {
        Self { fixed: None }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout { inner, fixed: self.fixed }
    }
}
