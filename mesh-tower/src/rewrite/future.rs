//! The future of [`Rewrite`](super::Rewrite).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;

use crate::route::Matched;

/// The inner call, then the operations on its response.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseFuture<F> {
    #[pin]
    inner: F,
    answers: Option<Matched>,
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, answers: Option<Matched>) -> Self {
        Self { inner, answers }
    }
}

impl<F, ResB, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResB>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut result = ready!(this.inner.poll(cx));
        if let (Ok(response), Some(matched)) = (&mut result, this.answers) {
            let (route, destination) = (matched.route(), matched.destination_index());
            route.apply_response(destination, response.headers_mut(), &());
        }
        Poll::Ready(result)
    }
}
