//! [`Normalize`].

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::ResponseFuture;
use super::policy::Policy;
use crate::error::{BoxError, Error};

/// Normalises requests; see the [module](super).
#[derive(Clone, Debug)]
pub struct Normalize<S> {
    pub(super) inner: S,
    pub(super) policy: Arc<Policy>,
}

impl<S, B, ResB> Service<Request<B>> for Normalize<S>
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

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.policy.apply(&mut request) {
            Ok(()) => ResponseFuture::calling(self.inner.call(request), self.policy.server.clone()),
            Err(reply) => ResponseFuture::refused(Error::caller(reply, None)),
        }
    }
}
