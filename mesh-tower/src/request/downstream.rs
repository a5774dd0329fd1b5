//! The caller's connection of a request.

use std::net::SocketAddr;
use std::sync::Arc;

/// Facts of the caller's connection; an extension of its requests, put there by who accepted it.
///
/// Made once for a connection; cloning is one reference count.
#[derive(Clone, Debug)]
pub struct Downstream(Arc<Facts>);

#[derive(Clone, Debug)]
struct Facts {
    peer: SocketAddr,
    local: Option<SocketAddr>,
    tls: Option<&'static str>,
    server_name: Option<Arc<str>>,
}

impl Downstream {
    /// A plaintext connection from `peer`.
    #[must_use]
    pub fn new(peer: SocketAddr) -> Self {
        Self(Arc::new(Facts { peer, local: None, tls: None, server_name: None }))
    }

    /// The address that the caller connected to.
    #[must_use]
    pub fn local(mut self, address: SocketAddr) -> Self {
        Arc::make_mut(&mut self.0).local = Some(address);
        self
    }

    /// Sets the version of TLS, for example `TLSv1.3`: the connection is encrypted.
    #[must_use]
    pub fn tls(mut self, version: &'static str) -> Self {
        Arc::make_mut(&mut self.0).tls = Some(version);
        self
    }

    /// The server name that the caller asked for (SNI).
    #[must_use]
    pub fn server_name(mut self, name: impl Into<Arc<str>>) -> Self {
        Arc::make_mut(&mut self.0).server_name = Some(name.into());
        self
    }

    /// The address of the caller.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// The local address of the connection.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.0.local
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.tls.is_some()
    }

    /// The version of TLS, if it is encrypted.
    #[must_use]
    pub fn tls_version(&self) -> Option<&str> {
        self.0.tls
    }

    /// The server name that the caller asked for (SNI).
    #[must_use]
    pub fn server_name_indication(&self) -> Option<&str> {
        self.0.server_name.as_deref()
    }
}
