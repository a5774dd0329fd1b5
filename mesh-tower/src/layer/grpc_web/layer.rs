//! [`GrpcWebLayer`].

use tower_layer::Layer;

use super::GrpcWeb;

/// Bridges grpc-web: of every request, or where the matched route's port speaks it.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcWebLayer {
    per_route: bool,
}

impl GrpcWebLayer {
    /// Bridges every request that is grpc-web.
    #[must_use]
    pub const fn new() -> Self {
        Self { per_route: false }
    }

    /// Bridges the requests to ports that speak grpc-web.
    #[must_use]
    pub const fn per_route() -> Self {
        Self { per_route: true }
    }
}

impl<S> Layer<S> for GrpcWebLayer {
    type Service = GrpcWeb<S>;

    fn layer(&self, inner: S) -> GrpcWeb<S> {
        GrpcWeb { inner, per_route: self.per_route }
    }
}
