//! The future of [`Rewrite`](super::Rewrite).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http::header::SET_COOKIE;

use super::facts::{Asked, Facts};
use crate::route::Matched;

/// The inner call, then the operations on its response.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseFuture<F> {
    #[pin]
    inner: F,
    answers: Option<(Matched, Option<Box<Facts>>)>,
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, answers: Option<(Matched, Option<Box<Facts>>)>) -> Self {
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
        if let (Ok(response), Some((matched, facts))) = (&mut result, this.answers) {
            if let Some(facts) = facts {
                let code = response.status().as_u16();
                matched.record().note(|decision| facts.responded(code, decision));
            }
            for cookie in matched.set_cookies() {
                response.headers_mut().append(SET_COOKIE, cookie.clone());
            }
            let (route, destination) = (matched.route(), matched.destination_index());
            let facts = Asked::from(facts.as_deref());
            route.apply_response(destination, response.headers_mut(), &facts);
        }
        Poll::Ready(result)
    }
}
