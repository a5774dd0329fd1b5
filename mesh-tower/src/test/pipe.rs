//! The caller's end of a connection in memory, which can be reset like a socket.
//!
//! tokio's pipe only knows an end: after a reset, a socket's reads and writes fail, and a client may draw other
//! conclusions from that.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// How much it holds: like a socket's buffer, so that back-pressure is felt.
const SIZE: usize = 64 * 1024;

/// The caller's end.
#[derive(Debug)]
pub(super) struct Pipe {
    stream: DuplexStream,
    reset: Arc<AtomicBool>,
}

impl Pipe {
    /// A connection: the caller's end and the server's.
    pub(super) fn new() -> (Self, DuplexStream) {
        let (stream, server) = tokio::io::duplex(SIZE);
        (Self { stream, reset: Arc::default() }, server)
    }

    /// Set before the server drops its end, it makes a reset of the close.
    pub(super) fn reset(&self) -> Arc<AtomicBool> {
        self.reset.clone()
    }

    fn check(&self) -> io::Result<()> {
        if self.reset.load(Ordering::Relaxed) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever waits is woken by the close that follows.
        self.check()?;
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        Poll::Ready(self.check())
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_close_is_an_end_and_a_reset_an_error() {
        let (mut pipe, server) = Pipe::new();
        drop(server);
        assert_eq!(pipe.read(&mut [0; 4]).await.unwrap(), 0);

        let (mut pipe, server) = Pipe::new();
        pipe.reset().store(true, Ordering::Relaxed);
        drop(server);
        for error in [pipe.read(&mut [0; 4]).await.unwrap_err(), pipe.write(b"x").await.unwrap_err()] {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
    }
}
