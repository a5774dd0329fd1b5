//! A scripted upstream: a real HTTP/1.1 and HTTP/2 server at an address of the test's network.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::log::{Arrival, Log};
use super::pipe::Pipe;
use super::script::Script;
use super::scripted::{Handler, UpstreamState, lock};
use super::{Fault, serve};
use crate::body::Body;

/// A server that follows a script and records its requests.
///
/// By default it answers every request with `200` and an empty body. Each fault that [`fault`](Self::fault) or a similar
/// method scripts happens once, in the order of the calls; connection faults and request faults have a queue each.
///
/// # Clone
/// Clones are the same upstream.
#[derive(Clone)]
pub struct Upstream(pub(super) Arc<UpstreamState>);

#[expect(clippy::must_use_candidate, reason = "called for the effect; the result only allows chains")]
impl Upstream {
    pub(super) fn new(address: SocketAddr, log: Log) -> Self {
        Self(Arc::new(UpstreamState {
            address,
            log,
            script: Script::default(),
            handler: Mutex::new(answer(StatusCode::OK, Bytes::new())),
            arrivals: Mutex::default(),
            arrived: watch::channel(0).0,
            connections: AtomicU64::new(0),
            open: watch::channel(0).0,
            max_streams: AtomicU32::new(100),
            down: AtomicBool::new(false),
            close: Mutex::default(),
            drain: Mutex::default(),
        }))
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Answers from now on with this status and body, after the request's body was read.
    ///
    /// # Panics
    /// If `status` is not an HTTP status.
    pub fn respond(&self, status: u16, body: impl Into<Bytes>) -> &Self {
        let status = StatusCode::from_u16(status).expect("a status from 100 to 999");
        self.set(answer(status, body.into()));
        self
    }

    /// Answers from now on with one gRPC message of these bytes (a length prefix is added) and this status in trailers.
    pub fn respond_grpc(&self, status: u8, message: impl Into<Bytes>) -> &Self {
        let message = message.into();
        self.handle(move |request| {
            let message = grpc_frame(&message);
            async move {
                // The caller may cut the body short; the arrival shows it.
                let _ = request.into_body().collect().await;
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from(u16::from(status)));
                let body = Full::new(message).with_trailers(async move { Some(Ok(trailers)) });
                let mut response = Response::new(Body::new(body));
                let grpc = HeaderValue::from_static("application/grpc");
                response.headers_mut().insert(http::header::CONTENT_TYPE, grpc);
                response
            }
        })
    }

    /// Answers from now on with the response of this function.
    pub fn handle<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Request<Body>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response<Body>> + Send + 'static,
    {
        self.set(Arc::new(move |request| Box::pin(handler(request))));
        self
    }

    /// The most concurrent HTTP/2 streams of a connection that is opened from now on; 100 by default.
    pub fn max_streams(&self, streams: u32) -> &Self {
        self.0.max_streams.store(streams, Ordering::Relaxed);
        self
    }

    /// Scripts a fault, once.
    pub fn fault(&self, fault: Fault) -> &Self {
        self.fault_times(1, fault)
    }

    /// Scripts a fault for the next `times` connections or requests.
    pub fn fault_times(&self, times: usize, fault: Fault) -> &Self {
        self.0.script.declare(fault, times);
        self
    }

    /// The next `times` requests get this status.
    pub fn fail_next(&self, times: usize, status: u16) -> &Self {
        self.fault_times(times, Fault::Status(status))
    }

    /// The next request is answered after this time.
    pub fn delay(&self, time: Duration) -> &Self {
        self.fault(Fault::Delay(time))
    }

    /// The next connection is never established.
    pub fn blackhole(&self) -> &Self {
        self.fault(Fault::Blackhole)
    }

    /// The next connection is refused.
    pub fn refuse(&self) -> &Self {
        self.fault(Fault::Refuse)
    }

    /// The next request's connection is closed when its head has arrived.
    pub fn close_before_response(&self) -> &Self {
        self.fault(Fault::CloseBeforeResponse)
    }

    /// The next request's connection is closed when its last byte has arrived.
    pub fn close_after_request_body(&self) -> &Self {
        self.fault(Fault::CloseAfterRequestBody)
    }

    /// The next response is reset in its middle.
    pub fn reset_mid_body(&self) -> &Self {
        self.fault(Fault::ResetMidBody)
    }

    /// The next response's headers come after this time.
    pub fn slow_headers(&self, time: Duration) -> &Self {
        self.fault(Fault::Delay(time))
    }

    /// The next connection serves this many requests, then sends GOAWAY.
    pub fn goaway_after(&self, requests: u32) -> &Self {
        self.fault(Fault::GoAwayAfter(requests))
    }

    /// Stops the server: open connections break and new connections are refused, until [`up`](Self::up).
    pub fn down(&self) -> &Self {
        self.0.down.store(true, Ordering::Relaxed);
        self.close_connections()
    }

    /// Starts the server again after [`down`](Self::down).
    pub fn up(&self) -> &Self {
        self.0.down.store(false, Ordering::Relaxed);
        self
    }

    /// Closes the connections open now, as a server does with idle connections. It accepts new connections.
    pub fn close_connections(&self) -> &Self {
        cancel(&self.0.close);
        self
    }

    /// Ends the connections open now gracefully: requests under way finish, and HTTP/2 peers get GOAWAY.
    pub fn drain_connections(&self) -> &Self {
        cancel(&self.0.drain);
        self
    }

    /// The requests received, oldest first.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        lock(&self.0.arrivals).iter().map(|arrival| lock(arrival).clone()).collect()
    }

    /// The number of requests received.
    #[must_use]
    pub fn arrival_count(&self) -> usize {
        lock(&self.0.arrivals).len()
    }

    /// Forgets the requests received so far; the count of [`arrived`](Self::arrived) stays.
    pub fn forget_arrivals(&self) -> &Self {
        lock(&self.0.arrivals).clear();
        self
    }

    /// Waits until this many requests have been received in all.
    ///
    /// # Panics
    /// If that takes more than a minute (of tokio's time).
    pub async fn arrived(&self, count: usize) {
        wait(&self.0.arrived, "requests", |have| have >= count).await;
    }

    /// Waits until this many connections are open.
    ///
    /// # Panics
    /// If that takes more than a minute (of tokio's time).
    pub async fn open(&self, count: usize) {
        wait(&self.0.open, "open connections", |have| have == count).await;
    }

    /// The number of open connections.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        *self.0.open.borrow()
    }

    /// The number of connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.0.connections.load(Ordering::Relaxed)
    }

    /// The scripted faults that have not happened.
    #[must_use]
    pub fn unfired(&self) -> Vec<Fault> {
        self.0.script.unfired()
    }

    fn set(&self, handler: Handler) {
        *lock(&self.0.handler) = handler;
    }

    /// Accepts a connection and returns the caller's end.
    pub(super) fn accept(&self, goaway: Option<u32>) -> Pipe {
        let (ours, theirs) = Pipe::new();
        serve::connection(&self.0, theirs, ours.close(), goaway);
        ours
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("address", &self.0.address).finish_non_exhaustive()
    }
}

/// A gRPC message with its prefix: not compressed, length.
///
/// # Panics
/// If the message has 4 GiB or more.
#[must_use]
pub fn grpc_frame(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).expect("a message below 4 GiB");
    let mut frame = Vec::with_capacity(message.len() + 5);
    frame.push(0);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(message);
    frame.into()
}

fn answer(status: StatusCode, body: Bytes) -> Handler {
    Arc::new(move |request| {
        let body = body.clone();
        Box::pin(async move {
            // The caller may cut the body short; the arrival shows it.
            let _ = request.into_body().collect().await;
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            response
        })
    })
}

fn cancel(token: &Mutex<CancellationToken>) {
    std::mem::take(&mut *lock(token)).cancel();
}

async fn wait(counter: &watch::Sender<usize>, counted: &str, enough: impl Fn(usize) -> bool) {
    let mut receiver = counter.subscribe();
    let waiting = receiver.wait_for(|have| enough(*have));
    let outcome = tokio::time::timeout(Duration::from_secs(60), waiting).await.map(|_| ());
    assert!(outcome.is_ok(), "waited for {counted} in vain; there are {}", *counter.borrow());
}
