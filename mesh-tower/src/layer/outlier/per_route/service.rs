//! [`PerRoute`].

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use tower_layer::Layer;
use tower_service::Service;

use super::super::report::Report;
use super::attempt::announced;
use super::{PerRouteBody, PerRouteFuture};
use crate::error::BoxError;
use crate::request::Attempt;
use crate::request::boxed_request::BoxedRequest;

/// The layer of [`OutlierLayer::per_route`](super::super::OutlierLayer::per_route).
#[derive(Clone, Copy, Debug)]
pub struct PerRouteLayer(pub(in super::super) ());

impl<S> Layer<S> for PerRouteLayer {
    type Service = PerRoute<S>;

    fn layer(&self, inner: S) -> PerRoute<S> {
        PerRoute { inner }
    }
}

/// The service of [`PerRouteLayer`]; a request for which no endpoint was picked passes.
#[derive(Clone, Debug)]
pub struct PerRoute<S> {
    inner: S,
}

impl<S, ResB> Service<BoxedRequest> for PerRoute<S>
where
    S: Service<BoxedRequest, Response = Response<ResB>, Error = BoxError>,
    ResB: http_body::Body<Error = BoxError>,
{
    type Response = Response<PerRouteBody<ResB>>;
    type Error = BoxError;
    type Future = PerRouteFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut boxed: BoxedRequest) -> Self::Future {
        let Some(picked) = boxed.stage().picked.take() else {
            return PerRouteFuture::new(self.inner.call(boxed), None);
        };
        let permit = boxed.stage().permit.take();
        let matched = boxed.take_matched().expect("what is picked was matched");
        let announced = announced(&matched, boxed.request());
        let attempt = Arc::new(Attempt::of(matched, picked, permit, announced));
        boxed.stage().attempt = Some(attempt.clone());
        PerRouteFuture::new(self.inner.call(boxed), Some(Report::new(attempt)))
    }
}
