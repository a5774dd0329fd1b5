//! A response body that the deadline follows.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::bound::Bound;
use crate::error::BoxError;

/// What is left of a response may be here already, read or not, if it is no more than this: a caller that comes
/// for it late has not been answered late.
const BUFFERED: u64 = 64 * 1024;

/// The inner body, while there is time.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseBody<B> {
    #[pin]
    inner: B,
    bound: Bound,
}

impl<B> ResponseBody<B> {
    pub(super) const fn new(inner: B, bound: Bound) -> Self {
        Self { inner, bound }
    }
}

impl<B: From<Bytes>> From<Bytes> for ResponseBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self::new(bytes.into(), Bound::Free)
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        // A caller that reads slowly always finds something to read, and so never comes to wait.
        let all_here = |inner: &B| {
            inner.is_end_stream() || inner.size_hint().upper().is_some_and(|left| left <= BUFFERED)
        };
        if let Some(timer) = this.bound.timer()
            && !all_here(&this.inner)
            && timer.is_over()
        {
            let error = timer.expire();
            *this.bound = Bound::Free;
            return Poll::Ready(Some(Err(error.into())));
        }
        if let Poll::Ready(frame) = this.inner.poll_frame(cx) {
            if let Bound::Told(_) = this.bound
                && let Some(Ok(frame)) = &frame
                && let Some(error) = frame.trailers_ref().and_then(|trailers| this.bound.trailers(trailers))
            {
                *this.bound = Bound::Free;
                return Poll::Ready(Some(Err(error.into())));
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if let Some(timer) = this.bound.timer()
            && let Poll::Ready(error) = timer.poll(cx)
        {
            *this.bound = Bound::Free;
            return Poll::Ready(Some(Err(error.into())));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
