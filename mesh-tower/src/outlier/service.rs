//! [`Outlier`].

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use mesh_core::outlier::{Detector, HostState};
use tower_service::Service;

use super::ResponseFuture;
use crate::error::BoxError;
use crate::grpc::is_grpc;

/// Watches an endpoint's service; see the [module](super).
#[derive(Clone, Debug)]
pub struct Outlier<S> {
    inner: S,
    pub(super) host: Arc<HostState>,
    pub(super) detector: Arc<Detector>,
    pub(super) hosts: usize,
}

impl<S> Outlier<S> {
    /// Watches `inner`, one of `hosts` endpoints that share `detector`.
    #[must_use]
    pub fn new(inner: S, detector: Arc<Detector>, hosts: usize) -> Self {
        Self { inner, host: Arc::default(), detector, hosts }
    }

    /// What is known of the endpoint.
    #[must_use]
    pub fn host(&self) -> &Arc<HostState> {
        &self.host
    }
}

impl<S, B, ResB> Service<Request<B>> for Outlier<S>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResB>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let grpc = is_grpc(request.headers());
        let (host, detector) = (self.host.clone(), self.detector.clone());
        ResponseFuture::new(self.inner.call(request), host, detector, self.hosts, grpc)
    }
}
