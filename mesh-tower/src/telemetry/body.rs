//! The response body: it reports the end of the request.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};

use super::call::{Call, Ending, as_ours};

/// A response body that reports the request's end: once, when it ends, fails or is dropped.
///
/// Frames, size hint and end pass through untouched, so `content-length` and trailers survive.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct Body<B> {
    #[pin]
    inner: B,
    /// `None` once reported.
    call: Option<Box<Call>>,
}

impl<B: http_body::Body> Body<B> {
    pub(super) fn new(inner: B, mut call: Box<Call>) -> Self {
        // Servers drop such a body without polling it.
        let over = inner.is_end_stream() || call.is_bodiless();
        if call.is_upgrade() {
            // The request ends with the tunnel: the server keeps this body while the tunnel is open.
            call.may_be_dropped(true);
            return Self { inner, call: Some(call) };
        }
        let mut call = Some(call);
        if over {
            end(&mut call, Ending::Complete);
        }
        Self { inner, call }
    }
}

/// Answers of outer layers; they are not counted.
impl<B: From<Bytes>> From<Bytes> for Body<B> {
    fn from(bytes: Bytes) -> Self {
        Self { inner: bytes.into(), call: None }
    }
}

impl<B: Default> Default for Body<B> {
    fn default() -> Self {
        Self { inner: B::default(), call: None }
    }
}

impl<B> http_body::Body for Body<B>
where
    B: http_body::Body,
    B::Error: 'static,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        let Some(call) = this.call else { return Poll::Ready(frame) };
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    call.sent(data.remaining());
                } else if let Some(trailers) = frame.trailers_ref() {
                    call.trailers(trailers);
                }
                // A server does not poll after trailers.
                if frame.is_trailers() || this.inner.is_end_stream() {
                    end(this.call, Ending::Complete);
                } else {
                    // A server does not poll after the announced length.
                    call.may_be_dropped(this.inner.size_hint().exact() == Some(0));
                }
            }
            Some(Err(error)) => as_ours(error as &dyn Any, |error| end(this.call, Ending::Failed(error))),
            None => end(this.call, Ending::Complete),
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

fn end(call: &mut Option<Box<Call>>, ending: Ending<'_>) {
    if let Some(mut call) = call.take() {
        call.end(ending);
    }
}
