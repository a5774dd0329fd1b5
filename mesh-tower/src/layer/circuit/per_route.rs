//! The limit of the matched route's cluster.

use std::task::{Context, Poll};

use mesh_core::reply::LocalReply;
use tower_layer::Layer;
use tower_service::Service;

use crate::error::{BoxError, Error};
use crate::future::ReadyOr;
use crate::request::boxed_request::{BoxedRequest, Carry};

/// The layer of [`CircuitLayer::per_route`](super::CircuitLayer::per_route).
#[derive(Clone, Copy, Debug)]
pub struct PerRouteLayer(pub(super) ());

impl<S> Layer<S> for PerRouteLayer {
    type Service = PerRoute<S>;

    fn layer(&self, inner: S) -> PerRoute<S> {
        PerRoute { inner }
    }
}

/// The service of [`PerRouteLayer`]; a request without a cluster passes.
#[derive(Clone, Debug)]
pub struct PerRoute<S> {
    inner: S,
}

impl<S> Service<BoxedRequest> for PerRoute<S>
where
    S: Service<BoxedRequest, Error = BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ReadyOr<S::Future, S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut boxed: BoxedRequest) -> Self::Future {
        if let Some(matched) = Carry::matched(&boxed)
            && let Some(pool) = matched.pool(boxed.request())
        {
            let Some(permit) = pool.cluster().try_request() else {
                matched.note_meant();
                return ReadyOr::fail(Error::local(LocalReply::overflow()));
            };
            boxed.stage().permit = Some(permit);
        }
        ReadyOr::Calling(self.inner.call(boxed))
    }
}
