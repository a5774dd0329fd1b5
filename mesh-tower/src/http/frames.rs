//! A connection's stream whose frames of HTTP/2 are counted as they are read.
//!
//! What is counted, and how much is too much, is [`FrameGuard`]'s; here a connection that sends too much is ended,
//! and that is counted in the metrics. It ends without a word: `h2`, which would say GOAWAY, does not
//! know.
//!
//! A read costs one step for each frame in it, some twenty instructions, beside the thousands that `h2` spends on
//! the frame. The clock is read for PING, SETTINGS and GOAWAY, and for those alone.

use std::fmt;
use std::io;

use mesh_core::headers::FieldLimit;
use mesh_core::http2::{Flood, FrameGuard};
use metrics::counter;

use crate::clock::now;
use crate::http::names;
use crate::tap::{Tap, Tapped};

/// The kind of error with which a flood ends a connection: `h2` keeps it, and no other error of a stream has it.
pub(crate) const FLOODED: io::ErrorKind = io::ErrorKind::QuotaExceeded;

/// Is called with the number of the fields that have begun and not ended, 0 for none: first for the preface of the
/// connection, then where a read changes it.
pub type OnUnfinished = Box<dyn Fn(u64) + Send + Sync>;

/// A stream that fails once its peer has sent too much of what costs it nothing.
pub type Watched<S> = Tapped<S, Guard>;

/// Counts a connection's frames.
pub struct Guard {
    guard: FrameGuard,
    sent: u64,
    /// What was told last.
    unfinished: u64,
    on_unfinished: Option<OnUnfinished>,
}

impl<S> Watched<S> {
    /// The peer is a client, which sends the preface first.
    pub fn client(stream: S, limit: FieldLimit, on_unfinished: OnUnfinished) -> Self {
        let guard = FrameGuard::of_client(limit.max_block());
        let unfinished = guard.unfinished();
        on_unfinished(unfinished);
        Self { stream, tap: Guard { guard, sent: 0, unfinished, on_unfinished: Some(on_unfinished) } }
    }

    /// The peer is a server.
    pub(crate) fn server(stream: S, limit: FieldLimit) -> Self {
        let guard = FrameGuard::of_server(limit.max_block());
        Self { stream, tap: Guard { guard, sent: 0, unfinished: 0, on_unfinished: None } }
    }
}

impl Tap for Guard {
    fn has_read(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.guard.read(bytes, self.sent, now).map_err(|flood| {
            count(flood);
            io::Error::new(FLOODED, flood)
        })?;
        if let Some(tell) = &self.on_unfinished {
            let unfinished = self.guard.unfinished();
            if unfinished != self.unfinished {
                self.unfinished = unfinished;
                tell(unfinished);
            }
        }
        Ok(())
    }

    fn has_written(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }
}

/// Counts a connection that is closed for this reason.
fn count(flood: Flood) {
    counter!(match flood {
        Flood::Control => names::HTTP2_CONTROL_FLOOD,
        Flood::Priority => names::HTTP2_PRIORITY_FLOOD,
        Flood::WindowUpdate => names::HTTP2_WINDOW_UPDATE_FLOOD,
        Flood::HeaderBlock => names::HTTP2_HEADER_OVERFLOW,
    })
    .increment(1);
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("guard", &self.guard).finish_non_exhaustive()
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
        let told = std::sync::Arc::new(Mutex::new(Vec::new()));
        let list = told.clone();
        let tell = Box::new(move |number| list.lock().unwrap().push(number));
        let mut watched = Watched::client(stream, FieldLimit::default(), tell);
        let mut buffer = [0; 64];
        for part in [&b"PRI * HTTP/2.0\r\n"[..], b"\r\nSM\r\n\r\n", &HEADERS, b"x", &CONTINUATION, &HEADERS] {
            peer.write_all(part).await.unwrap();
            let count = watched.read(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..count], part);
        }
        assert_eq!(*told.lock().unwrap(), [1, 0, 2, 0, 3]);
    }

    #[tokio::test]
    async fn a_flood_ends_the_stream() {
        let (stream, mut peer) = tokio::io::duplex(1 << 20);
        let mut watched = Watched::server(stream, FieldLimit::default());
        peer.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0].repeat(2_000)).await.unwrap();
        let error = watched.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.to_string(), "a flood of control frames");
    }
}
