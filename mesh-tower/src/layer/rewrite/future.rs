//! The future of [`Rewrite`](super::Rewrite).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http::header::SET_COOKIE;

use crate::error::{BoxError, Error};
use crate::request::{Facts, Matched, VariableSource};

/// The inner call, then the operations on its response.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseFuture<F> {
    #[pin]
    inner: F,
    /// Boxed: every call moves this field, and few calls need it.
    operations: Option<Box<ResponseOperations>>,
}

/// The input of the operations on the response.
#[derive(Debug)]
pub(super) struct ResponseOperations {
    pub(super) matched: Matched,
    pub(super) facts: Option<Box<Facts>>,
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, operations: Option<Box<ResponseOperations>>) -> Self {
        Self { inner, operations }
    }
}

impl<F, ResB, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<ResB>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(operations) = this.operations else { return this.inner.poll(cx).map_err(Into::into) };
        let ResponseOperations { matched, facts } = &mut **operations;
        match ready!(this.inner.poll(cx)) {
            Ok(mut response) => {
                if let Some(facts) = facts {
                    let code = response.status().as_u16();
                    matched.record().note(|decision| facts.responded(code, decision));
                }
                for cookie in matched.set_cookies() {
                    response.headers_mut().append(SET_COOKIE, cookie.clone());
                }
                let (route, destination) = (matched.route(), matched.destination_index());
                let facts = VariableSource::from(facts.as_deref());
                route.apply_response(destination, response.headers_mut(), &facts);
                Poll::Ready(Ok(response))
            }
            Err(error) => {
                // The errors of a user's own transport become answers too.
                let mut error = Error::from_box(error.into());
                matched.apply_refused(&mut error, facts.as_deref_mut());
                Poll::Ready(Err(error.into()))
            }
        }
    }
}
