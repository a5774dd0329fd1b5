//! Certificates of a listener, renewed without touching its connections.

use std::sync::Arc;

use mesh_core::plan::ListenerProtocol;
use mesh_tower::tls::acceptor_config;
use tokio_rustls::rustls::ServerConfig;

/// The TLS of a listener; `None` for plaintext.
///
/// # Errors
/// If a certificate or key cannot be used; the text names where it was written.
pub(crate) fn config(protocol: &ListenerProtocol) -> Result<Option<Arc<ServerConfig>>, String> {
    match protocol {
        ListenerProtocol::Http => Ok(None),
        ListenerProtocol::Https(servers) => {
            acceptor_config(servers).map(Some).map_err(|error| error.to_string())
        }
    }
}
