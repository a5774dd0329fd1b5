//! TLS: to endpoints, and at gateways.
//!
//! The crypto provider is always named, never taken from the process: an application that links two
//! of them starts all the same.

mod client;
mod server;

pub(crate) use client::ClientTls;
pub use server::{ServerTlsError, acceptor_config};

use std::sync::Arc;

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    rustls::crypto::CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}
