//! What the proxy binds.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::key::{Direction, ListenerKey};
use crate::error::Origin;
use crate::route::RouteTable;

/// One listener.
#[derive(Clone, Debug)]
pub struct Listener {
    /// What it is known by; unique.
    pub key: ListenerKey,
    /// Which way.
    pub direction: Direction,
    /// The number that rules match. `--bind 80=127.0.0.1:0` says which socket serves it.
    pub port: u16,
    /// The address to bind where no flag says otherwise.
    pub bind: Option<IpAddr>,
    /// What is spoken.
    pub protocol: ListenerProtocol,
    /// How requests find their rules.
    pub routes: ListenerRoutes,
    /// Where it was written.
    pub origin: Origin,
}

/// What a listener speaks.
#[derive(Clone, Debug, PartialEq)]
pub enum ListenerProtocol {
    /// HTTP/1.1 and HTTP/2 by prior knowledge.
    Http,
    /// The same over TLS; the certificate is chosen by SNI, the first one without a match (GW-11).
    Https(Vec<ServerTls>),
}

/// How a listener's requests find their rules.
#[derive(Clone, Debug)]
pub enum ListenerRoutes {
    /// The port of the authority picks a table of [`Plan::outbound`](super::Plan::outbound).
    ByAuthority,
    /// The same among these tables: those of the hosts that the listener lets be seen (SC-2).
    ByAuthorityOf(Arc<BTreeMap<u16, Arc<RouteTable>>>),
    /// This table.
    Table(Arc<RouteTable>),
}

/// A certificate and whom it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerTls {
    /// Host names, wildcards allowed.
    pub hosts: Vec<String>,
    /// Certificate chain and key.
    pub material: Material,
    /// What is agreed on with its callers.
    pub terms: TlsTerms,
    /// Where it was written.
    pub origin: Origin,
}

/// What is agreed on with the callers of a TLS server (GW-8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsTerms {
    /// Oldest version accepted.
    pub min_version: TlsVersion,
    /// Newest version accepted.
    pub max_version: TlsVersion,
    /// Suites of TLS 1.2; `None` is all that the TLS library has, an empty list leaves TLS 1.3 only.
    pub cipher_suites: Option<Vec<CipherSuite>>,
}

impl Default for TlsTerms {
    fn default() -> Self {
        Self { min_version: TlsVersion::V1_2, max_version: TlsVersion::V1_3, cipher_suites: None }
    }
}

macro_rules! cipher_suites {
    ($($(#[$meta:meta])* $suite:ident = $name:literal),* $(,)?) => {
        /// A cipher suite of TLS 1.2 that a TLS library of today has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum CipherSuite {
            $($(#[$meta])* $suite),*
        }

        impl CipherSuite {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$suite),*];

            /// Its name in OpenSSL.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$suite => $name),* }
            }
        }
    };
}

cipher_suites! {
    /// ECDSA key, AES 128.
    EcdsaAes128 = "ECDHE-ECDSA-AES128-GCM-SHA256",
    /// RSA key, AES 128.
    RsaAes128 = "ECDHE-RSA-AES128-GCM-SHA256",
    /// ECDSA key, AES 256.
    EcdsaAes256 = "ECDHE-ECDSA-AES256-GCM-SHA384",
    /// RSA key, AES 256.
    RsaAes256 = "ECDHE-RSA-AES256-GCM-SHA384",
    /// ECDSA key, `ChaCha20`.
    EcdsaChacha20 = "ECDHE-ECDSA-CHACHA20-POLY1305",
    /// RSA key, `ChaCha20`.
    RsaChacha20 = "ECDHE-RSA-CHACHA20-POLY1305",
}

/// PEM texts, or the files to read them from.
#[derive(Clone, Debug, PartialEq)]
pub enum Material {
    /// PEM texts, from a Secret.
    Inline {
        /// Certificate chain, leaf first.
        certificate: Arc<[u8]>,
        /// Private key.
        key: Arc<[u8]>,
    },
    /// Files.
    Files {
        /// Certificate chain, leaf first.
        certificate: String,
        /// Private key.
        key: String,
    },
    /// The credential does not exist: the listener stands, handshakes fail (GW-7).
    Missing,
}

/// A TLS version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2
    #[default]
    V1_2,
    /// 1.3
    V1_3,
}
