//! The payload of requests: none, a body in one go, or a body in pieces and of unknown length.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};

use super::draw::Draw;

/// The body of a request.
pub(super) type Outgoing = UnsyncBoxBody<Bytes, Infallible>;

/// A body as it is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Payload {
    Whole(&'static str),
    /// Frames of their own, and whether trailers follow.
    Pieces(&'static [&'static str], bool),
    /// More than is kept for another try (RT-10), in pieces.
    Large,
}

impl Default for Payload {
    fn default() -> Self {
        Self::Whole("")
    }
}

/// Twenty of these are more than a megabyte.
static PIECE: [u8; 64 * 1024] = [b'.'; 64 * 1024];
const PIECES: usize = 20;

impl Payload {
    pub(super) fn generate(draw: &mut Draw) -> Self {
        match draw.below(40) {
            0..6 => Self::Pieces(&["a ", "body ", "in pieces"], false),
            6..9 => Self::Pieces(&["one"], true),
            9..12 => Self::Pieces(&[], false),
            _ => Self::Whole(draw.one(&["", "a body", "another"])),
        }
    }

    pub(super) fn body(self, trailers: bool) -> Outgoing {
        let frames: Vec<Frame<Bytes>> = match self {
            Self::Whole(text) => return Full::new(Bytes::from_static(text.as_bytes())).boxed_unsync(),
            Self::Pieces(pieces, ends_so) => {
                let data = pieces.iter().map(|piece| Frame::data(Bytes::from_static(piece.as_bytes())));
                let last = (trailers && ends_so).then(|| {
                    let sum = HeaderValue::from_static("1");
                    Frame::trailers(HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), sum)]))
                });
                data.chain(last).collect()
            }
            Self::Large => (0..PIECES).map(|_| Frame::data(Bytes::from_static(&PIECE))).collect(),
        };
        StreamBody::new(stream::iter(frames.into_iter().map(Ok))).boxed_unsync()
    }
}
