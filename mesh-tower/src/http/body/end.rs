//! Where the body of a response ends.

use http::{Response, StatusCode};
use http_body::{Body, Frame};

/// Whether nothing of the response is to come. The tunnel that an upgrade opens lasts until the body is dropped: the
/// program that carries it keeps the body.
pub(crate) fn is_over(response: &Response<impl Body>) -> bool {
    response.body().is_end_stream() && response.status() != StatusCode::SWITCHING_PROTOCOLS
}

/// Whether nothing of the body follows what was just read of it.
pub(crate) fn is_last<B: Body>(read: &Option<Result<Frame<B::Data>, B::Error>>, body: &B) -> bool {
    match read {
        Some(Ok(frame)) => frame.is_trailers() || body.is_end_stream(),
        Some(Err(_)) | None => true,
    }
}
