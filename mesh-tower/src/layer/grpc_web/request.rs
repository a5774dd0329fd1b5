//! The body of a request that is base64 text.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use mesh_core::grpc_web::{Decoder, Malformed};

use crate::body::Body;
use crate::error::BoxError;

/// The reason why a body was refused; its clones share it with the response future.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusal(Arc<OnceLock<Malformed>>);

impl Refusal {
    pub(super) fn reason(&self) -> Option<Malformed> {
        self.0.get().copied()
    }
}

/// The bytes that the text stands for.
pub(super) fn decoded(body: Body, refusal: Refusal) -> Body {
    Body::shared(Decoded { body, decoder: Decoder::default(), refusal })
}

struct Decoded {
    body: Body,
    decoder: Decoder,
    refusal: Refusal,
}

impl Decoded {
    fn refuse(&self, why: Malformed) -> BoxError {
        // Only the first reason counts; a body that failed is not read again.
        let _ = self.refusal.0.set(why);
        why.into()
    }
}

impl http_body::Body for Decoded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            let frame = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    return Poll::Ready(this.decoder.finish().err().map(|why| Err(this.refuse(why))));
                }
            };
            let Some(text) = frame.data_ref() else { return Poll::Ready(Some(Ok(frame))) };
            match this.decoder.push(text) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Err(why) => return Poll::Ready(Some(Err(this.refuse(why)))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.decoder.finish().is_ok()
    }

    fn size_hint(&self) -> SizeHint {
        // The size depends on the padding, which is known at the end.
        SizeHint::default()
    }
}
