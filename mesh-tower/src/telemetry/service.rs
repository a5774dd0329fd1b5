//! [`Telemetry`].

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use tower_service::Service;

use super::call::Call;
use super::series::Handles;
use super::{AccessLog, Body, ResponseFuture};
use crate::request::boxed_request::Carrier;

/// Counts and logs requests; see the [module](super).
#[derive(Clone, Debug)]
pub struct Telemetry<S> {
    pub(super) inner: S,
    pub(super) handles: Arc<Handles>,
    pub(super) log: AccessLog,
}

impl<S, R, ResB> Service<R> for Telemetry<S>
where
    R: Carrier<Body: http_body::Body + 'static>,
    S: Service<R, Response = Response<ResB>>,
    S::Error: 'static,
    ResB: http_body::Body,
{
    type Response = Response<Body<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut carrier: R) -> Self::Future {
        let call = Call::begin(&self.handles, &self.log, &mut carrier);
        let future = call.span().in_scope(|| self.inner.call(carrier));
        ResponseFuture::new(future, call)
    }
}
