//! What the connections of one listener share.

use std::sync::{Arc, RwLock};

use http::HeaderValue;
use mesh_core::headers::FieldLimit;
use mesh_core::plan::{Direction, Listener, ListenerKey};
use mesh_tower::tls::Acceptor;

use crate::connection::registry::Registry;

/// What a connection of one listener needs.
#[derive(Clone, Debug)]
pub(crate) struct Entrance<S> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) stack: S,
}

/// The part of a listener that all workers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) key: ListenerKey,
    pub(crate) direction: Direction,
    /// `server` of local replies; `None` adds none.
    pub(crate) server: Option<HeaderValue>,
    /// How large the head and the trailers of a request may be, each.
    pub(crate) max_fields: FieldLimit,
    tls: RwLock<Option<Arc<Acceptor>>>,
}

impl Shared {
    /// Of a listener that opens now; without `tls` it is in plaintext.
    pub(crate) fn new(
        listener: &Listener,
        server: Option<HeaderValue>,
        max_fields: FieldLimit,
        tls: Option<Arc<Acceptor>>,
    ) -> Self {
        let (key, direction) = (listener.key.clone(), listener.direction);
        Self { key, direction, server, max_fields, tls: RwLock::new(tls) }
    }

    /// TLS for connections that come now.
    pub(crate) fn tls(&self) -> Option<Arc<Acceptor>> {
        self.tls.read().expect("no panic while TLS is renewed").clone()
    }

    /// Sets TLS for connections to come.
    pub(crate) fn renew(&self, tls: Option<Arc<Acceptor>>) {
        *self.tls.write().expect("no panic while TLS is renewed") = tls;
    }

    /// A listener in plaintext.
    #[cfg(test)]
    pub(crate) fn plain(name: &str) -> Self {
        Self {
            key: ListenerKey::Named(name.into()),
            direction: Direction::Gateway,
            server: None,
            max_fields: FieldLimit::default(),
            tls: RwLock::default(),
        }
    }
}
