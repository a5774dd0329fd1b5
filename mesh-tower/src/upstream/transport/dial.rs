//! Why a connection could not be made.

use std::sync::Arc;

use mesh_core::outcome::Reset;

use crate::http::BoxError;

/// Why a dial failed; shared by all requests that waited for it.
#[derive(Clone, Debug)]
pub(crate) struct DialError {
    pub(crate) reset: Reset,
    pub(crate) source: Arc<BoxError>,
}

/// The operating system refused the connection.
#[derive(Debug, thiserror::Error)]
#[error("connecting to {address}")]
pub(crate) struct Refused {
    pub(crate) address: String,
    pub(crate) source: std::io::Error,
}
