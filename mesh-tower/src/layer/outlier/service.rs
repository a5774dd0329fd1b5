//! [`Outlier`].

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use mesh_core::outlier::{Detector, HostState};
use tower_service::Service;

use super::report::Alone;
use super::watched::Watched;
use super::{ResponseBody, ResponseFuture};
use crate::error::BoxError;
use crate::grpc::is_grpc;
use crate::request::expiry::Clocks;

/// Watches an endpoint's service; see the [module](super).
#[derive(Clone, Debug)]
pub struct Outlier<S> {
    inner: S,
    watched: Arc<Watched>,
}

impl<S> Outlier<S> {
    /// Watches `inner`, one of `hosts` endpoints that share `detector`.
    #[must_use]
    pub fn new(inner: S, detector: Arc<Detector>, hosts: usize) -> Self {
        Self { inner, watched: Arc::new(Watched::new(detector, hosts)) }
    }

    /// What is known of the endpoint.
    #[must_use]
    pub fn host(&self) -> &Arc<HostState> {
        &self.watched.host
    }
}

impl<S, B, ResB> Service<Request<B>> for Outlier<S>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    ResB: http_body::Body,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let grpc = is_grpc(request.headers());
        let report = Alone::report(self.watched.clone(), Clocks::of(request.extensions()), grpc);
        ResponseFuture::new(self.inner.call(request), report)
    }
}
