//! TLS at gateways, and the verification of servers' certificates.
//!
//! The crypto provider is always named, never taken from the process: so an application that links two providers starts
//! too.

#[cfg(feature = "tls")]
mod server;
#[cfg(feature = "tls")]
mod verify;

#[cfg(feature = "tls")]
pub use server::{Acceptor, ServerTlsError};
#[cfg(feature = "tls")]
pub(crate) use verify::Verifier;

#[cfg(feature = "tls")]
pub(crate) fn provider() -> std::sync::Arc<rustls::crypto::CryptoProvider> {
    std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
