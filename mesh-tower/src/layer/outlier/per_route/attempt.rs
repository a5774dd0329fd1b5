//! What is recorded of an attempt at a picked endpoint.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use mesh_core::balance::BalancePolicy;
use mesh_core::circuit::Permit;
use mesh_core::outcome::{Class, Fault, Outcome};

use crate::error::Error;
use crate::request::announced::AnnouncedTime;
use crate::request::{Attempt, Matched, PerTryTimeout};
use crate::upstream::health::IMMEDIATE_FAIL;
use crate::upstream::pool::Picked;

/// How long the endpoint took until response headers, in milliseconds (HD-3).
const SERVICE_TIME: HeaderName = HeaderName::from_static("x-envoy-upstream-service-time");

impl Attempt {
    /// The attempt begins: it is counted, and the decision record says where it goes and why.
    #[inline]
    pub(super) fn of(
        matched: Arc<Matched>,
        picked: Picked,
        permit: Option<Permit>,
        announced: Option<AnnouncedTime>,
    ) -> Self {
        let Picked { endpoint, choice, avoid } = picked;
        endpoint.cluster().stats().upstream_rq_total.increment(1);
        if choice.panic {
            endpoint.cluster().stats().lb_healthy_panic.increment(1);
        }
        matched.record().note(|decision| {
            decision.begin_attempt(Some(endpoint.target()));
            decision.chose(choice);
            decision.avoid = avoid;
        });
        Self::begin(matched, endpoint, permit, announced)
    }

    /// Response headers are here; how long they took.
    pub(super) fn answered(&self, headers: &mut HeaderMap) -> Duration {
        let took = self.took();
        let mut millis = HeaderValue::from(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        // Seldom the same: in the table of an HTTP/2 connection it would push out what repeats.
        millis.set_sensitive(true);
        headers.insert(SERVICE_TIME, millis);
        let cluster = self.endpoint().cluster();
        if cluster.plan().health.is_some() && headers.contains_key(IMMEDIATE_FAIL) {
            cluster.fail_now(self.endpoint().host());
        }
        took
    }

    /// Notes that response headers that look well came after so long.
    pub(super) fn note_latency(&self, took: Duration) {
        if let BalancePolicy::PeakEwma { decay } = self.endpoint().cluster().plan().balance {
            self.endpoint().host().latency().answered(took, decay, self.start() + took);
        }
    }

    /// The error in place of an answer that was judged to be a timeout, as if our own timer had been first.
    pub(in super::super) fn timed_out(&self, judged: Outcome) -> Option<Error> {
        match judged {
            Outcome::Timeout => self.matched().record().note_time_up(),
            Outcome::PerTryTimeout => {}
            _ => return None,
        }
        Some(Error::attempt(judged, None))
    }

    /// How it ends if it is dropped now: a timeout around it says so in the decision record first. `None` if it is not sent
    /// yet, which says nothing about the endpoint.
    pub(in super::super) fn ending(&self) -> Option<Outcome> {
        let ending = || match self.matched().record().is_time_up() {
            true => Outcome::Timeout,
            false => Outcome::Cancelled,
        };
        (!self.is_waiting()).then(ending)
    }

    /// Records the outcome: for the endpoint, the retry budget and the counters, and in the decision record.
    pub(in super::super) fn record(&self, outcome: Outcome) {
        let (endpoint, cluster) = (self.endpoint(), self.endpoint().cluster());
        match outcome {
            Outcome::PerTryTimeout => cluster.stats().upstream_rq_per_try_timeout.increment(1),
            Outcome::Timeout => cluster.stats().upstream_rq_timeout.increment(1),
            _ => {}
        }
        if let BalancePolicy::PeakEwma { decay } = cluster.plan().balance {
            match (outcome.class(), outcome) {
                // Also one that says so in good form: an endpoint that fails fast is not fast.
                (Class::Failure(Fault::Upstream), _) => {
                    let took = self.took();
                    endpoint.host().latency().failed(took, decay, self.start() + took);
                }
                (Class::Success, Outcome::Response { in_trailers: false, .. }) => {
                    self.note_latency(self.took());
                }
                // Noted when the headers came, or said nothing about the endpoint.
                _ => {}
            }
        }
        cluster.record(endpoint.host(), &outcome);
        self.matched().record().note(|decision| decision.end_attempt(outcome));
    }
}

/// The time that a gRPC request announces to its endpoint, if the answer is judged by it.
pub(super) fn announced<B>(matched: &Matched, request: &http::Request<B>) -> Option<AnnouncedTime> {
    if !matched.survey().grpc {
        return None;
    }
    let per_try = request.extensions().get().map(|PerTryTimeout(limit)| *limit);
    AnnouncedTime::of(request.headers(), per_try, matched.deadline().is_some())
}
