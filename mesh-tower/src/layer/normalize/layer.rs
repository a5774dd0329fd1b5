//! [`NormalizeLayer`].

use std::sync::Arc;

use http::HeaderValue;
use mesh_core::headers::FieldLimit;
use mesh_core::plan::Direction;
use mesh_core::route::normalize::PathNormalization;
use mesh_core::units::Percent;
use tower_layer::Layer;

use super::Normalize;
use super::policy::Policy;
use crate::clock::SharedRng;

/// Normalises requests; see the [module](super).
#[derive(Clone, Debug)]
pub struct NormalizeLayer {
    policy: Policy,
}

impl NormalizeLayer {
    /// Normalises requests of this direction.
    #[must_use]
    pub fn new(direction: Direction) -> Self {
        Self { policy: Policy::new(direction) }
    }

    /// Sets the normalisation of paths. By default it is that of the request's plan; BASE without a plan (AZ-15).
    #[must_use]
    pub const fn paths(mut self, level: PathNormalization) -> Self {
        self.policy.paths = Some(level);
        self
    }

    /// Sets the number of trusted proxies in front of a gateway, for `x-forwarded-for`; 0 by default (HD-5).
    #[must_use]
    pub const fn trusted_proxies(mut self, count: usize) -> Self {
        self.policy.trusted_proxies = count;
        self
    }

    /// Lets inbound peers with a mesh identity steer this proxy by `x-envoy-…` headers (HD-2); off by default.
    #[must_use]
    pub const fn trust_peers(mut self, trust: bool) -> Self {
        self.policy.trust_peers = trust;
        self
    }

    /// Sets the limit of a request's head; 60 KiB by default (GW-12).
    #[must_use]
    pub const fn max_fields(mut self, limit: FieldLimit) -> Self {
        self.policy.max_fields = limit;
        self
    }

    /// Accepts HTTP/1.0 too (H-7); off by default.
    #[must_use]
    pub const fn http10(mut self, serve: bool) -> Self {
        self.policy.http10 = serve;
        self
    }

    /// Overwrites the `server` header of responses (HD-3); unchanged by default.
    #[must_use]
    pub fn server(mut self, name: HeaderValue) -> Self {
        self.policy.server = Some(name);
        self
    }

    /// Whether requests without an id get one, and requests from outside a gateway a new one (HD-4); on by default.
    #[must_use]
    pub const fn request_id(mut self, made: bool) -> Self {
        self.policy.request_id = made;
        self
    }

    /// Gives each request a span of its own, and a new trace if it came without one; this share of new traces is sampled
    /// (TR-2). Set it if spans are exported.
    #[must_use]
    pub const fn trace(mut self, share: Percent) -> Self {
        self.policy.trace = Some(share);
        self
    }

    /// Draws ids from this source.
    #[must_use]
    pub fn rng(mut self, rng: SharedRng) -> Self {
        self.policy.rng = rng;
        self
    }
}

impl<S> Layer<S> for NormalizeLayer {
    type Service = Normalize<S>;

    fn layer(&self, inner: S) -> Normalize<S> {
        Normalize { inner, policy: Arc::new(self.policy.clone()) }
    }
}
