//! A network in memory: the mesh dials its addresses, and scripted upstreams answer there.

use std::collections::BTreeMap;
use std::future::{pending, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use mesh_core::circuit::Keepalive;
use mesh_core::endpoint::Address;

use super::log::{Event, EventKind, Log};
use super::scripted::lock;
use super::{Fault, Upstream};
use crate::upstream::transport::{Connect, Connecting, Stream};

/// Upstreams by address. The network refuses connections to all other addresses.
///
/// Give it to [`MeshBuilder::connector`](crate::mesh::MeshBuilder::connector), or let
/// [`MeshTest`](super::MeshTest) do so.
///
/// # Clone
/// Clones are the same network.
#[derive(Clone, Debug)]
pub struct Network {
    upstreams: Arc<Mutex<BTreeMap<SocketAddr, Upstream>>>,
    log: Log,
}

impl Network {
    /// A network without upstreams. The time of its log begins now.
    #[must_use]
    pub fn new() -> Self {
        Self { upstreams: Arc::default(), log: Log::new() }
    }

    /// The upstream at this address; it listens from now on.
    ///
    /// # Panics
    /// If `address` is not `IP:port`.
    #[must_use]
    pub fn upstream(&self, address: &str) -> Upstream {
        let address: SocketAddr = address.parse().expect("an address such as 10.0.0.1:5000");
        let make = || Upstream::new(address, self.log.clone());
        lock(&self.upstreams).entry(address).or_insert_with(make).clone()
    }

    /// All upstreams, by address.
    #[must_use]
    pub fn upstreams(&self) -> Vec<Upstream> {
        lock(&self.upstreams).values().cloned().collect()
    }

    /// All events, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.log.events()
    }

    /// Scripted faults that have not happened, with the address of their upstream.
    #[must_use]
    pub fn unfired(&self) -> Vec<(SocketAddr, Fault)> {
        let of = |upstream: Upstream| {
            let address = upstream.address();
            upstream.unfired().into_iter().map(move |fault| (address, fault))
        };
        self.upstreams().into_iter().flat_map(of).collect()
    }

    fn dial(&self, address: &Address) -> Connecting {
        let Address::Socket(address) = address else {
            return Box::pin(ready(Err(io::ErrorKind::Unsupported.into())));
        };
        let Some(upstream) = lock(&self.upstreams).get(address).cloned() else {
            return Box::pin(ready(Err(io::ErrorKind::ConnectionRefused.into())));
        };
        let inner = upstream.0.clone();
        if inner.down.load(Ordering::Relaxed) {
            return Box::pin(ready(Err(io::ErrorKind::ConnectionRefused.into())));
        }
        let fault = inner.script.next_connection();
        let goaway = match fault {
            Some(fault @ Fault::Refuse) => {
                self.log.note(inner.address, EventKind::Fired(fault));
                return Box::pin(ready(Err(io::ErrorKind::ConnectionRefused.into())));
            }
            Some(fault @ Fault::Blackhole) => {
                self.log.note(inner.address, EventKind::Fired(fault));
                return Box::pin(pending());
            }
            Some(Fault::GoAwayAfter(after)) => Some(after),
            _ => None,
        };
        Box::pin(async move { Ok(Stream::new(upstream.accept(goaway))) })
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Connect for Network {
    fn connect(&self, address: &Address, _keepalive: Option<&Keepalive>) -> Connecting {
        self.dial(address)
    }
}
