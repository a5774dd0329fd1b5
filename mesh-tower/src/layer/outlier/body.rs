//! A response body that reports how it ended.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::report::{Alone, BROKEN, Report, read};

/// The inner body. A gRPC status in its trailers is the call's outcome (OD-3); one that breaks off is a failure.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseBody<B> {
    #[pin]
    inner: B,
    /// `None` once reported.
    report: Option<Report<Box<Alone>>>,
}

impl<B: Body> ResponseBody<B> {
    pub(super) fn new(inner: B, report: Report<Box<Alone>>) -> Self {
        if inner.is_end_stream() {
            let _ = report.trailers(None);
            return Self { inner, report: None };
        }
        Self { inner, report: Some(report) }
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
        // A layer outside makes an error of a timeout.
        let _ = read(this.report, &frame, &*this.inner, |_| BROKEN);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
