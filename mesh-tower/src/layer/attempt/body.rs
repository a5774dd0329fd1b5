//! The response body of an attempt: where its outcome is known at last.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Frame, SizeHint};
use mesh_core::balance::BalancePolicy;
use mesh_core::circuit::Permit;
use mesh_core::outcome::{Class, Fault, GrpcCode, Outcome, Reset};
use mesh_core::timeout::AnnouncedDeadline;

use crate::clock::now;
use crate::error::{BoxError, Error};
use crate::grpc;
use crate::request::Record;
use crate::request::announced::AnnouncedTime;
use crate::upstream::pool::{Broken, EndpointPool, Lease, UpstreamBody};
use crate::upstream::state::Cluster;

/// A body from an endpoint, or one made here.
///
/// At its end, on its failure, or when it is dropped, the attempt's permits are freed, once. Its outcome is
/// recorded with the response's headers, or with gRPC's trailers; again if the body breaks off after that. An
/// upgrade (101) lasts until the body is dropped: whoever carries the tunnel keeps it.
#[derive(Debug)]
pub struct ResponseBody {
    kind: Kind,
    /// Boxed: the response moves through every layer, and this would move with it.
    end: Option<Box<End>>,
}

#[derive(Debug)]
enum Kind {
    Upstream(UpstreamBody),
    Local(Option<Bytes>),
}

/// What an attempt holds until it ends.
#[derive(Debug)]
pub(super) struct End {
    pub(super) cluster: Arc<Cluster>,
    pub(super) endpoint: Arc<EndpointPool>,
    pub(super) lease: Option<Lease>,
    pub(super) record: Record,
    pub(super) status: StatusCode,
    /// Whether the status stands in trailers yet to come.
    pub(super) awaits_trailers: bool,
    pub(super) start: Instant,
    /// The time that the endpoint is to be told, if any.
    pub(super) limit: Option<AnnouncedTime>,
    /// The deadline that it was told.
    pub(super) announced: Option<AnnouncedDeadline>,
    pub(super) _permit: Permit,
}

impl End {
    /// How long the attempt has taken so far.
    pub(super) fn took(&self) -> Duration {
        now().saturating_duration_since(self.start)
    }

    /// Notes that response headers that look well are here, after so long.
    pub(super) fn answered(&self, took: Duration) {
        if let BalancePolicy::PeakEwma { decay } = self.cluster.plan().balance {
            self.endpoint.host().latency().answered(took, decay, self.start + took);
        }
    }

    /// Records the outcome: for the endpoint, and in the decision record.
    pub(super) fn outcome(&self, outcome: Outcome) {
        if let BalancePolicy::PeakEwma { decay } = self.cluster.plan().balance {
            match (outcome.class(), outcome) {
                // Also one that says so in good form: who fails fast is not fast.
                (Class::Failure(Fault::Upstream), _) => {
                    let took = self.took();
                    self.endpoint.host().latency().failed(took, decay, self.start + took);
                }
                (Class::Success, Outcome::Response { in_trailers: false, .. }) => self.answered(self.took()),
                // Noted when the headers came, or said nothing about the endpoint.
                _ => {}
            }
        }
        self.cluster.record(self.endpoint.host(), &outcome);
        self.record.note(|decision| decision.end_attempt(outcome));
    }

    /// Records the outcome of a response, and counts it as a timeout if it is only the end of the time that the
    /// endpoint was told: then there is an error in place of it, as if our own timer had been first.
    pub(super) fn judged(&mut self, outcome: Outcome) -> Option<Error> {
        self.awaits_trailers = false;
        let judged = self.announced.map_or(outcome, |announced| announced.judge(now(), outcome));
        self.outcome(judged);
        match judged {
            Outcome::PerTryTimeout => self.cluster.stats().upstream_rq_per_try_timeout.increment(1),
            Outcome::Timeout => {
                self.cluster.stats().upstream_rq_timeout.increment(1);
                self.record.note_time_up();
            }
            _ => return None,
        }
        Some(Error::attempt(judged, None))
    }

    /// All of the response is here; an error is to be passed on in place of its trailers.
    fn finished(mut self, trailers: Option<GrpcCode>) -> Result<(), Error> {
        let mut timeout = None;
        if self.awaits_trailers {
            let outcome = Outcome::Response { status: self.status, grpc: trailers, in_trailers: true };
            timeout = self.judged(outcome);
        }
        if let Some(lease) = self.lease.take() {
            lease.finish();
        }
        timeout.map_or(Ok(()), Err)
    }

    fn failed(mut self, reset: Reset) {
        self.awaits_trailers = false;
        self.outcome(Outcome::Reset { reset, written: true });
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if self.awaits_trailers {
            self.awaits_trailers = false;
            // Whoever drops an attempt because its time is up says so in the record first.
            let timed_out = self.record.is_time_up();
            if timed_out {
                self.cluster.stats().upstream_rq_timeout.increment(1);
            }
            self.outcome(if timed_out { Outcome::Timeout } else { Outcome::Cancelled });
        }
        self.endpoint.host().end();
    }
}

impl ResponseBody {
    pub(super) fn new(body: UpstreamBody, end: Box<End>) -> Self {
        let mut body = Self { kind: Kind::Upstream(body), end: Some(end) };
        let upgraded = body.end.as_ref().is_some_and(|end| end.status == StatusCode::SWITCHING_PROTOCOLS);
        if !upgraded
            && http_body::Body::is_end_stream(&body)
            && let Some(end) = body.end.take()
        {
            // Without trailers there is no status that could be a timeout's.
            let _ = end.finished(None);
        }
        body
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self { kind: Kind::Local(Some(bytes).filter(|bytes| !bytes.is_empty())), end: None }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let body = match &mut this.kind {
            Kind::Local(bytes) => return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Upstream(body) => body,
        };
        match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                let trailers = frame.trailers_ref().map(grpc::status);
                if (trailers.is_some() || http_body::Body::is_end_stream(body))
                    && let Some(end) = this.end.take()
                    && let Err(timeout) = end.finished(trailers.flatten())
                {
                    return Poll::Ready(Some(Err(timeout.into())));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(Broken { reset, source })) => {
                if let Some(end) = this.end.take() {
                    end.failed(reset);
                }
                let outcome = Outcome::Reset { reset, written: true };
                Poll::Ready(Some(Err(Error::attempt(outcome, Some(source)).into())))
            }
            None => {
                if let Some(end) = this.end.take() {
                    // As above.
                    let _ = end.finished(None);
                }
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Local(bytes) => bytes.is_none(),
            Kind::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Local(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Kind::Upstream(body) => body.size_hint(),
        }
    }
}
