//! The events at the scripted upstreams, in order, each with its (virtual) time.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, Uri, Version};
use tokio::time::Instant;

use super::Fault;

/// The most bytes of a request body that are kept; the rest is counted and hashed.
const KEPT: usize = 16 * 1024;

/// An event at an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Time since the test began.
    pub at: Duration,
    /// The address of the upstream.
    pub upstream: SocketAddr,
    /// The kind of the event.
    pub kind: EventKind,
}

/// The kinds of [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A connection was accepted.
    Connected,
    /// A connection ended; either side may have closed it.
    Closed,
    /// A request's head arrived, with the number of its attempt.
    Arrived {
        /// The method.
        method: Method,
        /// Path and query.
        path: String,
        /// `x-envoy-attempt-count`; 1 if the request has none.
        attempt: u32,
    },
    /// A scripted fault was applied.
    Fired(Fault),
    /// Response headers were handed to the connection.
    Answered(StatusCode),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:10.3}s {} ", self.at.as_secs_f64(), self.upstream)?;
        match &self.kind {
            EventKind::Connected => f.write_str("connected"),
            EventKind::Closed => f.write_str("closed"),
            EventKind::Arrived { method, path, attempt } => write!(f, "{method} {path} (attempt {attempt})"),
            EventKind::Fired(fault) => write!(f, "fault {fault:?}"),
            EventKind::Answered(status) => write!(f, "answered {}", status.as_u16()),
        }
    }
}

/// A request as an upstream received it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Arrival {
    /// The arrival of its head, as time since the test began.
    pub at: Duration,
    /// The number of its connection at this upstream, from 1.
    pub connection: u64,
    /// The method.
    pub method: Method,
    /// The target as received.
    pub uri: Uri,
    /// HTTP/1.1 or HTTP/2.
    pub version: Version,
    /// The headers as received.
    pub headers: HeaderMap,
    /// The body as far as it has been received.
    pub body: Received,
}

impl Arrival {
    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
    }

    /// The number of this attempt, as `x-envoy-attempt-count` states it.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        attempt(&self.headers)
    }

    /// The header's value as text; empty if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// `:authority`, or the `Host` header.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.uri.authority().map_or_else(|| self.header("host"), http::uri::Authority::as_str)
    }
}

/// A request body as far as it has been received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The number of bytes.
    pub length: u64,
    /// FNV-1a of all bytes; equal bodies have equal hashes, whatever their frames were.
    pub hash: u64,
    /// The first bytes, at most 16 KiB.
    pub start: Vec<u8>,
    /// Trailers.
    pub trailers: Option<HeaderMap>,
    /// Whether its end was received.
    pub complete: bool,
}

impl Received {
    /// The hash that a body of these bytes has.
    #[must_use]
    pub fn hash_of(bytes: &[u8]) -> u64 {
        let mut body = Self::default();
        body.add(bytes);
        body.hash
    }

    /// The first bytes, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.start).into_owned()
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let room = KEPT.saturating_sub(self.start.len()).min(bytes.len());
        self.start.extend_from_slice(&bytes[..room]);
    }
}

impl Default for Received {
    fn default() -> Self {
        Self { length: 0, hash: 0xcbf2_9ce4_8422_2325, start: Vec::new(), trailers: None, complete: false }
    }
}

/// The events of a network; clones are the same log.
#[derive(Clone, Debug)]
pub(super) struct Log {
    start: Instant,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), events: Arc::default() }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn note(&self, upstream: SocketAddr, kind: EventKind) {
        let event = Event { at: self.elapsed(), upstream, kind };
        self.events.lock().expect("no panic while an event is noted").push(event);
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.events.lock().expect("no panic while events are read").clone()
    }
}

pub(super) fn attempt(headers: &HeaderMap) -> u32 {
    headers
        .get("x-envoy-attempt-count")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok())
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_does_not_depend_on_the_cut() {
        let mut whole = Received::default();
        whole.add(b"hello world");
        let mut parts = Received::default();
        parts.add(b"hello");
        parts.add(b" world");
        assert_eq!(whole, parts);
        assert_eq!(whole.hash, Received::hash_of(b"hello world"));
    }
}
