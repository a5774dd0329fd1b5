//! gRPC for browsers: what a grpc-web message looks like, and what it becomes (RF-6).
//!
//! A page can neither read trailers nor, in some browsers, receive bytes as they come. So grpc-web sends
//! a call's trailers as a last frame of the body, and can write the whole body as base64:
//!
//! ```text
//! gRPC       content-type: application/grpc            00 len message  00 len message  | trailers
//! binary     content-type: application/grpc-web+proto  00 len message  00 len message  80 len trailers
//! text       …/grpc-web-text+proto                     base64(00 len message)base64(…)base64(80 len …)
//! ```
//!
//! Requests differ by their content type and the base64 only. All of it is done as bytes come, whatever
//! the chunks: [`Decoder`] holds back three bytes at most, [`Encoder`] two.

mod decode;
mod encode;

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

pub use decode::{Decoder, Malformed};
pub use encode::Encoder;

/// The flag of the frame that holds trailers.
const TRAILERS: u8 = 0x80;

/// How the bytes of a grpc-web message are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// As they are: `application/grpc-web`.
    Binary,
    /// As base64: `application/grpc-web-text`.
    Text,
}

impl Kind {
    /// The kind that a content type names; `None` if it is not grpc-web's.
    #[must_use]
    pub fn of_content_type(value: &[u8]) -> Option<Self> {
        let value = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
        let is = |text: &str| value.eq_ignore_ascii_case(text.as_bytes());
        if is("application/grpc-web+proto") || is("application/grpc-web") {
            Some(Self::Binary)
        } else if is("application/grpc-web-text") || is("application/grpc-web-text+proto") {
            Some(Self::Text)
        } else {
            None
        }
    }

    /// The content type of answers of this kind.
    #[must_use]
    pub const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Binary => "application/grpc-web+proto",
            Self::Text => "application/grpc-web-text+proto",
        })
    }

    /// The frame that holds the trailers; as text, padded by itself like each message.
    #[must_use]
    pub fn trailers(self, trailers: &HeaderMap) -> Bytes {
        let lines = trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + 3);
        let length: usize = lines.sum();
        let mut frame = BytesMut::with_capacity(length + 5);
        frame.put_u8(TRAILERS);
        frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        for (name, value) in trailers {
            frame.put_slice(name.as_str().as_bytes());
            frame.put_u8(b':');
            frame.put_slice(value.as_bytes());
            frame.put_slice(b"\r\n");
        }
        match self {
            Self::Binary => frame.freeze(),
            Self::Text => encode::whole(&frame),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "grpc-web",
            Self::Text => "grpc-web-text",
        })
    }
}

/// A call of a page: how it is written, and how its answer is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// How the request is written.
    pub request: Kind,
    /// How the answer is to be written.
    pub response: Kind,
}

impl Call {
    /// Reads a request's headers; `None` if it is no grpc-web.
    ///
    /// `Accept` sets the kind of the answer; where it names neither kind, the request's kind counts.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let request = Kind::of_content_type(headers.get(CONTENT_TYPE)?.as_bytes())?;
        let accepted = headers.get(ACCEPT).and_then(|value| Kind::of_content_type(value.as_bytes()));
        Some(Self { request, response: accepted.unwrap_or(request) })
    }
}

#[cfg(test)]
mod tests;
