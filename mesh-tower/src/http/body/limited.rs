//! Bounds the trailers of a body that a server received (GW-12).

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use hyper::body::Incoming;
use mesh_core::headers::FieldLimit;
use metrics::counter;

use crate::http::{BoxError, names};

/// The next frame of a body that a server received; trailers over the limit are an error.
pub(super) fn poll_limited(
    body: &mut Incoming,
    limit: FieldLimit,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
    let frame = ready!(http_body::Body::poll_frame(Pin::new(body), cx));
    if let Some(Ok(frame)) = &frame
        && let Some(trailers) = frame.trailers_ref()
        && !limit.admits(trailers)
    {
        counter!(names::HTTP2_HEADER_OVERFLOW).increment(1);
        let error = FieldsTooLarge { limit, reason: Some(TOO_MUCH.into()) };
        return Poll::Ready(Some(Err(error.into())));
    }
    Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
}

/// The reset reason of a stream whose caller sent too large trailers; no other part of the stack uses it.
pub(crate) const TOO_MUCH: h2::Reason = h2::Reason::ENHANCE_YOUR_CALM;

/// The head or the trailers of a message have too many bytes.
#[derive(Debug, thiserror::Error)]
#[error("fields of more than {} bytes", limit.bytes())]
pub(crate) struct FieldsTooLarge {
    pub(crate) limit: FieldLimit,
    /// The reason for the reset of their stream, if that reset is passed on.
    #[source]
    pub(crate) reason: Option<h2::Error>,
}
