//! Makes a body `Sync` that is only `Send`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Frame, SizeHint};
use pin_project::pin_project;
use sync_wrapper::SyncWrapper;

/// Notes the end and the size hint of its body after each read, and answers from the notes.
#[pin_project]
pub(super) struct Exclusive<B> {
    #[pin]
    body: SyncWrapper<B>,
    ended: bool,
    hint: SizeHint,
}

impl<B: http_body::Body> Exclusive<B> {
    pub(super) fn new(body: B) -> Self {
        Self { ended: body.is_end_stream(), hint: body.size_hint(), body: SyncWrapper::new(body) }
    }
}

impl<B: http_body::Body> http_body::Body for Exclusive<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let mut body = this.body.get_pin_mut();
        let frame = ready!(body.as_mut().poll_frame(cx));
        *this.ended = body.is_end_stream();
        *this.hint = body.size_hint();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body::Body as _;
    use http_body_util::BodyExt;

    use super::*;
    use crate::body::Body;
    use crate::http::BoxError;

    /// Two frames in a body that is not `Sync`.
    struct Unshared(std::cell::Cell<u8>);

    impl http_body::Body for Unshared {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            let left = self.0.get();
            self.0.set(left.saturating_sub(1));
            Poll::Ready((left > 0).then(|| Ok(Frame::data(Bytes::from_static(b"abc")))))
        }

        fn is_end_stream(&self) -> bool {
            self.0.get() == 0
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(3 * u64::from(self.0.get()))
        }
    }

    #[tokio::test]
    async fn an_unshared_body_tells_its_size_and_end_after_each_frame() {
        let mut body = Body::new(Unshared(2.into()));
        for left in [6, 3] {
            assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(left), false));
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
        }
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
        assert!(body.frame().await.is_none());
    }
}
