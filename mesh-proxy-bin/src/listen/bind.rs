//! Sockets for the workers: one each, on the same address.
//!
//! With `SO_REUSEPORT` the kernel spreads connections over the workers without a lock. But a socket bound
//! with it does not notice another program of the same user that did the same, and half of the connections
//! would go there. So the first socket binds **without** it, which fails if the address is taken; only then
//! the option is set on it, and the others join. The port is held throughout, so port 0 works too.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait for accept, for each socket.
const BACKLOG: i32 = 4096;

/// Sockets on one address, one for each worker.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) address: SocketAddr,
    pub(crate) list: Vec<TcpListener>,
}

/// Binds `address` once for each worker.
pub(crate) fn bind(address: SocketAddr, workers: NonZeroUsize) -> io::Result<Sockets> {
    let first = open(address)?;
    first.bind(&address.into())?;
    let address = first.local_addr()?.as_socket().unwrap_or(address);
    let mut list = Vec::with_capacity(workers.get());
    if workers.get() > 1 {
        first.set_reuse_port(true)?;
    }
    first.listen(BACKLOG)?;
    list.push(first.into());
    for _ in 1..workers.get() {
        let socket = open(address)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        list.push(socket.into());
    }
    Ok(Sockets { address, list })
}

fn open(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // An address that only has connections in TIME_WAIT is free; a listening one still is not.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Why a listener is not open.
#[derive(Debug, thiserror::Error)]
#[error("listener {listener}{origin}: {address}: {reason}")]
pub(crate) struct BindError {
    pub(crate) listener: String,
    /// ` (file:line:col …)`, or nothing.
    pub(crate) origin: String,
    pub(crate) address: SocketAddr,
    pub(crate) reason: String,
}

/// What the operating system's refusal means to the user.
pub(crate) fn explain(error: &io::Error, flag: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!("the address is in use; {flag} chooses another"),
        io::ErrorKind::PermissionDenied => format!("not permitted to bind it; {flag} chooses another"),
        io::ErrorKind::AddrNotAvailable => format!("no such address on this machine; {flag} chooses another"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "127.0.0.1:0";

    #[test]
    fn workers_share_one_free_port() {
        let workers = NonZeroUsize::new(3).unwrap();
        let sockets = bind(LOOPBACK.parse().unwrap(), workers).unwrap();
        assert_ne!(sockets.address.port(), 0);
        assert_eq!(sockets.list.len(), 3);
        for socket in &sockets.list {
            assert_eq!(socket.local_addr().unwrap(), sockets.address);
        }
    }

    #[test]
    fn op_1_a_taken_address_is_noticed_also_by_several_workers() {
        for count in 1..3 {
            let workers = NonZeroUsize::new(count).unwrap();
            let first = bind(LOOPBACK.parse().unwrap(), workers).unwrap();
            let error = bind(first.address, workers).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        }
    }
}
