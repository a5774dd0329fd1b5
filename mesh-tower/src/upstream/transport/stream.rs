//! A byte stream to an endpoint, with a count of what was written.
//!
//! The count answers the one question that decides whether a request may be sent again: did any
//! byte of it leave this process? (RT-9 `reset-before-request`, RT-19.)

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::tap::{Tap, Tapped};

/// A byte stream that a [`Connect`](super::Connect) has opened.
pub struct Stream(Kind);

enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
    Other(Box<dyn Duplex>),
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Stream {
    /// Wraps any byte stream: TLS, or a pipe in memory.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Kind::Other(Box::new(stream)))
    }

    /// The local address, of a TCP stream.
    #[must_use]
    pub fn local_addr(&self) -> Option<std::net::SocketAddr> {
        match &self.0 {
            Kind::Tcp(stream) => stream.local_addr().ok(),
            Kind::Unix(_) | Kind::Other(_) => None,
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self(Kind::Tcp(stream))
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self(Kind::Unix(stream))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Tcp(_) => "Stream(Tcp)",
            Kind::Unix(_) => "Stream(Unix)",
            Kind::Other(_) => "Stream(Other)",
        })
    }
}

macro_rules! each {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.get_mut().0 {
            Kind::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Kind::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Kind::Other(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Kind::Tcp(stream) => stream.is_write_vectored(),
            Kind::Unix(stream) => stream.is_write_vectored(),
            Kind::Other(stream) => stream.is_write_vectored(),
        }
    }
}

/// How many bytes a connection has accepted for writing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Arc<AtomicU64>);

impl Written {
    pub(crate) fn bytes(&self) -> u64 {
        // Relaxed: read after the connection's error was received, over a channel or under a lock, which orders it.
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream that counts.
pub(crate) type Counted = Tapped<Stream, Count>;

/// How many bytes were written to a connection, and whether more may be.
#[derive(Debug, Default)]
pub(crate) struct Count {
    written: Written,
    /// Whether the end of reading ends writing too.
    whole: bool,
    ended: bool,
}

impl Counted {
    /// The stream and its count.
    pub(crate) fn new(stream: Stream) -> (Self, Written) {
        let tap = Count::default();
        let written = tap.written.clone();
        (Self { stream, tap }, written)
    }

    /// Nothing is written once reading has ended: bytes that are not written when the end of reading is seen never will
    /// be.
    pub(crate) fn whole(mut self) -> Self {
        self.tap.whole = true;
        self
    }
}

impl Tap for Count {
    fn has_read(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.ended |= bytes.is_empty();
        Ok(())
    }

    fn has_failed(&mut self) {
        self.ended = true;
    }

    fn before_write(&mut self) -> io::Result<()> {
        if self.ended && self.whole { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn has_written(&mut self, bytes: usize) {
        self.written.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// The peer has ended its half, and would read on.
    #[tokio::test]
    async fn rt_19_who_learns_of_the_end_knows_what_was_written() {
        for (whole, reaches) in [(true, "before"), (false, "before after")] {
            let (ours, mut peer) = tokio::io::duplex(64);
            let (counted, written) = Counted::new(Stream::new(ours));
            let mut counted = if whole { counted.whole() } else { counted };
            counted.write_all(b"before").await.unwrap();
            peer.shutdown().await.unwrap();
            assert_eq!(counted.read(&mut [0; 8]).await.unwrap(), 0);
            assert_eq!(counted.write_all(b" after").await.is_err(), whole);
            assert_eq!(written.bytes(), reaches.len() as u64);
            drop(counted);
            let mut read = String::new();
            peer.read_to_string(&mut read).await.unwrap();
            assert_eq!(read, reaches);
        }
    }
}
