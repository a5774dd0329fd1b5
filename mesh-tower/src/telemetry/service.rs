//! [`Telemetry`].

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::call::Call;
use super::series::Handles;
use super::{AccessLog, Body, ResponseFuture};

/// Counts and logs requests; see the [module](super).
#[derive(Clone, Debug)]
pub struct Telemetry<S> {
    pub(super) inner: S,
    pub(super) handles: Arc<Handles>,
    pub(super) log: AccessLog,
}

impl<S, B, ResB> Service<Request<B>> for Telemetry<S>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    S::Error: 'static,
    B: http_body::Body + 'static,
    ResB: http_body::Body,
{
    type Response = Response<Body<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let call = Call::begin(&self.handles, &self.log, &mut request);
        let future = call.span().in_scope(|| self.inner.call(request));
        ResponseFuture::new(future, call)
    }
}
