//! Counts the HTTP/2 frames that a connection reads, and ends a connection that floods.
//!
//! [`FrameGuard`] decides which frames count and how many are too many. This stream ends the connection and counts the
//! end in the metrics. The connection ends without GOAWAY: `h2`, which would send it, does not know of the flood.
//!
//! A read costs one step for each frame in it: some twenty instructions, beside the thousands that `h2` spends on the
//! frame. Only PING, SETTINGS and GOAWAY read the clock.

use std::fmt;
use std::io;

use mesh_core::headers::FieldLimit;
use mesh_core::http2::{Flood, FrameGuard};
use metrics::counter;

use crate::clock::now;
use crate::http::names;
use crate::tap::{Tap, Tapped};

/// The kind of the error with which a flood ends a connection: `h2` keeps the kind, and no other error of a stream has it.
pub(crate) const FLOODED: io::ErrorKind = io::ErrorKind::QuotaExceeded;

/// A callback that gets the number of the header block that has begun and not ended; 0 if there is none. It is called
/// first for the preface of the connection, then for each read that changes the number.
pub type OnUnfinished = Box<dyn Fn(u64) + Send + Sync>;

/// A stream that fails once its peer has sent too many frames that cost the peer nothing.
pub type GuardedStream<S> = Tapped<S, FrameTap>;

/// The tap that counts a connection's frames.
pub struct FrameTap {
    guard: FrameGuard,
    sent: u64,
    /// The number that the callback got last.
    unfinished: u64,
    on_unfinished: Option<OnUnfinished>,
}

impl<S> GuardedStream<S> {
    /// Wraps the stream of a client, which sends the preface first.
    pub fn client(stream: S, limit: FieldLimit, on_unfinished: OnUnfinished) -> Self {
        let guard = FrameGuard::of_client(limit.max_block());
        let unfinished = guard.unfinished();
        on_unfinished(unfinished);
        Self { stream, tap: FrameTap { guard, sent: 0, unfinished, on_unfinished: Some(on_unfinished) } }
    }

    /// Wraps the stream of a server.
    pub(crate) fn server(stream: S, limit: FieldLimit) -> Self {
        let guard = FrameGuard::of_server(limit.max_block());
        Self { stream, tap: FrameTap { guard, sent: 0, unfinished: 0, on_unfinished: None } }
    }
}

impl Tap for FrameTap {
    fn has_read(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.guard.read(bytes, self.sent, now).map_err(|flood| {
            count(flood);
            io::Error::new(FLOODED, flood)
        })?;
        if let Some(report) = &self.on_unfinished {
            let unfinished = self.guard.unfinished();
            if unfinished != self.unfinished {
                self.unfinished = unfinished;
                report(unfinished);
            }
        }
        Ok(())
    }

    fn has_written(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }
}

/// Counts the close of a connection for this reason.
fn count(flood: Flood) {
    counter!(match flood {
        Flood::Control => names::HTTP2_CONTROL_FLOOD,
        Flood::Priority => names::HTTP2_PRIORITY_FLOOD,
        Flood::WindowUpdate => names::HTTP2_WINDOW_UPDATE_FLOOD,
        Flood::HeaderBlock => names::HTTP2_HEADER_OVERFLOW,
    })
    .increment(1);
}

impl fmt::Debug for FrameTap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameTap").field("guard", &self.guard).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const HEADERS: [u8; 9] = [0, 0, 1, 1, 0, 0, 0, 0, 1];
    const CONTINUATION: [u8; 9] = [0, 0, 0, 9, 4, 0, 0, 0, 1];

    #[tokio::test]
    async fn a_head_that_is_not_whole_is_told_and_so_is_its_end() {
        let (stream, mut peer) = tokio::io::duplex(1 << 10);
        let reported = std::sync::Arc::new(Mutex::new(Vec::new()));
        let list = reported.clone();
        let report = Box::new(move |number| list.lock().unwrap().push(number));
        let mut stream = GuardedStream::client(stream, FieldLimit::default(), report);
        let mut buffer = [0; 64];
        for part in [&b"PRI * HTTP/2.0\r\n"[..], b"\r\nSM\r\n\r\n", &HEADERS, b"x", &CONTINUATION, &HEADERS] {
            peer.write_all(part).await.unwrap();
            let count = stream.read(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..count], part);
        }
        assert_eq!(*reported.lock().unwrap(), [1, 0, 2, 0, 3]);
    }

    #[tokio::test]
    async fn a_flood_ends_the_stream() {
        let (stream, mut peer) = tokio::io::duplex(1 << 20);
        let mut stream = GuardedStream::server(stream, FieldLimit::default());
        peer.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0].repeat(2_000)).await.unwrap();
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.to_string(), "a flood of control frames");
    }
}
