//! [`GrpcWebLayer`].

use tower_layer::Layer;

use super::GrpcWeb;

/// Converts grpc-web to gRPC: for every request, or for requests to ports that speak it.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcWebLayer {
    per_route: bool,
}

impl GrpcWebLayer {
    /// Converts every grpc-web request.
    #[must_use]
    pub const fn new() -> Self {
        Self { per_route: false }
    }

    /// Converts the requests whose matched route has a port that speaks grpc-web.
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
