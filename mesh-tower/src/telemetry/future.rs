//! The future of [`Telemetry`](super::Telemetry).

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;

use super::Body;
use super::call::{Call, Ending, as_ours};

/// Waits for the response head, then leaves the report of the request's end to the body.
#[pin_project::pin_project]
pub struct ResponseFuture<F> {
    #[pin]
    future: F,
    call: Option<Box<Call>>,
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(future: F, call: Box<Call>) -> Self {
        Self { future, call: Some(call) }
    }
}

impl<F, ResB, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    E: 'static,
    ResB: http_body::Body,
{
    type Output = Result<Response<Body<ResB>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let call = this.call.as_ref().expect("a future is not polled after it is ready");
        let span = call.span();
        let polled = match span.is_disabled() {
            true => this.future.poll(cx),
            false => span.in_scope(|| this.future.poll(cx)),
        };
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(response)) => {
                let mut call = this.call.take().expect("seen above");
                call.head(&response);
                Poll::Ready(Ok(response.map(|body| Body::new(body, call))))
            }
            Poll::Ready(Err(error)) => {
                let mut call = this.call.take().expect("seen above");
                as_ours(&error as &dyn Any, |error| call.end(Ending::Failed(error)));
                Poll::Ready(Err(error))
            }
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("waiting", &self.call.is_some()).finish()
    }
}
