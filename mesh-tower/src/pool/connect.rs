//! How a connection is opened: the one seam between the stack and the network.
//!
//! The production connector dials TCP and Unix sockets; the test kit injects one that opens pipes
//! in memory, so that the same pools run in virtual time.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use mesh_core::circuit::Keepalive;
use mesh_core::endpoint::Address;
use tokio::net::{TcpStream, UnixStream};

use super::Stream;

/// The future of a [`Connect`].
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

/// Opens byte streams to endpoints.
///
/// # Cancellation
/// Dropping the future abandons the attempt.
pub trait Connect: fmt::Debug + Send + Sync + 'static {
    /// Opens a stream to `address`. The caller bounds the time.
    fn connect(&self, address: &Address, keepalive: Option<&Keepalive>) -> Connecting;
}

/// Dials TCP and Unix sockets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SocketConnector;

impl Connect for SocketConnector {
    fn connect(&self, address: &Address, keepalive: Option<&Keepalive>) -> Connecting {
        let keepalive = keepalive.cloned();
        match address.clone() {
            Address::Socket(address) => Box::pin(async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                if let Some(keepalive) = keepalive {
                    apply(&stream, &keepalive)?;
                }
                Ok(stream.into())
            }),
            Address::Unix(path) => {
                Box::pin(async move { Ok(UnixStream::connect(path.as_ref()).await?.into()) })
            }
        }
    }
}

fn apply(stream: &TcpStream, keepalive: &Keepalive) -> io::Result<()> {
    let mut options = socket2::TcpKeepalive::new();
    if let Some(time) = keepalive.time {
        options = options.with_time(time.max(Duration::from_secs(1)));
    }
    if let Some(interval) = keepalive.interval {
        options = options.with_interval(interval.max(Duration::from_secs(1)));
    }
    if let Some(probes) = keepalive.probes {
        options = options.with_retries(probes);
    }
    socket2::SockRef::from(stream).set_tcp_keepalive(&options)
}
