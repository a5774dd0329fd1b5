//! The caller's end of a connection in memory, which can be reset like a socket.
//!
//! tokio's pipe can only end. After a reset, a socket's reads and writes fail instead, and a client may act differently.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::DuplexStream;

use crate::tap::{Tap, Tapped};

/// The capacity of the pipe: like a socket's buffer, so that a slow reader stops the writer.
const SIZE: usize = 64 * 1024;

/// The caller's end.
pub type Pipe = Tapped<DuplexStream, Close>;

/// The way in which the server's end closes; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Close(Arc<AtomicBool>);

impl Close {
    /// Sets whether the close is a reset; call it before the server drops its end.
    pub fn set_reset(&self, reset: bool) {
        self.0.store(reset, Ordering::Relaxed);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl Pipe {
    /// A connection: the caller's end and the server's.
    #[must_use]
    pub fn new() -> (Self, DuplexStream) {
        let (stream, server) = tokio::io::duplex(SIZE);
        (Self { stream, tap: Close::default() }, server)
    }

    /// The way in which the server's end closes.
    #[must_use]
    pub fn close(&self) -> Close {
        self.tap.clone()
    }
}

impl Tap for Close {
    fn before(&mut self) -> io::Result<()> {
        // A reader that waits is woken by the close that follows.
        self.check()
    }

    fn has_read(&mut self, _: &[u8]) -> io::Result<()> {
        self.check()
    }

    fn has_written(&mut self, _: usize) {}
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
        pipe.close().set_reset(true);
        drop(server);
        for error in [pipe.read(&mut [0; 4]).await.unwrap_err(), pipe.write(b"x").await.unwrap_err()] {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
    }
}
