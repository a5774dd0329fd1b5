//! A response body that reports how it ended.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use mesh_core::outcome::{Outcome, Reset};

use super::report::Report;

/// The inner body. A gRPC status in its trailers is the call's outcome (OD-3); one that breaks off is a failure.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseBody<B> {
    #[pin]
    inner: B,
    /// `None` once reported.
    report: Option<Box<Report>>,
}

impl<B: Body> ResponseBody<B> {
    pub(super) fn new(inner: B, mut report: Report) -> Self {
        if inner.is_end_stream() {
            report.trailers(None);
            return Self { inner, report: None };
        }
        Self { inner, report: Some(Box::new(report)) }
    }
}

impl<B: From<Bytes>> From<Bytes> for ResponseBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self { inner: bytes.into(), report: None }
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        let ended = match &frame {
            Some(Ok(frame)) => frame.is_trailers() || this.inner.is_end_stream(),
            Some(Err(_)) | None => true,
        };
        if ended && let Some(mut report) = this.report.take() {
            match &frame {
                Some(Err(_)) => {
                    let reset = Reset::ConnectionTermination;
                    report.ended(Some(Outcome::Reset { reset, written: true }));
                }
                Some(Ok(frame)) => report.trailers(frame.trailers_ref()),
                None => report.trailers(None),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
