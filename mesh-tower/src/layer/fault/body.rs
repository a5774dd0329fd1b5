//! A response body at the rate that a fault sets.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::active::ActiveFault;

/// The number of pieces in a second of the rate: about as smooth as Envoy's.
const PIECES: u64 = 16;

/// The inner body under its fault, if it has one.
#[pin_project::pin_project]
pub struct ResponseBody<B> {
    #[pin]
    inner: B,
    /// Boxed: almost no response has a fault, and each response goes through every layer.
    fault: Option<Box<Fault>>,
}

struct Fault {
    throttle: Option<Throttle>,
    /// Counts the request as one under a fault until its end (FI-7).
    _active: Option<ActiveFault>,
}

struct Throttle {
    bytes_per_second: u64,
    /// Taken from the inner body, not yet passed on.
    pending: Bytes,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<B> ResponseBody<B> {
    pub(super) const fn new(inner: B) -> Self {
        Self { inner, fault: None }
    }

    pub(super) fn under_fault(inner: B, bytes_per_second: Option<u64>, active: Option<ActiveFault>) -> Self {
        let throttle = |bytes_per_second| Throttle { bytes_per_second, pending: Bytes::new(), sleep: None };
        let fault = Fault { throttle: bytes_per_second.map(throttle), _active: active };
        Self { inner, fault: Some(Box::new(fault)) }
    }

    fn throttle(&self) -> Option<&Throttle> {
        self.fault.as_ref()?.throttle.as_ref()
    }
}

impl<B: From<Bytes>> From<Bytes> for ResponseBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self::new(bytes.into())
    }
}

impl Throttle {
    /// The next piece of the pending bytes; sets the wait before the following piece.
    fn piece(&mut self) -> Bytes {
        let most = (self.bytes_per_second / PIECES).max(1);
        let length = self.pending.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        let nanos = length as u128 * 1_000_000_000 / u128::from(self.bytes_per_second);
        let wait = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.sleep = Some(Box::pin(sleep(wait)));
        self.pending.split_to(length)
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let throttle = this.fault.as_mut().and_then(|fault| fault.throttle.as_mut());
        let Some(throttle) = throttle else { return this.inner.poll_frame(cx) };
        if let Some(sleep) = &mut throttle.sleep {
            ready!(sleep.as_mut().poll(cx));
            throttle.sleep = None;
        }
        if throttle.pending.is_empty() {
            match ready!(this.inner.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => throttle.pending = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(throttle.piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && self.throttle().is_none_or(|throttle| throttle.pending.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.inner.size_hint();
        if let Some(throttle) = self.throttle() {
            let pending = throttle.pending.len() as u64;
            if let Some(upper) = hint.upper() {
                hint.set_upper(upper + pending);
            }
            hint.set_lower(hint.lower() + pending);
        }
        hint
    }
}

impl<B: fmt::Debug> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("inner", &self.inner).finish_non_exhaustive()
    }
}
