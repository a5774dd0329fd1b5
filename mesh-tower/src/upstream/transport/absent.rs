//! Stands in for TLS in a build without it.

use mesh_core::plan;

use super::{Protocol, Stream};
use crate::http::BoxError;

/// Fails each handshake, with the reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientTls(());

impl ClientTls {
    pub(crate) fn new(_: &plan::ClientTls, _: &str) -> Self {
        Self(())
    }

    #[expect(clippy::unused_self, clippy::unused_async, reason = "the shape of the real one")]
    pub(crate) async fn handshake(&self, _: Stream, _: Protocol) -> Result<Stream, BoxError> {
        Err("TLS_error: this program was built without the `tls` feature".into())
    }
}
