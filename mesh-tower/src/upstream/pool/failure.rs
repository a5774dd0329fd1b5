//! Why a connection or a request on it failed, in terms of the policies.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use mesh_core::outcome::{Outcome, Reset};
use mesh_core::reply::LocalReply;

use crate::body::TOO_MUCH;
use crate::error::{BoxError, Error};

/// A request that got no response.
pub(crate) struct Failure<R> {
    pub(crate) reset: Reset,
    /// Whether any byte of the request may have reached the peer.
    pub(crate) written: bool,
    /// Whether the connection had served an earlier request.
    pub(crate) reused: bool,
    /// The connection was on its way out (GOAWAY): another one will serve.
    pub(crate) drained: bool,
    /// The request, if hyper never took it: it can be sent elsewhere as it is.
    pub(crate) request: Option<R>,
    pub(crate) source: BoxError,
}

impl<R> Failure<R> {
    pub(crate) fn error(self) -> Error {
        if self.reset == Reset::LocalReset && is_malformed(&*self.source) {
            // No endpoint could have read this request.
            return Error::caller(LocalReply::bad_request("http1.codec_error"), Some(self.source));
        }
        if self.reset == Reset::LocalReset && reason(&*self.source) == Some(TOO_MUCH) {
            return Error::caller(LocalReply::fields_too_large(TRAILERS_TOO_LARGE), Some(self.source));
        }
        let outcome = Outcome::Reset { reset: self.reset, written: self.written };
        Error::attempt(outcome, Some(self.source)).reused(self.reused).drained(self.drained)
    }
}

/// A response's body that broke off.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) reset: Reset,
    pub(crate) source: BoxError,
}

/// Details of an answer to a request whose trailers were over the limit.
pub const TRAILERS_TOO_LARGE: &str = "http2.trailers_too_large";

/// The reason with which a stream was reset, if it was.
fn reason(error: &(dyn StdError + 'static)) -> Option<h2::Reason> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(h2) = error.downcast_ref::<h2::Error>() {
            return h2.reason();
        }
        cause = error.source();
    }
    None
}

/// Whether the request's body broke the rules of its protocol on its way to us: a chunk without a size, for one.
fn is_malformed(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return matches!(io.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput);
        }
        cause = inner.source();
    }
    false
}
