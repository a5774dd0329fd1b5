//! How many bytes of a request's body came in.
//!
//! A body in memory, or a short one whose length was announced, says so itself. Only long uploads and
//! streams are counted frame by frame, as they may end early.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::body::Body;
use crate::error::BoxError;

/// Up to here an announced length is believed: such a body mostly arrives with its head.
const BELIEVED: u64 = 64 * 1024;

/// Body bytes from the caller.
#[derive(Debug)]
pub(super) enum Received {
    Announced(u64),
    Counted(Arc<AtomicU64>),
}

impl Received {
    /// Finds out how to know it. Bodies of other types than ours cannot be wrapped without changing
    /// the request's type; what they announce is believed.
    pub(super) fn watch<B: http_body::Body + 'static>(body: &mut B) -> Self {
        let hint = body.size_hint();
        if hint.exact().is_some_and(|length| length <= BELIEVED) {
            return Self::Announced(hint.lower());
        }
        let Some(own) = (body as &mut dyn Any).downcast_mut::<Body>() else {
            return Self::Announced(hint.lower());
        };
        let count = Arc::new(AtomicU64::new(0));
        let inner = std::mem::take(own);
        *own = Body::new(Counted { inner, count: count.clone() });
        Self::Counted(count)
    }

    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Announced(bytes) => *bytes,
            // Relaxed: a count, read when the request is over; it orders nothing.
            Self::Counted(count) => count.load(Ordering::Relaxed),
        }
    }
}

struct Counted {
    inner: Body,
    count: Arc<AtomicU64>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            this.count.fetch_add(data.len() as u64, Ordering::Relaxed);
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
