//! The body of a response, read from its stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use mesh_core::headers::FieldLimit;
use mesh_core::outcome::Reset;
use metrics::counter;

use super::super::failure::Broken;
use crate::body::FieldsTooLarge;
use crate::http::failure::classify_h2;
use crate::http::names;

/// The body that an endpoint sends on a stream.
///
/// Dropped before its end, it resets the stream, unless the request is still being sent: then the lease decides.
#[derive(Debug)]
pub(crate) struct Http2Body {
    stream: RecvStream,
    /// Announced and not yet come.
    left: Option<u64>,
    data_ended: bool,
    /// Asked of the stream once for each frame, as that takes the connection's lock.
    ended: bool,
    limit: FieldLimit,
}

impl Http2Body {
    pub(super) fn new(stream: RecvStream, length: Option<u64>, limit: FieldLimit) -> Self {
        let ended = stream.is_end_stream();
        let left = if ended { length.or(Some(0)) } else { length };
        Self { stream, left, data_ended: false, ended, limit }
    }
}

impl Body for Http2Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        if !this.data_ended {
            match ready!(this.stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    // Fails only for a stream that is gone, which needs no window.
                    let _ = this.stream.flow_control().release_capacity(data.len());
                    this.left = this.left.map(|left| left.saturating_sub(data.len() as u64));
                    this.ended = this.stream.is_end_stream();
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                // A server that has answered in full may stop the upload with a reset (RFC 9113 section 8.1). That
                // case ends above; here the reset comes in place of an end that never came.
                Some(Err(error)) => return Poll::Ready(Some(Err(broken(error)))),
                None => this.data_ended = true,
            }
        }
        let trailers = ready!(this.stream.poll_trailers(cx));
        this.ended = true;
        let trailers = trailers.map_err(broken)?;
        Poll::Ready(trailers.map(|trailers| checked(trailers, this.limit).map(Frame::trailers)))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn broken(error: h2::Error) -> Broken {
    let reset = classify_h2(&error);
    // Why this connection ended is not why the caller's stream does: hyper would pass a reason on that it finds.
    let source =
        if error.is_go_away() || error.is_library() { error.to_string().into() } else { error.into() };
    Broken { reset, source }
}

/// Fields over the limit end the response: `h2` may have cut them.
fn checked(fields: HeaderMap, limit: FieldLimit) -> Result<HeaderMap, Broken> {
    if limit.admits(&fields) {
        return Ok(fields);
    }
    counter!(names::HTTP2_HEADER_OVERFLOW).increment(1);
    Err(Broken { reset: Reset::Protocol, source: FieldsTooLarge { limit, reason: None }.into() })
}
