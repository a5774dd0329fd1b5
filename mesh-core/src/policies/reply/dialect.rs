//! The form in which a caller understands an answer.

use http::HeaderValue;

use crate::grpc_web;

/// The protocol that the caller of a request understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Status and body.
    #[default]
    Http,
    /// `grpc-status` and `grpc-message` (RF-4).
    Grpc,
    /// The same, to a page (RF-6).
    GrpcWeb(grpc_web::Kind),
}

impl Dialect {
    /// The content type of gRPC answers; `None` if this is none of its.
    pub(super) const fn content_type(self) -> Option<HeaderValue> {
        match self {
            Self::Http => None,
            Self::Grpc => Some(HeaderValue::from_static("application/grpc")),
            Self::GrpcWeb(kind) => Some(kind.content_type()),
        }
    }
}

/// Whether the request was gRPC.
impl From<bool> for Dialect {
    fn from(grpc: bool) -> Self {
        if grpc { Self::Grpc } else { Self::Http }
    }
}
