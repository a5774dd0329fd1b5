//! One attempt at an endpoint, as its layers share it.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use mesh_core::circuit::Permit;
use mesh_core::outcome::Outcome;

use super::announced::AnnouncedTime;
use super::matched::Matched;
use crate::clock::now;
use crate::upstream::pool::{EndpointPool, Lease, Picked};

/// How far the attempt of a request is; goes beside the request, in its [`BoxedRequest`](crate::boxed_request::BoxedRequest). Each layer
/// takes what the one before has found.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    pub(crate) permit: Option<Permit>,
    pub(crate) picked: Option<Picked>,
    pub(crate) attempt: Option<Arc<Attempt>>,
}

/// What the outcome of a call waits for: the answer, or gRPC's status in trailers.
#[derive(Debug)]
pub(crate) struct Awaited {
    grpc: bool,
    /// Of the answer; 200 until it is here, 0 once the outcome is known, [`Self::TUNNEL`] if a tunnel is open then.
    status: AtomicU16,
}

impl Awaited {
    /// Not the status of any answer.
    const TUNNEL: u16 = 1;

    pub(crate) const fn new(grpc: bool) -> Self {
        Self { grpc, status: AtomicU16::new(StatusCode::OK.as_u16()) }
    }

    pub(crate) const fn is_grpc(&self) -> bool {
        self.grpc
    }

    // Relaxed: the call is in one layer at a time, and moves between threads with its task.

    /// `None` once the outcome is known.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.status.load(Ordering::Relaxed)).ok()
    }

    pub(crate) fn set(&self, status: Option<StatusCode>) {
        self.status.store(status.map_or(0, |status| status.as_u16()), Ordering::Relaxed);
    }

    /// The outcome is known, but the call lasts until its body is dropped: the body's end is not the tunnel's.
    pub(crate) fn opens_tunnel(&self) {
        self.status.store(Self::TUNNEL, Ordering::Relaxed);
    }

    pub(crate) fn is_tunnel(&self) -> bool {
        self.status.load(Ordering::Relaxed) == Self::TUNNEL
    }
}

/// An attempt that has begun; the outlier layer ends it, the exchange reports when it is sent.
///
/// Until it is dropped it keeps its place in the cluster and its connection, and counts as an active request of its
/// endpoint. Every layer adds what is its own, so that a response carries one pointer for all of them.
#[derive(Debug)]
pub(crate) struct Attempt {
    matched: Arc<Matched>,
    endpoint: Arc<EndpointPool>,
    _permit: Option<Permit>,
    /// Of the exchange, once there are response headers.
    lease: Mutex<Option<Lease>>,
    /// Whether all of the response is here.
    finished: AtomicBool,
    awaited: Awaited,
    start: Instant,
    /// The time in `grpc-timeout`, if the answer is judged by it.
    announced: Option<AnnouncedTime>,
    /// Whether it is not sent yet.
    waits: AtomicBool,
    /// When it was sent, in nanoseconds after the start.
    sent: AtomicU64,
}

impl Attempt {
    #[inline]
    pub(crate) fn begin(
        matched: Arc<Matched>,
        endpoint: Arc<EndpointPool>,
        permit: Option<Permit>,
        announced: Option<AnnouncedTime>,
    ) -> Self {
        endpoint.host().begin();
        Self {
            awaited: Awaited::new(matched.survey().grpc),
            matched,
            endpoint,
            _permit: permit,
            lease: Mutex::new(None),
            finished: AtomicBool::new(false),
            start: now(),
            announced,
            waits: AtomicBool::new(true),
            sent: AtomicU64::new(0),
        }
    }

    pub(crate) fn matched(&self) -> &Arc<Matched> {
        &self.matched
    }

    pub(crate) fn endpoint(&self) -> &Arc<EndpointPool> {
        &self.endpoint
    }

    pub(crate) const fn awaited(&self) -> &Awaited {
        &self.awaited
    }

    /// Response headers are here, on this connection, which is kept until the response has ended.
    #[inline]
    pub(crate) fn answered_on(&self, lease: Lease) {
        self.matched.record().note(|decision| {
            decision.local = lease.local_addr();
            if let (Some(target), Some(last)) = (lease.target(), decision.attempts.last_mut())
                && last
                    .endpoint
                    .as_ref()
                    .is_none_or(|known| !Arc::ptr_eq(known, target) && known.address != target.address)
            {
                // The host has moved since, or before, this connection was made.
                last.endpoint = Some(target.clone());
            }
        });
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease);
    }

    /// All of the response is here: once the attempt ends, its connection may serve the next request.
    pub(crate) fn finish(&self) {
        self.finished.store(true, Ordering::Relaxed);
    }

    pub(crate) fn start(&self) -> Instant {
        self.start
    }

    /// How long it has taken so far.
    pub(crate) fn took(&self) -> Duration {
        now().saturating_duration_since(self.start)
    }

    // Relaxed for all: an attempt is in one layer at a time, and moves between threads with its task.

    /// Whether it waits, for a layer within or for a connection: its end says nothing about the endpoint.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    /// It is sent now; again if it is moved to another connection.
    pub(crate) fn sent(&self) {
        self.waits.store(false, Ordering::Relaxed);
        if self.announced.is_some() {
            let nanos = u64::try_from(self.took().as_nanos()).unwrap_or(u64::MAX);
            self.sent.store(nanos, Ordering::Relaxed);
        }
    }

    /// How it ended with this answer: a timeout, if that is only the end of the time in `grpc-timeout`.
    pub(crate) fn judge(&self, outcome: Outcome) -> Outcome {
        let sent = || self.start + Duration::from_nanos(self.sent.load(Ordering::Relaxed));
        self.announced.map_or(outcome, |announced| announced.from(sent()).judge(now(), outcome))
    }

    /// The cluster and the address, for the text of an error.
    pub(crate) fn place(&self) -> String {
        format!("{} at {}", self.endpoint.cluster().plan().name, self.endpoint.target().address)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let lease = self.lease.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(lease) = lease
            && *self.finished.get_mut()
        {
            lease.finish();
        }
        self.endpoint.host().end();
    }
}
