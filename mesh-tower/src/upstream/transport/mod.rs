//! Byte streams to endpoints: opened, secured, and counted as they are written.

#[cfg(not(feature = "tls"))]
mod absent;
mod connect;
mod dial;
mod stream;
#[cfg(feature = "tls")]
mod tls;

#[cfg(not(feature = "tls"))]
pub(crate) use absent::ClientTls;
pub use connect::{Connect, Connecting, SocketConnector};
pub(crate) use dial::{DialError, Refused};
pub use stream::Stream;
pub(crate) use stream::{Counted, Written};
#[cfg(feature = "tls")]
pub(crate) use tls::ClientTls;

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}
