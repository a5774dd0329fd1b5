//! The future of [`Outlier`](super::Outlier).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;

use super::ResponseBody;
use super::report::{Alone, Report};
use crate::error::{BoxError, Error};

/// The inner call; its outcome is recorded when its head, or its failure, is there, or gRPC's status in its trailers.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseFuture<F> {
    #[pin]
    inner: F,
    report: Option<Report<Box<Alone>>>,
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, report: Report<Box<Alone>>) -> Self {
        Self { inner, report: Some(report) }
    }
}

impl<F, ResB, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResB>, E>>,
    E: Into<BoxError>,
    ResB: http_body::Body,
{
    type Output = Result<Response<ResponseBody<ResB>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx)).map_err(|error| Error::from_box(error.into()));
        let report = this.report.take().expect("a future is not polled after it is ready");
        Poll::Ready(match result {
            Ok(response) => {
                // A layer outside makes an error of a timeout.
                let _ = report.head(&response);
                Ok(response.map(|body| ResponseBody::new(body, report)))
            }
            Err(error) => {
                // What was decided here says nothing about the endpoint (OD-2).
                report.ended(error.outcome());
                Err(error.into())
            }
        })
    }
}
