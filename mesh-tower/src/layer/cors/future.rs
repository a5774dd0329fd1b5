//! The future of [`Cors`](super::Cors).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Response};
use mesh_core::cors::CorsPolicy;

use crate::error::{BoxError, Error};
use crate::future::ReadyOr;

/// The inner response with the permission, or the answer to a preflight.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseFuture<F, ResB> {
    #[pin]
    inner: ReadyOr<F, Response<ResB>>,
    grant: Grant,
}

/// Boxed: every call moves this field, and few calls need it.
type Grant = Option<Box<(Arc<CorsPolicy>, HeaderValue)>>;

impl<F, ResB> ResponseFuture<F, ResB> {
    pub(super) const fn calling(inner: F, grant: Grant) -> Self {
        Self { inner: ReadyOr::Calling(inner), grant }
    }

    pub(super) fn answered(response: Response<ResB>) -> Self {
        Self { inner: ReadyOr::ok(response), grant: None }
    }
}

impl<F, ResB, E> Future for ResponseFuture<F, ResB>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<ResB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.grant.is_none() {
            return this.inner.poll(cx);
        }
        let mut polled = this.inner.poll(cx);
        if let Poll::Ready(result) = &mut polled
            && let Some(grant) = this.grant.take()
        {
            let (policy, origin) = *grant;
            match result {
                Ok(response) => policy.grant(origin, response.headers_mut()),
                Err(error) => {
                    if let Some(error) = error.downcast_mut::<Error>() {
                        policy.grant(origin, error.headers_mut());
                    }
                }
            }
        }
        polled
    }
}
