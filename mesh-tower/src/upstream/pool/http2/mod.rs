//! HTTP/2 connections to endpoints, on the `h2` crate itself.
//!
//! Why not hyper's client here: it carries each request through a channel to a task of the connection, starts
//! another task to wait for the response, and sends that back through a second channel. A request that knows its
//! connection needs none of this; it opens its stream itself and waits for it:
//!
//! ```text
//! request ─▶ send: HEADERS and the part of the body at hand ─▶ response head ─▶ body, read from the stream
//!              └ the rest of a long upload: a task of its own, ended soon after the response's body
//! driver: one task for each connection; reads frames, writes the frames of all its streams at once
//! ```

mod connect;
mod driver;
mod received;
mod upload;

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use http::header::{CONTENT_LENGTH, TE};
use http::{HeaderMap, HeaderValue, Request, Response, request};
use mesh_core::headers::{FieldLimit, hop};
use mesh_core::outcome::Reset;
use mesh_core::telemetry::trace::{REQUEST_ID, TRACEPARENT};
use metrics::counter;
use tokio::sync::oneshot;

pub(super) use driver::open;
pub(crate) use received::Http2Body;

use super::connection::{Facts, expects_content};
use super::failure::Failure;
use crate::body::{Body, FieldsTooLarge};
use crate::http::failure::classify_h2;
use crate::http::names;
use crate::http::request_holder::RequestHolder;
use crate::upstream::transport::Written;
use upload::Upload;

/// An HTTP/2 connection, shared by its streams.
#[derive(Debug)]
pub(crate) struct Http2 {
    sender: SendRequest<Bytes>,
    written: Written,
    pub(super) facts: Facts,
    state: Arc<Shared>,
    /// Requests that it was lent to.
    pub(super) served: AtomicUsize,
    /// Refused by the peer (GOAWAY) or over its request limit: open streams finish, no new ones.
    pub(super) draining: AtomicBool,
    /// How many it had served when a sweep found no stream open, and since when that is so.
    still: Mutex<Option<(usize, Instant)>>,
    /// How large a response's head, and its trailers, may be.
    max_fields: FieldLimit,
}

/// What a connection's driver and the requests on it share.
#[derive(Debug, Default)]
struct Shared {
    streams: AtomicUsize,
    /// The peer's `SETTINGS_MAX_CONCURRENT_STREAMS`, as the driver last saw it.
    max_streams: AtomicUsize,
    closed: AtomicBool,
}

// Relaxed, all but the streams: each value is read alone, and a stale one costs a try that is refused. A
// request that waits for a stream must not miss the end of one: see `EndpointPool::checkout`.
impl Http2 {
    pub(super) fn has_room(&self, cap: usize) -> bool {
        !self.draining.load(Ordering::Relaxed)
            && !self.is_closed()
            && self.streams() < self.max_streams().min(cap)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.closed.load(Ordering::Relaxed)
    }

    pub(super) fn streams(&self) -> usize {
        self.state.streams.load(Ordering::SeqCst)
    }

    pub(super) fn max_streams(&self) -> usize {
        self.state.max_streams.load(Ordering::Relaxed)
    }

    /// Whether the peer takes an extended `CONNECT`.
    pub(super) fn takes_connect(&self) -> bool {
        self.sender.is_extended_connect_protocol_enabled()
    }

    /// Whether it has served nothing for that long, as far as sweeps have seen.
    pub(super) fn is_idle(&self, now: Instant, limit: Duration) -> bool {
        let mut still = self.still.lock().expect("no panic while a connection is looked at");
        if self.streams() > 0 {
            *still = None;
            return false;
        }
        let served = self.served.load(Ordering::Relaxed);
        match *still {
            Some((before, since)) if before == served => now.saturating_duration_since(since) >= limit,
            _ => {
                *still = Some((served, now));
                false
            }
        }
    }
}

/// A stream's place on a shared connection; `P` is what holds it.
#[derive(Debug)]
pub(crate) struct StreamPermit<P> {
    pub(super) connection: Arc<Http2>,
    /// Whether the connection was lent before.
    reused: bool,
    /// Of an upload that was under way when the response began: it takes over this place from a response that
    /// has ended. Where it does not get it, the upload ends.
    pub(super) upload: Option<oneshot::Sender<P>>,
}

impl<P: Send + 'static> StreamPermit<P> {
    pub(super) fn take(connection: &Arc<Http2>) -> Self {
        connection.state.streams.fetch_add(1, Ordering::Relaxed);
        let reused = connection.served.fetch_add(1, Ordering::Relaxed) > 0;
        Self { connection: connection.clone(), reused, upload: None }
    }

    /// The permit was lent, and no request used it.
    pub(super) fn unserved(&self) {
        self.connection.served.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) async fn send<R: RequestHolder>(
        &mut self,
        held: R,
    ) -> Result<Response<Http2Body>, Failure<R>> {
        let mut sender = self.connection.sender.clone();
        if let Err(error) = poll_fn(|cx| sender.poll_ready(cx)).await {
            return Err(self.unsent(error, held));
        }
        let (mut head, body) = held.release().into_parts();
        prepare(&mut head, &body);
        let ended = http_body::Body::is_end_stream(&body);
        let before = self.connection.written.bytes();
        let head = Request::from_parts(head, ());
        let (response, stream) =
            sender.send_request(head, ended).map_err(|error| self.failed(error, false))?;
        let upload = if ended { None } else { begin(Upload::new(body, stream)).await };
        let response = response.await.map_err(|error| self.unanswered(error, before))?;
        let response = self.checked(response)?;
        self.upload = upload;
        Ok(response.map_body(self.connection.max_fields))
    }

    /// Refuses a response whose head is over the limit. The limit of `h2` itself is far above, and yields no response.
    fn checked<R>(&self, response: Response<h2::RecvStream>) -> Result<Response<h2::RecvStream>, Failure<R>> {
        let limit = self.connection.max_fields;
        if limit.admits(response.headers()) {
            return Ok(response);
        }
        counter!(names::HTTP2_HEADER_OVERFLOW).increment(1);
        // Dropped here, the stream is reset.
        Err(Failure {
            reset: Reset::Protocol,
            written: true,
            reused: self.reused,
            drained: false,
            request: None,
            source: FieldsTooLarge { limit, reason: None }.into(),
        })
    }

    /// Nothing of it was sent: the request can go elsewhere as it is.
    fn unsent<R>(&self, error: h2::Error, held: R) -> Failure<R> {
        self.connection.draining.store(true, Ordering::Relaxed);
        Failure {
            reset: classify_h2(&error),
            written: false,
            reused: self.reused,
            drained: false,
            request: Some(held),
            source: error.into(),
        }
    }

    /// No response came; the connection had written `before` bytes when the request began.
    fn unanswered<R>(&self, error: h2::Error, before: u64) -> Failure<R> {
        // The bytes written on a shared connection may be of any stream: only if there were none since is it sure
        // that none of this request was. Only a failed connection is sure to write none of it later.
        let written = !error.is_io() || self.connection.written.bytes() != before;
        self.failed(error, written)
    }

    fn failed<R>(&self, error: h2::Error, written: bool) -> Failure<R> {
        if error.is_go_away() || error.is_io() {
            self.connection.draining.store(true, Ordering::Relaxed);
        }
        let reset = classify_h2(&error);
        let drained = error.is_go_away() && reset == Reset::RemoteRefused;
        Failure { reset, written, reused: self.reused, drained, request: None, source: error.into() }
    }
}

impl<P> Drop for StreamPermit<P> {
    fn drop(&mut self) {
        self.connection.state.streams.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Sends the part of the body that is at hand; if that is not all, a task sends the rest.
async fn begin<P: Send + 'static>(mut upload: Upload) -> Option<oneshot::Sender<P>> {
    let all = poll_fn(|cx| Poll::Ready(upload.poll(cx).is_ready())).await;
    if all {
        return None;
    }
    let (ended, response) = oneshot::channel();
    tokio::spawn(upload.run(response));
    Some(ended)
}

/// Makes a request's head one of HTTP/2 (RFC 9113 section 8.2.2).
fn prepare(head: &mut request::Parts, body: &Body) {
    let headers = &mut head.headers;
    hop::strip(headers, hop::Upgrade::None);
    if headers.get(TE).is_some_and(|te| te != "trailers") {
        hop::strip_te(headers);
    }
    // These differ for each request: in the connection's header table they would push out the fields that repeat,
    // and each would be compared with all earlier ones.
    for name in [REQUEST_ID, TRACEPARENT] {
        if let Some(value) = headers.get_mut(name) {
            value.set_sensitive(true);
        }
    }
    if let Some(length) = http_body::Body::size_hint(body).exact()
        && (length > 0 || expects_content(&head.method))
    {
        set_length(headers, length);
    }
}

fn set_length(headers: &mut HeaderMap, length: u64) {
    headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
}

/// A response whose body is an endpoint's.
trait MapBody {
    fn map_body(self, limit: FieldLimit) -> Response<Http2Body>;
}

impl MapBody for Response<h2::RecvStream> {
    fn map_body(self, limit: FieldLimit) -> Response<Http2Body> {
        let (head, stream) = self.into_parts();
        let length = head.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        Response::from_parts(head, Http2Body::new(stream, length, limit))
    }
}
