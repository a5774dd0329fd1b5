//! The future of [`PerRoute`](super::PerRoute).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;

use super::super::report::Report;
use super::PerRouteBody;
use crate::error::{BoxError, Error};
use crate::request::Attempt;

/// The inner call; its outcome is recorded when its head, or its failure, is there, or gRPC's status in its trailers.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct PerRouteFuture<F> {
    #[pin]
    inner: F,
    report: Option<Report<Arc<Attempt>>>,
}

impl<F> PerRouteFuture<F> {
    pub(super) const fn new(inner: F, report: Option<Report<Arc<Attempt>>>) -> Self {
        Self { inner, report }
    }
}

impl<F, ResB> Future for PerRouteFuture<F>
where
    F: Future<Output = Result<Response<ResB>, BoxError>>,
    ResB: http_body::Body,
{
    type Output = Result<Response<PerRouteBody<ResB>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // By reference until the body is put around it: a response is large, and each move would cost.
        let mut polled = this.inner.poll(cx);
        match &mut polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(response)) => {
                if let Some(report) = &*this.report
                    && let Err(timeout) = begun(report, response)
                {
                    // The connection ends after the answer that was on it.
                    drop(polled);
                    *this.report = None;
                    return Poll::Ready(Err(timeout.into()));
                }
            }
            Poll::Ready(Err(_)) => {}
        }
        let report = this.report.take();
        polled.map(|result| match result {
            Ok(response) => Ok(PerRouteBody::response(response, report)),
            Err(error) => {
                let error = Error::from_box(error);
                if let Some(report) = &report {
                    // What was decided here says nothing about the endpoint (OD-2).
                    report.ended(error.outcome());
                }
                Err(error.into())
            }
        })
    }
}

/// The head of the response is here.
fn begun<B>(report: &Report<Arc<Attempt>>, response: &mut Response<B>) -> Result<(), Error> {
    let attempt = report.subject();
    let took = attempt.answered(response.headers_mut());
    report.head(response).map_err(|timeout| timeout.context(attempt.place()))?;
    if attempt.awaited().status().is_some() {
        attempt.note_latency(took);
    }
    Ok(())
}
