//! TLS at gateways (GW-5 SIMPLE, GW-11): the certificate is chosen by SNI.

use std::sync::Arc;
use std::{fmt, io};

use mesh_core::plan::{CipherSuite, Material, ServerTls, TlsTerms, TlsVersion};
use mesh_core::route::HostMap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedCipherSuite};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::BoxError;

/// A certificate or key that cannot be used, with the place that names it.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {reason}")]
pub struct ServerTlsError {
    origin: String,
    reason: String,
}

/// Terminates TLS for the connections of one listener. Each server's own terms hold for its hosts (GW-8).
#[derive(Debug)]
pub struct Acceptor {
    /// One for each set of terms; each has all certificates.
    configs: Vec<Config>,
    hosts: Arc<Hosts>,
    /// For each server, the index of its terms in `configs`.
    config_of: Vec<usize>,
}

/// The protocols of the listener, in the order of preference.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// One set of terms.
#[derive(Debug)]
struct Config {
    /// ALPN [`PROTOCOLS`].
    with_alpn: Arc<ServerConfig>,
    /// No ALPN, for callers that offer none of these protocols: rustls would refuse them, and Istio serves them. It shares
    /// the sessions of `with_alpn`.
    without_alpn: Arc<ServerConfig>,
}

impl Config {
    fn new(mut config: ServerConfig) -> Self {
        let without_alpn = Arc::new(config.clone());
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Self { with_alpn: Arc::new(config), without_alpn }
    }

    fn of(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let agrees = hello.alpn().is_none_or(|mut offer| offer.any(|protocol| PROTOCOLS.contains(&protocol)));
        if agrees { self.with_alpn.clone() } else { self.without_alpn.clone() }
    }
}

impl Acceptor {
    /// An acceptor with the certificates of one listener's servers; ALPN `h2` and `http/1.1`, or no ALPN for a caller that
    /// offers neither.
    ///
    /// # Errors
    /// If a certificate or key does not parse, if they do not belong together, or if the terms leave no version and cipher
    /// suite to agree on. A credential that does not exist is no error: handshakes for its hosts fail (GW-7).
    pub fn new(servers: &[ServerTls]) -> Result<Self, ServerTlsError> {
        let provider = super::provider();
        let mut hosts = Hosts::default();
        for (index, server) in servers.iter().enumerate() {
            for host in &server.hosts {
                // A host of an earlier server keeps that server's certificate (GW-9).
                let _ = hosts.names.insert(host, index);
            }
            hosts.keys.push(load(&server.material, &provider).map_err(|reason| failed(server, &reason))?);
        }
        let hosts = Arc::new(hosts);
        let (mut known, mut configs, mut config_of) = (Vec::<&TlsTerms>::new(), Vec::new(), Vec::new());
        for server in servers {
            let found = known.iter().position(|terms| **terms == server.terms);
            config_of.push(found.unwrap_or(configs.len()));
            if found.is_none() {
                known.push(&server.terms);
                let config =
                    config(&server.terms, &provider, &hosts).map_err(|error| failed(server, &error))?;
                configs.push(Config::new(config));
            }
        }
        Ok(Self { configs, hosts, config_of })
    }

    /// Does the TLS handshake.
    ///
    /// # Errors
    /// If the caller breaks off, if its SNI names no server, or if caller and server cannot agree.
    pub async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        let hello = start.client_hello();
        let config = match &self.configs[..] {
            [only] => Some(only),
            several => {
                let server = self.hosts.server(hello.server_name());
                server.and_then(|server| several.get(self.config_of[server])).or(several.first())
            }
        };
        let config = config.ok_or(io::ErrorKind::InvalidInput)?.of(&hello);
        start.into_stream(config).await
    }
}

fn failed(server: &ServerTls, reason: &BoxError) -> ServerTlsError {
    ServerTlsError { origin: server.origin.to_string(), reason: reason.to_string() }
}

fn config(
    terms: &TlsTerms,
    provider: &Arc<CryptoProvider>,
    hosts: &Arc<Hosts>,
) -> Result<ServerConfig, BoxError> {
    let mut provider = provider.clone();
    if let Some(chosen) = &terms.cipher_suites {
        let has = |suite: &SupportedCipherSuite| {
            suite.tls13().is_some() || chosen.iter().any(|chosen| identifier(*chosen) == suite.suite())
        };
        let mut own = CryptoProvider::clone(&provider);
        own.cipher_suites.retain(has);
        provider = Arc::new(own);
    }
    let has_1_2 = provider.cipher_suites.iter().any(|suite| suite.tls13().is_none());
    let within = |version| terms.min_version <= version && version <= terms.max_version;
    let mut versions = Vec::new();
    if within(TlsVersion::V1_3) {
        versions.push(&rustls::version::TLS13);
    }
    if within(TlsVersion::V1_2) && has_1_2 {
        versions.push(&rustls::version::TLS12);
    }
    if versions.is_empty() {
        return Err("its cipherSuites and versions leave nothing to agree on".into());
    }
    Ok(ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)?
        .with_no_client_auth()
        .with_cert_resolver(hosts.clone()))
}

const fn identifier(suite: CipherSuite) -> rustls::CipherSuite {
    use rustls::CipherSuite as Id;
    match suite {
        CipherSuite::EcdsaAes128 => Id::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::RsaAes128 => Id::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::EcdsaAes256 => Id::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::RsaAes256 => Id::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::EcdsaChacha20 => Id::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::RsaChacha20 => Id::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    }
}

fn load(material: &Material, provider: &CryptoProvider) -> Result<Option<Arc<CertifiedKey>>, BoxError> {
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

/// Finds the server by SNI: an exact name, then a wildcard, then the first server for any host (GW-11).
#[derive(Default)]
struct Hosts {
    names: HostMap,
    keys: Vec<Option<Arc<CertifiedKey>>>,
}

impl Hosts {
    fn server(&self, name: Option<&str>) -> Option<usize> {
        // A caller without SNI is served only if some server is for any host.
        self.names.get(name.unwrap_or("-"))
    }
}

impl ResolvesServerCert for Hosts {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.keys[self.server(hello.server_name())?].clone()
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts").field("certificates", &self.keys.len()).finish_non_exhaustive()
    }
}
