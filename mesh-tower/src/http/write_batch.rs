//! All that a connection writes in one turn of its task, written at once.
//!
//! HTTP/2 multiplexes: one turn may answer a dozen streams. The `h2` crate hands each larger DATA frame to the
//! socket by itself, and a system call costs more than all else that a proxy does for a small response. So the
//! connection writes into memory here, and whoever polls it lets that go, once, when the turn is over:
//!
//! ```text
//! task's turn ─▶ connection ─▶ Gathered: frame, frame, frame ─┐
//!       └──────▶ Outlet::poll_flush ◀─────────────────────────┘─▶ one write
//! ```
//!
//! Large frames are not copied: what waits goes first, then they go directly. What a slow peer does not take is
//! bounded; beyond that the connection has to wait, as it would for the socket.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// From this size on a write is passed on as it is: a copy would cost more than a call.
const DIRECT: usize = 16 * 1024;
/// Most bytes that wait for the end of a turn.
const LIMIT: usize = 64 * 1024;

thread_local! {
    /// The buffer that the next connection of this thread uses: idle ones hold none.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Wraps a stream: what is written to the first part leaves when the second is flushed.
pub fn gather<S>(stream: S) -> (Gathered<S>, Outlet<S>) {
    let inner = Inner { stream, out: Vec::new(), gone: 0, unflushed: false, reads: 0 };
    let inner = Arc::new(Mutex::new(inner));
    (Gathered(inner.clone()), Outlet(inner))
}

/// The stream as the connection reads and writes it.
///
/// Reads are passed on. Flushing does nothing: that is the [`Outlet`]'s. Shutting down flushes first.
pub struct Gathered<S>(Arc<Mutex<Inner<S>>>);

/// Lets out what the connection has written; to be flushed after each poll of the connection, in the same task.
pub struct Outlet<S>(Arc<Mutex<Inner<S>>>);

struct Inner<S> {
    stream: S,
    /// What was written; a buffer of the thread's while there is anything.
    out: Vec<u8>,
    /// How much of it the stream has taken.
    gone: usize,
    /// Whether the stream was written to since it was flushed.
    unflushed: bool,
    reads: u64,
}

impl<S: AsyncWrite + Unpin> Outlet<S> {
    /// Writes all that was gathered; `Pending` once the stream takes no more for now.
    ///
    /// # Errors
    /// If the stream fails.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = lock(&self.0);
        ready!(inner.poll_drain(cx))?;
        if inner.unflushed {
            ready!(Pin::new(&mut inner.stream).poll_flush(cx))?;
            inner.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// How often something was read, the end of the stream included.
    #[must_use]
    pub fn reads(&self) -> u64 {
        lock(&self.0).reads
    }
}

impl<S: AsyncWrite + Unpin> Inner<S> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.out.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.unflushed = true;
        while self.gone < self.out.len() {
            let taken = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.out[self.gone..]))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.gone += taken;
        }
        self.gone = 0;
        let mut spare = std::mem::take(&mut self.out);
        spare.clear();
        SPARE.set(spare);
        Poll::Ready(Ok(()))
    }

    /// Makes room for that much to be copied; `false` if it is to be written directly, and may be now.
    fn poll_room(&mut self, cx: &mut Context<'_>, length: usize) -> Poll<io::Result<bool>> {
        let copied = length < DIRECT;
        if !copied || self.out.len() + length > LIMIT {
            ready!(self.poll_drain(cx))?;
        }
        if !copied {
            self.unflushed = true;
        } else if self.out.capacity() == 0 {
            self.out = SPARE.take();
        }
        Poll::Ready(Ok(copied))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut inner = lock(&self.0);
        let result = ready!(Pin::new(&mut inner.stream).poll_read(cx, buf));
        inner.reads += 1;
        Poll::Ready(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut inner = lock(&self.0);
        if ready!(inner.poll_room(cx, buf.len()))? {
            inner.out.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut inner.stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = lock(&self.0);
        ready!(inner.poll_drain(cx))?;
        Pin::new(&mut inner.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut inner = lock(&self.0);
        let length = bufs.iter().map(|buf| buf.len()).sum();
        if ready!(inner.poll_room(cx, length))? {
            for buf in bufs {
                inner.out.extend_from_slice(buf);
            }
            return Poll::Ready(Ok(length));
        }
        Pin::new(&mut inner.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        lock(&self.0).stream.is_write_vectored()
    }
}

impl<S> fmt::Debug for Gathered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gathered")
    }
}

impl<S> fmt::Debug for Outlet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outlet")
    }
}

/// Both parts are used by one task in turns: nobody ever waits here.
fn lock<S>(inner: &Mutex<Inner<S>>) -> MutexGuard<'_, Inner<S>> {
    inner.lock().expect("no panic while bytes are gathered")
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn writes_of_a_turn_leave_at_once_when_it_ends() {
        let (stream, mut peer) = tokio::io::duplex(1 << 20);
        let (mut gathered, outlet) = gather(stream);
        gathered.write_all(b"one ").await.unwrap();
        gathered.write_all(b"two").await.unwrap();
        gathered.flush().await.unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let mut bytes = [0; 16];
        let mut buf = ReadBuf::new(&mut bytes);
        assert!(Pin::new(&mut peer).poll_read(&mut cx, &mut buf).is_pending());
        assert!(outlet.poll_flush(&mut cx).is_ready());
        assert!(Pin::new(&mut peer).poll_read(&mut cx, &mut buf).is_ready());
        assert_eq!(buf.filled(), b"one two");
    }

    #[tokio::test]
    async fn order_is_kept_between_small_and_large_writes_and_a_slow_peer() {
        let (stream, mut peer) = tokio::io::duplex(1000);
        let (mut gathered, outlet) = gather(stream);
        let mut expected = Vec::new();
        let sizes =
            [10, 300, DIRECT, 5, LIMIT, 7, DIRECT - 1, DIRECT - 1, DIRECT - 1, DIRECT - 1, DIRECT - 1, 1];
        let chunks: Vec<Vec<u8>> = (0_u8..).zip(sizes).map(|(byte, size)| vec![byte; size]).collect();
        for chunk in &chunks {
            expected.extend_from_slice(chunk);
        }
        let write = async move {
            for chunk in chunks {
                gathered.write_all(&chunk).await.unwrap();
            }
            gathered.shutdown().await.unwrap();
        };
        let mut read = Vec::new();
        let (_, count) = tokio::join!(write, peer.read_to_end(&mut read));
        count.unwrap();
        assert!(read == expected);
        std::future::poll_fn(|cx| outlet.poll_flush(cx)).await.unwrap();
    }

    #[test]
    fn a_peer_that_takes_nothing_stops_the_writer() {
        let (stream, _peer) = tokio::io::duplex(1);
        let (mut gathered, outlet) = gather(stream);
        let mut cx = Context::from_waker(Waker::noop());
        let chunk = [0; 1000];
        let mut taken = 0;
        while Pin::new(&mut gathered).poll_write(&mut cx, &chunk).is_ready() {
            taken += chunk.len();
        }
        assert!(taken <= LIMIT);
        assert!(outlet.poll_flush(&mut cx).is_pending());
    }
}
