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
use crate::request::passage::{Carry as _, Passage};

/// The layer of [`OutlierLayer::per_route`](super::super::OutlierLayer::per_route).
#[derive(Clone, Copy, Debug)]
pub struct PerRouteLayer(());

impl PerRouteLayer {
    pub(in super::super) const fn new() -> Self {
        Self(())
    }
}

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

impl<S, ResB> Service<Passage> for PerRoute<S>
where
    S: Service<Passage, Response = Response<ResB>, Error = BoxError>,
    ResB: http_body::Body<Error = BoxError>,
{
    type Response = Response<PerRouteBody<ResB>>;
    type Error = BoxError;
    type Future = PerRouteFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut passage: Passage) -> Self::Future {
        let Some(picked) = passage.stage().picked.take() else {
            return PerRouteFuture::new(self.inner.call(passage), None);
        };
        let permit = passage.stage().permit.take();
        let matched = passage.take_matched().expect("what is picked was matched");
        let announced = announced(&matched, passage.request());
        let attempt = Arc::new(Attempt::of(matched, picked, permit, announced));
        passage.stage().attempt = Some(attempt.clone());
        PerRouteFuture::new(self.inner.call(passage), Some(Report::new(attempt)))
    }
}
