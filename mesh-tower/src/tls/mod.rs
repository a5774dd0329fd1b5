//! TLS: to endpoints, and at gateways.
//!
//! The crypto provider is always named, never taken from the process: an application that links two
//! of them starts all the same.

#[cfg(not(feature = "tls"))]
mod absent;
#[cfg(feature = "tls")]
mod client;
#[cfg(feature = "tls")]
mod server;
#[cfg(feature = "tls")]
mod verify;

#[cfg(not(feature = "tls"))]
pub(crate) use absent::ClientTls;
#[cfg(feature = "tls")]
pub(crate) use client::ClientTls;
#[cfg(feature = "tls")]
pub use server::{Acceptor, ServerTlsError};

#[cfg(feature = "tls")]
fn provider() -> std::sync::Arc<rustls::crypto::CryptoProvider> {
    std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
