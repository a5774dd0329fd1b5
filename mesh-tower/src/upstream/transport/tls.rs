//! TLS to endpoints (TL-1, TL-3: mode SIMPLE).

use std::fmt;
use std::sync::{Arc, OnceLock};

use mesh_core::plan;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::{Protocol, Stream};
use crate::http::BoxError;
use crate::tls::{Verifier, provider};

/// How a cluster's connections are secured.
///
/// A configuration that cannot be built (a file of roots that is missing, say) fails each
/// handshake with the reason; the plan's other clusters work.
#[derive(Clone)]
pub(crate) struct ClientTls(Arc<Result<Ready, String>>);

struct Ready {
    http1: TlsConnector,
    http2: TlsConnector,
    name: ServerName<'static>,
}

impl ClientTls {
    /// Reads roots and builds the configuration; `host` names the server where the rule does not.
    pub(crate) fn new(tls: &plan::ClientTls, host: &str) -> Self {
        Self(Arc::new(Ready::new(tls, host).map_err(|error| error.to_string())))
    }

    pub(crate) async fn handshake(&self, stream: Stream, protocol: Protocol) -> Result<Stream, BoxError> {
        let ready = self.0.as_ref().as_ref().map_err(|reason| format!("TLS_error: {reason}"))?;
        let connector = match protocol {
            Protocol::Http1 => &ready.http1,
            Protocol::Http2 => &ready.http2,
        };
        let handshake = connector.connect(ready.name.clone(), stream);
        Ok(Stream::new(handshake.await.map_err(|error| format!("TLS_error: {error}"))?))
    }
}

impl Ready {
    fn new(tls: &plan::ClientTls, host: &str) -> Result<Self, BoxError> {
        let provider = provider();
        let builder =
            ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let config = if tls.insecure_skip_verify {
            let verifier = Arc::new(Verifier::any(&provider));
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        } else if tls.subject_alt_names.is_empty() {
            builder.with_root_certificates(roots(tls)?).with_no_client_auth()
        } else {
            let verifier = Arc::new(Verifier::any_of(&tls.subject_alt_names, roots(tls)?, provider)?);
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        };
        let with = |alpn: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![alpn.to_vec()];
            TlsConnector::from(Arc::new(config))
        };
        let name = ServerName::try_from(tls.sni.as_deref().unwrap_or(host).to_owned())?;
        Ok(Self { http1: with(b"http/1.1"), http2: with(b"h2"), name })
    }
}

/// The system's roots, read when they are first needed: hundreds of files, too many to read for each host that is
/// called. If none was found, the next call looks again.
fn system_roots() -> Result<Arc<RootCertStore>, BoxError> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(roots.clone());
    }
    let system = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system.certs);
    if roots.is_empty() {
        let why = system.errors.iter().map(|error| format!(": {error}")).collect::<String>();
        return Err(format!("no root certificate in the system's certificates{why}").into());
    }
    Ok(ROOTS.get_or_init(|| Arc::new(roots)).clone())
}

fn roots(tls: &plan::ClientTls) -> Result<Arc<RootCertStore>, BoxError> {
    let Some(file) = &tls.ca_certificates else { return system_roots() };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file)? {
        roots.add(certificate?)?;
    }
    if roots.is_empty() {
        return Err(format!("no root certificate in {file}").into());
    }
    Ok(Arc::new(roots))
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}
