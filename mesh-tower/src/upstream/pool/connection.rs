//! What connections of every protocol have in common.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use mesh_core::endpoint::Endpoint;

use crate::upstream::state::ConnectionPermit;

/// How long a request may still be sent after its response ended. Then its HTTP/1.1 connection, which must
/// become ready again, is closed, and its HTTP/2 stream reset.
pub(super) const SETTLE: Duration = Duration::from_secs(1);

/// The facts of one connection.
#[derive(Debug)]
pub(super) struct Facts {
    /// The endpoint that it was made to.
    pub(super) target: Arc<Endpoint>,
    /// Our address, of a TCP connection.
    pub(super) local: Option<SocketAddr>,
    pub(super) since: Instant,
    pub(super) _permit: ConnectionPermit,
}

/// What the task of a connection holds for as long as it runs: dropped, it reports that the connection has ended.
pub(super) trait Lifeline: Send + Unpin + 'static {
    /// The peer allows more streams than before.
    fn room_was_made(&self);
}

/// Whether a request of this method is expected to have a body.
pub(super) fn expects_content(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}
