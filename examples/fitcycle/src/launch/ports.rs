//! Which port each listener gets: the one the user named, or a free one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, bail};
use tokio::net::TcpSocket;

/// The user's wishes, and the names that were asked for.
#[derive(Debug, Default)]
pub(super) struct Ports {
    wanted: BTreeMap<String, u16>,
    known: BTreeSet<String>,
}

impl Ports {
    pub(super) fn new(wanted: impl IntoIterator<Item = (String, u16)>) -> Self {
        Self { wanted: wanted.into_iter().collect(), known: BTreeSet::new() }
    }

    /// Where the listener of this name is to stand; port 0 takes a free one.
    pub(super) fn address(&mut self, name: &str) -> SocketAddr {
        let port = self.wanted.get(name).copied().unwrap_or(0);
        self.known.insert(name.to_owned());
        (Ipv4Addr::LOCALHOST, port).into()
    }

    /// An error if the user named a listener that there is not.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let Some(odd) = self.wanted.keys().find(|name| !self.known.contains(*name)) else { return Ok(()) };
        let known: Vec<_> = self.known.iter().map(String::as_str).collect();
        bail!("--port {odd}: there is no such listener; there are {}", known.join(", "))
    }
}

/// An address that is taken, though no process listens there yet: for two processes that must know each other's
/// address before either starts.
///
/// The socket is bound and does not listen; a process that binds the address with `SO_REUSEADDR`, as servers
/// do, may still listen there.
#[derive(Debug)]
pub(super) struct Reserved {
    _socket: TcpSocket,
    pub(super) address: SocketAddr,
}

impl Reserved {
    pub(super) fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4().context("making a socket")?;
        socket
            .set_reuseaddr(true)
            .and_then(|()| socket.bind(address))
            .with_context(|| format!("cannot listen on {address}"))?;
        let address = socket.local_addr().context("asking for the free port")?;
        Ok(Self { _socket: socket, address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_listener_is_refused() {
        let mut ports = Ports::new([("web-server-1".to_owned(), 8000), ("wob".to_owned(), 1)]);
        assert_eq!(ports.address("web-server-1").port(), 8000);
        assert_eq!(ports.address("gateway").port(), 0);
        let error = ports.check().unwrap_err().to_string();
        assert_eq!(error, "--port wob: there is no such listener; there are gateway, web-server-1");
    }

    #[tokio::test]
    async fn a_server_may_listen_where_it_was_reserved() {
        let reserved = Reserved::new("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = tokio::net::TcpListener::bind(reserved.address).await.unwrap();
        assert_eq!(listener.local_addr().unwrap(), reserved.address);
        assert!(Reserved::new(reserved.address).is_err(), "somebody listens there");
    }
}
