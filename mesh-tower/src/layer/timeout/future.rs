//! The future of [`Timeout`](super::Timeout).

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;

use super::ResponseBody;
use super::bound::Bound;
use super::timer::Timer;
use crate::error::{BoxError, Error};

/// The inner call until the time is up.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseFuture<F> {
    #[pin]
    inner: Option<F>,
    bound: Bound,
    /// Ends with the response's headers (RT-18). Boxed: almost no call has one.
    until_headers: Option<Box<Timer>>,
    /// Whether a timeout is answered 204 (RT-5).
    alternative: bool,
    expired: Option<Error>,
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, bound: Bound, until_headers: Option<Timer>) -> Self {
        let until_headers = until_headers.map(Box::new);
        Self { inner: Some(inner), bound, until_headers, alternative: false, expired: None }
    }

    pub(super) fn alternative(self, alternative: bool) -> Self {
        Self { alternative, ..self }
    }

    /// For a call whose time is up before it begins.
    pub(super) const fn expired(error: Error) -> Self {
        Self {
            inner: None,
            bound: Bound::FREE,
            until_headers: None,
            alternative: false,
            expired: Some(error),
        }
    }
}

impl<F, ResB, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    E: Into<BoxError>,
    ResB: http_body::Body,
{
    type Output = Result<Response<ResponseBody<ResB, ResB::Data>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(error) = this.expired.take() {
            return Poll::Ready(Err(error.into()));
        }
        let inner = this.inner.as_mut().as_pin_mut().expect("a future is not polled after it is ready");
        match inner.poll(cx) {
            Poll::Ready(Ok(response)) => {
                let (head, body) = response.into_parts();
                return Poll::Ready(match mem::take(this.bound).of_body(&head) {
                    Ok(bound) => Ok(Response::from_parts(head, ResponseBody::new(body, bound))),
                    Err(error) => Err(if *this.alternative { error.alternative() } else { error }.into()),
                });
            }
            Poll::Ready(Err(error)) => {
                let error = error.into();
                // The error may be the timeout of the last try.
                let alternative = *this.alternative;
                return Poll::Ready(Err(match alternative {
                    true => Error::from_box(error).alternative().into(),
                    false => error,
                }));
            }
            Poll::Pending => {}
        }
        for timer in this.bound.timer().into_iter().chain(this.until_headers.as_deref_mut()) {
            if let Poll::Ready(error) = timer.poll(cx) {
                this.inner.set(None);
                let error = if *this.alternative { error.alternative() } else { error };
                return Poll::Ready(Err(error.into()));
            }
        }
        Poll::Pending
    }
}
