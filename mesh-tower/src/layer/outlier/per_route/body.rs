//! The response body of an attempt: where its outcome is known at last.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};

use super::super::report::{Report, broken, read};
use crate::body::end::is_over;
use crate::error::BoxError;
use crate::request::Attempt;

/// The inner body. Its attempt ends with it: at its end, on its failure, or when it is dropped.
///
/// The outcome is recorded with the response's headers, or with gRPC's trailers; again if the body breaks off after
/// that.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct PerRouteBody<B> {
    #[pin]
    inner: B,
    /// `None` once the body has ended.
    report: Option<Report<Arc<Attempt>>>,
}

impl<B: Body> PerRouteBody<B> {
    pub(super) fn response(response: Response<B>, report: Option<Report<Arc<Attempt>>>) -> Response<Self> {
        let report = match report {
            Some(report) if response.body().is_end_stream() => {
                if is_over(&response) {
                    report.whole();
                    None
                } else {
                    report.subject().awaited().opens_tunnel();
                    Some(report)
                }
            }
            report => report,
        };
        response.map(|inner| Self { inner, report })
    }
}

impl<B: From<Bytes>> From<Bytes> for PerRouteBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self { inner: bytes.into(), report: None }
    }
}

impl<B: Body<Error = BoxError>> Body for PerRouteBody<B> {
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        if let Err(timeout) = read(this.report, &frame, &*this.inner, broken) {
            return Poll::Ready(Some(Err(timeout.into())));
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
