//! TLS at gateways (GW-5 SIMPLE, GW-11): the certificate is chosen by SNI.

use std::fmt;
use std::sync::Arc;

use mesh_core::plan::{Material, ServerTls, TlsVersion};
use mesh_core::route::HostMap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::error::BoxError;

/// A certificate or key that cannot be used, and where it is named.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {reason}")]
pub struct ServerTlsError {
    origin: String,
    reason: String,
}

/// The server configuration for the certificates of one listener; ALPN `h2` and `http/1.1`.
///
/// # Errors
/// If a certificate or key does not parse or they do not belong together. A credential that does
/// not exist is no error: handshakes for its hosts fail (GW-7).
pub fn acceptor_config(servers: &[ServerTls]) -> Result<Arc<ServerConfig>, ServerTlsError> {
    let provider = super::provider();
    let mut hosts = HostMap::default();
    let mut keys = Vec::with_capacity(servers.len());
    for (index, server) in servers.iter().enumerate() {
        let fail = |reason: BoxError| ServerTlsError {
            origin: server.origin.to_string(),
            reason: reason.to_string(),
        };
        for host in &server.hosts {
            // A host that an earlier server has keeps that server's certificate (GW-9).
            let _ = hosts.insert(host, index);
        }
        keys.push(load(&server.material, &provider).map_err(fail)?);
    }
    let oldest = servers.iter().map(|server| server.min_version).min().unwrap_or_default();
    let versions: &[_] = match oldest {
        TlsVersion::V1_2 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::V1_3 => &[&rustls::version::TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| ServerTlsError { origin: String::new(), reason: error.to_string() })?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(BySni { hosts, keys }));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn load(
    material: &Material,
    provider: &rustls::crypto::CryptoProvider,
) -> Result<Option<Arc<CertifiedKey>>, BoxError> {
    let (chain, key) = match material {
        Material::Missing => return Ok(None),
        Material::Inline { certificate, key } => (
            CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>()?,
            PrivateKeyDer::from_pem_slice(key)?,
        ),
        Material::Files { certificate, key } => {
            let chain = CertificateDer::pem_file_iter(certificate)
                .map_err(|error| format!("{certificate}: {error}"))?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{key}: {error}"))?;
            (chain.collect::<Result<Vec<_>, _>>()?, key)
        }
    };
    if chain.is_empty() {
        return Err("no certificate in the chain".into());
    }
    let certified = CertifiedKey::from_der(chain, key, provider)?;
    Ok(Some(Arc::new(certified)))
}

/// Exact SNI, wildcard, then the first server's certificate, if that is for any host (GW-11).
struct BySni {
    hosts: HostMap,
    keys: Vec<Option<Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for BySni {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // No SNI is served only where some server is for any host.
        let index = self.hosts.get(hello.server_name().unwrap_or("-"))?;
        self.keys[index].clone()
    }
}

impl fmt::Debug for BySni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BySni").field("certificates", &self.keys.len()).finish_non_exhaustive()
    }
}
