//! One connection to an endpoint, HTTP/1.1 or HTTP/2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use tokio::task::AbortHandle;

use super::failure::{Failure, classify, ends_connection};
use super::stream::Written;
use crate::body::Body;
use crate::cluster::ConnectionPermit;

/// An exclusive HTTP/1.1 connection.
#[derive(Debug)]
pub(crate) struct Http1 {
    pub(super) sender: http1::SendRequest<Body>,
    pub(super) written: Written,
    pub(super) facts: Facts,
    pub(super) served: u32,
    pub(super) idle_since: Instant,
}

/// An HTTP/2 connection, shared by its streams.
#[derive(Debug)]
pub(crate) struct Http2 {
    pub(super) sender: http2::SendRequest<Body>,
    pub(super) facts: Facts,
    pub(super) streams: AtomicUsize,
    /// The peer's `SETTINGS_MAX_CONCURRENT_STREAMS`, as its connection last saw it.
    pub(super) max_streams: Arc<AtomicUsize>,
    pub(super) served: AtomicUsize,
    /// Refused by the peer (GOAWAY) or over its request limit: open streams finish, no new ones.
    pub(super) draining: AtomicBool,
}

/// What is known of a connection of either kind; dropping it ends the connection's task.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) local: Option<SocketAddr>,
    pub(super) since: Instant,
    pub(super) task: AbortHandle,
    pub(super) _permit: ConnectionPermit,
}

impl Http1 {
    pub(super) fn is_open(&self) -> bool {
        self.sender.is_ready()
    }

    pub(super) async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let before = self.written.bytes();
        let reused = self.served > 0;
        self.served += 1;
        self.sender.try_send_request(request).await.map_err(|mut error| {
            let request = error.take_message().map(Box::new);
            let written = request.is_none() && self.written.bytes() != before;
            let error = error.into_error();
            Failure { reset: classify(&error), written, reused, request, source: error.into() }
        })
    }
}

impl Http2 {
    pub(super) fn has_room(&self, cap: usize) -> bool {
        !self.draining.load(Ordering::Relaxed)
            && !self.sender.is_closed()
            && self.streams.load(Ordering::Relaxed) < self.max_streams.load(Ordering::Relaxed).min(cap)
    }
}

/// A stream's place on a shared connection.
#[derive(Debug)]
pub(crate) struct StreamPermit(pub(super) Arc<Http2>);

impl StreamPermit {
    pub(super) fn take(connection: &Arc<Http2>) -> Self {
        connection.streams.fetch_add(1, Ordering::Relaxed);
        Self(connection.clone())
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let reused = self.0.served.fetch_add(1, Ordering::Relaxed) > 0;
        let mut sender = self.0.sender.clone();
        sender.try_send_request(request).await.map_err(|mut error| {
            let request = error.take_message().map(Box::new);
            let error = error.into_error();
            let reset = classify(&error);
            if request.is_some() || ends_connection(&error) {
                self.0.draining.store(true, Ordering::Relaxed);
            }
            // On a shared connection nobody can tell whose bytes were written.
            let written = request.is_none();
            Failure { reset, written, reused, request, source: error.into() }
        })
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}
