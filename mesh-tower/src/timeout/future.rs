//! The future of [`Timeout`](super::Timeout).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;

use super::ResponseBody;
use super::timer::Timer;
use crate::error::{BoxError, Error};

/// The inner call, while there is time.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseFuture<F> {
    #[pin]
    inner: Option<F>,
    timer: Option<Timer>,
    expired: Option<Error>,
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, timer: Option<Timer>) -> Self {
        Self { inner: Some(inner), timer, expired: None }
    }

    /// The time was up before the call.
    pub(super) const fn expired(error: Error) -> Self {
        Self { inner: None, timer: None, expired: Some(error) }
    }
}

impl<F, ResB, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<ResB>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(error) = this.expired.take() {
            return Poll::Ready(Err(error.into()));
        }
        let inner = this.inner.as_mut().as_pin_mut().expect("a future is not polled after it is ready");
        if let Poll::Ready(result) = inner.poll(cx) {
            let timer = this.timer.take();
            let result = result.map(|response| response.map(|body| ResponseBody::new(body, timer)));
            return Poll::Ready(result.map_err(Into::into));
        }
        if let Some(timer) = this.timer
            && let Poll::Ready(error) = timer.poll(cx)
        {
            this.inner.set(None);
            return Poll::Ready(Err(error.into()));
        }
        Poll::Pending
    }
}
