//! A byte stream with a tap, which sees the bytes that are read and counts those that are written.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Sees a stream's bytes, and may fail its reads and writes.
pub trait Tap: Unpin {
    /// Called before each read and write.
    ///
    /// # Errors
    /// An error becomes the result of the read or the write, which does not happen.
    fn before(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Called after a read with its bytes; at the end of the stream there are none.
    ///
    /// # Errors
    /// An error becomes the result of the read; its bytes then do not count as read.
    fn has_read(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Called after a read that failed.
    fn has_failed(&mut self) {}

    /// Called before each write; calls [`before`](Self::before) by default.
    ///
    /// # Errors
    /// An error becomes the result of the write, which does not happen.
    fn before_write(&mut self) -> io::Result<()> {
        self.before()
    }

    /// Called after a write with the number of bytes written.
    fn has_written(&mut self, bytes: usize);
}

/// A stream and its tap.
pub struct Tapped<S, T> {
    pub(crate) stream: S,
    pub(crate) tap: T,
}

impl<S, T> Tapped<S, T> {
    /// Puts `tap` on `stream`.
    pub const fn over(stream: S, tap: T) -> Self {
        Self { stream, tap }
    }
}

impl<S, T: Tap> Tapped<S, T> {
    fn write(&mut self, write: impl FnOnce(&mut S) -> Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.tap.before_write()?;
        let written = write(&mut self.stream);
        if let Poll::Ready(Ok(bytes)) = written {
            self.tap.has_written(bytes);
        }
        written
    }
}

impl<S: AsyncRead + Unpin, T: Tap> AsyncRead for Tapped<S, T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.tap.before()?;
        let before = buf.filled().len();
        if let Err(error) = ready!(Pin::new(&mut this.stream).poll_read(cx, buf)) {
            this.tap.has_failed();
            return Poll::Ready(Err(error));
        }
        if before == buf.capacity() {
            // The buffer had no room: this read of no bytes is not the end of the stream.
            return Poll::Ready(Ok(()));
        }
        let seen = this.tap.has_read(&buf.filled()[before..]);
        if seen.is_err() {
            // The bytes of a failed read do not count as read.
            buf.set_filled(before);
        }
        Poll::Ready(seen)
    }
}

impl<S: AsyncWrite + Unpin, T: Tap> AsyncWrite for Tapped<S, T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write(|stream| Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(|stream| Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl<S, T: fmt::Debug> fmt::Debug for Tapped<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tapped").field("tap", &self.tap).finish_non_exhaustive()
    }
}
