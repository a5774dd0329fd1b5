//! The future of [`Circuit`](super::Circuit).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use mesh_core::circuit::Permit;

use super::ResponseBody;
use crate::error::{BoxError, Error};

/// The inner call with its place, or a refusal.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseFuture<F> {
    #[pin]
    inner: Option<F>,
    permit: Option<Permit>,
    refused: Option<Error>,
}

impl<F> ResponseFuture<F> {
    pub(super) const fn admitted(inner: F, permit: Permit) -> Self {
        Self { inner: Some(inner), permit: Some(permit), refused: None }
    }

    pub(super) const fn refused(error: Error) -> Self {
        Self { inner: None, permit: None, refused: Some(error) }
    }
}

impl<F, ResB, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<ResB>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.inner.as_pin_mut() {
            Some(inner) => {
                let result = ready!(inner.poll(cx));
                let permit = this.permit.take();
                let respond = |response: Response<ResB>| response.map(|body| ResponseBody::new(body, permit));
                Poll::Ready(result.map(respond).map_err(Into::into))
            }
            None => {
                let error = this.refused.take().expect("a future is not polled after it is ready");
                Poll::Ready(Err(error.into()))
            }
        }
    }
}
