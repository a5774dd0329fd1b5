//! The response body of a bounded call.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

use super::bound::Bound;
use crate::error::BoxError;

/// The most bytes of a response's rest that pass after the deadline, if they arrived before it: a caller that reads late
/// was not answered late.
const BUFFERED: u64 = 64 * 1024;

/// The inner body until the time is up.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseBody<B, D = Bytes> {
    #[pin]
    inner: B,
    rest: Rest<D>,
}

/// The rest of the body.
#[derive(Debug)]
enum Rest<D> {
    // Inner => Arrived
    Inner(Bound),
    /// The time is up, but the whole rest had arrived.
    #[expect(clippy::box_collection, reason = "one pointer, because it goes through every layer")]
    Arrived(Box<VecDeque<Frame<D>>>),
}

impl<B, D> ResponseBody<B, D> {
    pub(super) const fn new(inner: B, bound: Bound) -> Self {
        Self { inner, rest: Rest::Inner(bound) }
    }
}

impl<B: From<Bytes>, D> From<Bytes> for ResponseBody<B, D> {
    fn from(bytes: Bytes) -> Self {
        Self::new(bytes.into(), Bound::FREE)
    }
}

impl<B> Body for ResponseBody<B, B::Data>
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
        let mut this = self.project();
        let bound = match this.rest {
            Rest::Inner(bound) if bound.is_free() => {
                return this.inner.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)));
            }
            Rest::Inner(bound) => bound,
            Rest::Arrived(frames) => return Poll::Ready(frames.pop_front().map(Ok)),
        };
        // A caller that reads slowly always finds data to read, so it never waits and never polls the timer below.
        let fits = |inner: &B| {
            inner.is_end_stream() || inner.size_hint().upper().is_some_and(|left| left <= BUFFERED)
        };
        if let Some(timer) = bound.timer()
            && !fits(&this.inner)
            && timer.is_over()
        {
            return Poll::Ready(match take_rest(this.inner.as_mut(), bound, cx) {
                Ok(mut frames) => {
                    let first = frames.pop_front();
                    *this.rest = Rest::Arrived(Box::new(frames));
                    first.map(Ok)
                }
                Err(error) => {
                    *bound = Bound::FREE;
                    Some(Err(error))
                }
            });
        }
        if let Poll::Ready(frame) = this.inner.poll_frame(cx) {
            if let Some(Ok(frame)) = &frame
                && let Some(error) = bound.refuses(frame)
            {
                *bound = Bound::FREE;
                return Poll::Ready(Some(Err(error.into())));
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if let Some(timer) = bound.timer()
            && let Poll::Ready(error) = timer.poll(cx)
        {
            *bound = Bound::FREE;
            return Poll::Ready(Some(Err(error.into())));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        match &self.rest {
            Rest::Inner(_) => self.inner.is_end_stream(),
            Rest::Arrived(frames) => frames.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            Rest::Inner(_) => self.inner.size_hint(),
            Rest::Arrived(frames) => {
                let data = frames.iter().filter_map(Frame::data_ref);
                SizeHint::with_exact(data.map(|data| data.remaining() as u64).sum())
            }
        }
    }
}

/// The rest of a body whose time is up, if the whole rest has arrived. The connection does not say how much it holds: so
/// the frames are read and kept.
fn take_rest<B>(
    mut inner: Pin<&mut B>,
    bound: &mut Bound,
    cx: &mut Context<'_>,
) -> Result<VecDeque<Frame<B::Data>>, BoxError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let (mut frames, mut size) = (VecDeque::new(), 0);
    while size <= BUFFERED {
        let frame = match inner.as_mut().poll_frame(cx) {
            Poll::Ready(Some(frame)) => frame.map_err(Into::into)?,
            Poll::Ready(None) => return Ok(frames),
            Poll::Pending => break,
        };
        if let Some(error) = bound.refuses(&frame) {
            return Err(error.into());
        }
        // An empty frame takes memory too.
        size += frame.data_ref().map_or(1, |data| data.remaining().max(1) as u64);
        let last = frame.is_trailers() || inner.is_end_stream();
        frames.push_back(frame);
        if last && size <= BUFFERED {
            return Ok(frames);
        }
    }
    Err(bound.expire().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_two_pointers() {
        assert_eq!(size_of::<Rest<Bytes>>(), 2 * size_of::<Bound>());
    }
}
