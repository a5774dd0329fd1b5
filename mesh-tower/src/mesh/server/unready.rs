//! Keeps the error of a service that cannot become ready.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::error::BoxError;
use crate::future::ReadyOr;

/// Answers the call with the inner service's readiness error, after which that service may not be called.
#[derive(Debug)]
pub struct Unready<S> {
    inner: S,
    failed: Option<BoxError>,
}

impl<S> Unready<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self { inner, failed: None }
    }
}

/// A clone has not been polled yet.
impl<S: Clone> Clone for Unready<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl<S, B, ResB> Service<Request<B>> for Unready<S>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResB>;
    type Error = BoxError;
    type Future = ReadyOr<S::Future, Response<ResB>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.failed.is_none() {
            self.failed = match self.inner.poll_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(ready) => ready.err().map(Into::into),
            };
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.failed.take() {
            None => ReadyOr::Calling(self.inner.call(request)),
            Some(error) => ReadyOr::fail(error),
        }
    }
}
