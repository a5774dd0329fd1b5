//! Batches all writes of one turn of a connection's task into one write.
//!
//! HTTP/2 multiplexes: one turn may answer a dozen streams. The `h2` crate writes each larger DATA frame to the socket by
//! itself, and one system call costs more than all other work of a proxy for a small response. So the connection writes
//! into memory here, and its task flushes that memory once, at the end of the turn:
//!
//! ```text
//! task's turn ─▶ connection ─▶ WriteBatch: frame, frame, frame ─┐
//!       └──────▶ Flusher::poll_flush ◀──────────────────────────┘─▶ one write
//! ```
//!
//! Large frames are not copied: the batch is written first, then the frame directly. A batch is bounded: when a slow peer
//! leaves it full, the connection waits, as it would for the socket.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Writes of at least this size go directly to the stream: a copy would cost more than a call.
const DIRECT: usize = 16 * 1024;
/// The most bytes that wait for the end of a turn.
const LIMIT: usize = 64 * 1024;

thread_local! {
    /// The buffer for the next connection of this thread: idle connections hold no buffer.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Wraps a stream: bytes that are written to the batch reach the stream when the flusher flushes.
pub fn batch_writes<S>(stream: S) -> (WriteBatch<S>, Flusher<S>) {
    let inner = Inner { stream, out: Vec::new(), gone: 0, unflushed: false, reads: 0 };
    let inner = Arc::new(Mutex::new(inner));
    (WriteBatch(inner.clone()), Flusher(inner))
}

/// The stream as the connection reads and writes it.
///
/// Reads go to the stream. A flush does nothing: the [`Flusher`] flushes. A shutdown flushes first.
pub struct WriteBatch<S>(Arc<Mutex<Inner<S>>>);

/// Writes the batch to the stream; flush it after each poll of the connection, in the same task.
pub struct Flusher<S>(Arc<Mutex<Inner<S>>>);

struct Inner<S> {
    stream: S,
    /// The batch; a buffer of the thread's while it is not empty.
    out: Vec<u8>,
    /// The number of its bytes that the stream has taken.
    gone: usize,
    /// Whether the stream has had a write since its last flush.
    unflushed: bool,
    reads: u64,
}

impl<S: AsyncWrite + Unpin> Flusher<S> {
    /// Writes the whole batch; `Pending` while the stream takes no more bytes.
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

    /// The number of completed reads, the end of the stream included.
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

    /// Makes room to copy `length` bytes; `false` if the write goes directly to the stream, which is possible now.
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

impl<S: AsyncRead + Unpin> AsyncRead for WriteBatch<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut inner = lock(&self.0);
        let result = ready!(Pin::new(&mut inner.stream).poll_read(cx, buf));
        inner.reads += 1;
        Poll::Ready(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteBatch<S> {
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

impl<S> fmt::Debug for WriteBatch<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriteBatch")
    }
}

impl<S> fmt::Debug for Flusher<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flusher")
    }
}

/// One task uses both parts in turns: this lock never waits.
fn lock<S>(inner: &Mutex<Inner<S>>) -> MutexGuard<'_, Inner<S>> {
    inner.lock().expect("no panic while bytes are batched")
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn writes_of_a_turn_leave_at_once_when_it_ends() {
        let (stream, mut peer) = tokio::io::duplex(1 << 20);
        let (mut batch, flusher) = batch_writes(stream);
        batch.write_all(b"one ").await.unwrap();
        batch.write_all(b"two").await.unwrap();
        batch.flush().await.unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let mut bytes = [0; 16];
        let mut buf = ReadBuf::new(&mut bytes);
        assert!(Pin::new(&mut peer).poll_read(&mut cx, &mut buf).is_pending());
        assert!(flusher.poll_flush(&mut cx).is_ready());
        assert!(Pin::new(&mut peer).poll_read(&mut cx, &mut buf).is_ready());
        assert_eq!(buf.filled(), b"one two");
    }

    #[tokio::test]
    async fn order_is_kept_between_small_and_large_writes_and_a_slow_peer() {
        let (stream, mut peer) = tokio::io::duplex(1000);
        let (mut batch, flusher) = batch_writes(stream);
        let mut expected = Vec::new();
        let sizes =
            [10, 300, DIRECT, 5, LIMIT, 7, DIRECT - 1, DIRECT - 1, DIRECT - 1, DIRECT - 1, DIRECT - 1, 1];
        let chunks: Vec<Vec<u8>> = (0_u8..).zip(sizes).map(|(byte, size)| vec![byte; size]).collect();
        for chunk in &chunks {
            expected.extend_from_slice(chunk);
        }
        let write = async move {
            for chunk in chunks {
                batch.write_all(&chunk).await.unwrap();
            }
            batch.shutdown().await.unwrap();
        };
        let mut read = Vec::new();
        let (_, count) = tokio::join!(write, peer.read_to_end(&mut read));
        count.unwrap();
        assert!(read == expected);
        std::future::poll_fn(|cx| flusher.poll_flush(cx)).await.unwrap();
    }

    #[test]
    fn a_peer_that_takes_nothing_stops_the_writer() {
        let (stream, _peer) = tokio::io::duplex(1);
        let (mut batch, flusher) = batch_writes(stream);
        let mut cx = Context::from_waker(Waker::noop());
        let chunk = [0; 1000];
        let mut taken = 0;
        while Pin::new(&mut batch).poll_write(&mut cx, &chunk).is_ready() {
            taken += chunk.len();
        }
        assert!(taken <= LIMIT);
        assert!(flusher.poll_flush(&mut cx).is_pending());
    }
}
