//! The body of an answer to a grpc-web page.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use mesh_core::grpc_web::{Encoder, Kind};

use crate::error::BoxError;
use crate::grpc;
use crate::request::Record;

/// The inner body. If it is converted, its trailers become a last frame of data, and the whole may be base64 text.
///
/// An error of the inner body is an error of this one: a call without a status has not succeeded.
#[pin_project::pin_project]
#[derive(Debug)]
pub struct ResponseBody<B> {
    #[pin]
    inner: B,
    /// `None` if the request is not grpc-web.
    bridge: Option<Box<Bridge>>,
}

#[derive(Debug)]
struct Bridge {
    kind: Kind,
    encoder: Encoder,
    record: Record,
    done: bool,
}

impl<B> ResponseBody<B> {
    pub(super) const fn new(inner: B) -> Self {
        Self { inner, bridge: None }
    }

    pub(super) fn bridged(inner: B, kind: Kind, record: Record) -> Self {
        let bridge = Bridge { kind, encoder: Encoder::default(), record, done: false };
        Self { inner, bridge: Some(Box::new(bridge)) }
    }
}

impl Bridge {
    fn data(&mut self, bytes: Bytes) -> Bytes {
        match self.kind {
            Kind::Binary => bytes,
            Kind::Text => self.encoder.push(&bytes),
        }
    }

    fn trailers(&mut self, trailers: &HeaderMap) -> Bytes {
        self.done = true;
        let status = grpc::status(trailers);
        self.record.note(|decision| decision.grpc_status = status.or(decision.grpc_status));
        self.kind.trailers(trailers)
    }

    /// The last bytes of an answer without trailers.
    fn rest(&mut self) -> Bytes {
        self.done = true;
        self.encoder.finish()
    }
}

impl<B> http_body::Body for ResponseBody<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        loop {
            if this.bridge.as_ref().is_some_and(|bridge| bridge.done) {
                return Poll::Ready(None);
            }
            let frame = ready!(this.inner.as_mut().poll_frame(cx));
            let Some(bridge) = this.bridge else {
                return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
            };
            let bytes = match frame {
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => bridge.rest(),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => bridge.data(bytes),
                    Err(frame) => frame.into_trailers().map_or(Bytes::new(), |all| bridge.trailers(&all)),
                },
            };
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.bridge {
            None => self.inner.is_end_stream(),
            Some(bridge) => bridge.done || (self.inner.is_end_stream() && bridge.encoder.is_empty()),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.bridge {
            None => self.inner.size_hint(),
            Some(_) if self.is_end_stream() => SizeHint::with_exact(0),
            Some(_) => SizeHint::default(),
        }
    }
}

/// Answers of the layers within.
impl<B: From<Bytes>> From<Bytes> for ResponseBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self::new(bytes.into())
    }
}
