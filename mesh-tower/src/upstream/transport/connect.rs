//! How a connection is opened: the one seam between the stack and the network.
//!
//! The production connector dials TCP and Unix sockets; the test kit injects one that opens pipes
//! in memory, so that the same pools run in virtual time.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, RwLock};
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
///
/// Clones share the addresses that are refused.
#[derive(Clone, Debug, Default)]
pub struct SocketConnector {
    refused: Arc<RwLock<Vec<SocketAddr>>>,
}

impl SocketConnector {
    /// Never dials these addresses: a proxy's own listeners for its application's calls, which would take the call
    /// again, and again (OP-7). An unspecified address stands for all addresses of this machine.
    ///
    /// # Panics
    /// If another thread panicked while replacing them.
    pub fn refuse(&self, addresses: Vec<SocketAddr>) {
        *self.refused.write().expect("no panic while addresses are replaced") = addresses;
    }

    fn refuses(&self, target: SocketAddr) -> bool {
        let refused = self.refused.read().expect("no panic while addresses are replaced");
        refused.iter().any(|own| own.port() == target.port() && covers(own.ip(), target.ip()))
    }
}

/// Whether a listener on `own` takes connections to `target`.
fn covers(own: IpAddr, target: IpAddr) -> bool {
    own == target
        || (target.is_unspecified() && (own.is_unspecified() || own.is_loopback()))
        // Only an address of this machine can be bound.
        || (own.is_unspecified() && UdpSocket::bind((target, 0)).is_ok())
}

impl Connect for SocketConnector {
    fn connect(&self, address: &Address, keepalive: Option<&Keepalive>) -> Connecting {
        let keepalive = keepalive.cloned();
        match address.clone() {
            Address::Socket(address) if self.refuses(address) => Box::pin(async move {
                Err(io::Error::other(format!("{address} is this proxy's own listener: the call would loop")))
            }),
            Address::Socket(address) => {
                Box::pin(async move { Ok(dial(address, keepalive.as_ref()).await?.into()) })
            }
            Address::Unix(path) => {
                Box::pin(async move { Ok(UnixStream::connect(path.as_ref()).await?.into()) })
            }
        }
    }
}

async fn dial(address: SocketAddr, keepalive: Option<&Keepalive>) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    if let Some(keepalive) = keepalive {
        apply(&stream, keepalive)?;
    }
    Ok(stream)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn op_7_a_listener_of_our_own_is_not_dialled() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connector = SocketConnector::default();
        let dial = |to: SocketAddr| connector.connect(&Address::Socket(to), None);
        dial(address).await.unwrap();
        for own in ["127.0.0.1", "0.0.0.0"] {
            connector.refuse(vec![SocketAddr::new(own.parse().unwrap(), address.port())]);
            assert!(dial(address).await.unwrap_err().to_string().contains("loop"), "{own}");
            let unspecified = SocketAddr::new("0.0.0.0".parse().unwrap(), address.port());
            assert!(dial(unspecified).await.unwrap_err().to_string().contains("loop"), "{own}");
        }
        connector.refuse(vec![SocketAddr::new("127.0.0.2".parse().unwrap(), address.port())]);
        dial(address).await.unwrap();
    }

    /// The socket has each value that is written; for the others the system's defaults stay.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn cb_2_a_socket_is_kept_alive_as_it_is_written() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let told = async |keepalive: Option<Keepalive>| {
            let stream = dial(address, keepalive.as_ref()).await.unwrap();
            let socket = socket2::SockRef::from(&stream);
            let times = (socket.tcp_keepalive_time().unwrap(), socket.tcp_keepalive_interval().unwrap());
            (
                socket.keepalive().unwrap(),
                times.0.as_secs(),
                times.1.as_secs(),
                socket.tcp_keepalive_retries().unwrap(),
            )
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let (kept, time, interval, probes) = told(None).await;
        assert!(!kept);
        let all = Keepalive { probes: Some(3), time: seconds(60), interval: seconds(11) };
        assert_eq!(told(Some(all)).await, (true, 60, 11, 3));
        let only = |time, interval, probes| told(Some(Keepalive { probes, time, interval }));
        assert_eq!(only(seconds(61), None, None).await, (true, 61, interval, probes));
        assert_eq!(only(None, seconds(12), None).await, (true, time, 12, probes));
        assert_eq!(only(None, None, Some(4)).await, (true, time, interval, 4));
        assert_eq!(
            only(None, None, None).await,
            (true, time, interval, probes),
            "an empty block asks for it"
        );
    }
}
