//! `Gateway`: what a proxy at the edge listens for (GW).

use crate::api::message::{Note, enumeration, message};
use crate::text_map::TextMap;

message! {
    /// Listeners of an edge proxy.
    pub struct Gateway {
        /// The listeners.
        supported servers: Vec<Server>,
        /// Labels of the proxies that listen; none means all gateways.
        supported selector: TextMap<String>,
    }
}

message! {
    /// One listener.
    pub struct Server {
        /// Its port.
        supported port: Option<ServerPort>,
        /// Its address.
        supported bind: String,
        /// Hosts that it serves, `[namespace/]name` each (GW-2).
        supported hosts: Vec<String>,
        /// TLS.
        supported tls: Option<ServerTlsSettings>,
        /// Not implemented in Istio either.
        refused default_endpoint: String,
        /// Name for people.
        inert name: String [note Note::silent("a name for people")],
    }
}

message! {
    /// A port with its protocol.
    pub struct ServerPort {
        /// Number.
        supported number: u32,
        /// Protocol (P-1).
        supported protocol: String,
        /// Name.
        supported name: String,
        /// Not allowed any more.
        inert target_port: Option<u32> [note Note::silent("any port but 0 is an error")],
    }
}

message! {
    /// TLS of a listener (GW-5).
    pub struct ServerTlsSettings {
        /// Answer every plaintext request with a redirect to `https`.
        supported https_redirect: bool,
        /// What is done with TLS.
        supported mode: ServerTlsMode,
        /// File of our certificate.
        supported server_certificate: String,
        /// File of our key.
        supported private_key: String,
        /// File of the authorities to verify clients by.
        refused ca_certificates: String,
        /// File of revoked certificates.
        refused ca_crl: String,
        /// Secret with our certificate and key.
        supported credential_name: String,
        /// Secrets with certificates of different key types.
        refused credential_names: Vec<String>,
        /// Secret with the authorities to verify clients by.
        refused ca_cert_credential_name: String,
        /// Certificates of different key types.
        refused tls_certificates: Vec<TlsCertificate>,
        /// Names that clients may present.
        refused subject_alt_names: Vec<String>,
        /// Key hashes that clients may present.
        refused verify_certificate_spki: Vec<String>,
        /// Certificate hashes that clients may present.
        refused verify_certificate_hash: Vec<String>,
        /// Lowest version.
        supported min_protocol_version: TlsProtocol,
        /// Highest version.
        supported max_protocol_version: TlsProtocol,
        /// Cipher suites by OpenSSL name.
        supported cipher_suites: Vec<String>,
        /// Do not verify clients.
        refused insecure_skip_verify: Option<bool>,
    }
}

message! {
    /// Files of one certificate.
    pub struct TlsCertificate {
        /// Certificate.
        supported server_certificate: String,
        /// Key.
        supported private_key: String,
        /// Authorities.
        supported ca_certificates: String,
    }
}

enumeration! {
    /// What a listener does with TLS.
    pub enum ServerTlsMode {
        /// Pass it through, routed by SNI.
        refused Passthrough = 0 ["PASSTHROUGH"],
        /// End it.
        supported Simple = 1 ["SIMPLE"],
        /// End it and demand a client certificate.
        refused Mutual = 2 ["MUTUAL"],
        /// Pass it through to the cluster that the SNI names.
        refused AutoPassthrough = 3 ["AUTO_PASSTHROUGH"],
        /// End it with the mesh's certificates.
        refused IstioMutual = 4 ["ISTIO_MUTUAL"],
        /// End it and verify a client certificate if there is one.
        refused OptionalMutual = 5 ["OPTIONAL_MUTUAL"],
    }
}

enumeration! {
    /// A version of TLS.
    pub enum TlsProtocol {
        /// Ours to choose.
        supported Auto = 0 ["TLS_AUTO"],
        /// 1.0.
        refused V1_0 = 1 ["TLSV1_0"],
        /// 1.1.
        refused V1_1 = 2 ["TLSV1_1"],
        /// 1.2.
        supported V1_2 = 3 ["TLSV1_2"],
        /// 1.3.
        supported V1_3 = 4 ["TLSV1_3"],
    }
}
