//! Classifies errors of hyper and `h2` as kinds of reset.

use std::error::Error as StdError;
use std::io;

use mesh_core::outcome::Reset;

use super::frames::FLOODED;

/// The kind of reset that hyper's error stands for.
///
/// A GOAWAY with `NO_ERROR` fails only the streams above its last stream id, and the peer promises that it has not
/// processed them (RFC 9113 §6.8). A GOAWAY with another code promises nothing.
pub(crate) fn classify(error: &hyper::Error) -> Reset {
    // This check comes first: a failed request body carries the error of the caller's connection, not of this one.
    if error.is_user() {
        return Reset::LocalReset;
    }
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(h2) = inner.downcast_ref::<h2::Error>() {
            return classify_h2(h2);
        }
        if inner.is::<io::Error>() {
            return Reset::ConnectionTermination;
        }
        cause = inner.source();
    }
    if error.is_parse() || error.is_parse_status() { Reset::Protocol } else { Reset::ConnectionTermination }
}

/// The kind of reset that an error of the `h2` crate stands for.
pub(crate) fn classify_h2(error: &h2::Error) -> Reset {
    if error.is_io() {
        let flooded = error.get_io().is_some_and(|error| error.kind() == FLOODED);
        if flooded { Reset::Protocol } else { Reset::ConnectionTermination }
    } else if error.reason() == Some(h2::Reason::REFUSED_STREAM)
        || (error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR))
    {
        Reset::RemoteRefused
    } else if error.is_remote() {
        if error.is_go_away() { Reset::ConnectionTermination } else { Reset::RemoteReset }
    } else if error.is_library() {
        Reset::Protocol
    } else {
        Reset::LocalReset
    }
}
