//! Verifies a server's certificate by names of the rule (TL-2, TL-3).

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::BoxError;

/// A verifier that does not use the server name of the connection.
#[derive(Debug)]
pub(crate) struct Verifier {
    accepted: AcceptedNames,
    signatures: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
enum AcceptedNames {
    Any,
    AnyOf(Vec<ServerName<'static>>, Arc<WebPkiServerVerifier>),
}

impl Verifier {
    /// Accepts every certificate, for `insecureSkipVerify: true`.
    pub(crate) fn any(provider: &CryptoProvider) -> Self {
        Self { accepted: AcceptedNames::Any, signatures: provider.signature_verification_algorithms }
    }

    /// Accepts a certificate that is valid for one of these names (`subjectAltNames`); the SNI of the connection does not
    /// matter.
    ///
    /// # Errors
    /// If a name is neither a DNS name nor an IP address.
    pub(crate) fn any_of(
        names: &[String],
        roots: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, BoxError> {
        let parse = |name: &String| {
            let refused = |_| format!("subjectAltNames: {name:?} is neither a DNS name nor an IP address");
            ServerName::try_from(name.clone()).map_err(refused)
        };
        let names = names.iter().map(parse).collect::<Result<_, _>>()?;
        let signatures = provider.signature_verification_algorithms;
        let chain = WebPkiServerVerifier::builder_with_provider(roots, provider).build()?;
        Ok(Self { accepted: AcceptedNames::AnyOf(names, chain), signatures })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let AcceptedNames::AnyOf(names, chain) = &self.accepted else {
            return Ok(ServerCertVerified::assertion());
        };
        let mut result = Err(rustls::Error::General(format!("no name to accept for {server_name:?}")));
        for name in names {
            result = chain.verify_server_cert(end_entity, intermediates, name, ocsp_response, now);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.signatures)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.signatures)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_schemes()
    }
}
