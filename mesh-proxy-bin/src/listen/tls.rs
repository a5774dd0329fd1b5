//! Certificates of a listener, renewed without touching its connections.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use mesh_core::plan::{ListenerProtocol, Material};
use mesh_tower::tls::Acceptor;

/// The TLS of a listener; `None` for plaintext.
///
/// # Errors
/// If a certificate or key cannot be used; the text names where it was written.
pub(crate) fn config(protocol: &ListenerProtocol) -> Result<Option<Arc<Acceptor>>, String> {
    match protocol {
        ListenerProtocol::Http => Ok(None),
        ListenerProtocol::Https(servers) => {
            Acceptor::new(servers).map(|acceptor| Some(Arc::new(acceptor))).map_err(|error| error.to_string())
        }
    }
}

/// A fingerprint of the files of a listener's certificates; constant without files.
pub(crate) fn digest(protocol: &ListenerProtocol) -> u64 {
    let mut hasher = DefaultHasher::new();
    let servers = match protocol {
        ListenerProtocol::Http => &[],
        ListenerProtocol::Https(servers) => servers.as_slice(),
    };
    for server in servers {
        if let Material::Files { certificate, key } = &server.material {
            for path in [certificate, key] {
                // An unreadable file differs from any content.
                std::fs::read(path).ok().hash(&mut hasher);
            }
        }
    }
    hasher.finish()
}
