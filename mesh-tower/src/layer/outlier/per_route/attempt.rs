//! What is recorded of an attempt at a picked endpoint.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use mesh_core::balance::BalancePolicy;
use mesh_core::circuit::Permit;
use mesh_core::outcome::{Class, Fault, Outcome};

use super::super::report::Subject;
use crate::error::Error;
use crate::request::announced::{AnnouncedTime, timed_out};
use crate::request::{Attempt, Awaited, Matched, PerTryTimeout};
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
}

impl Subject for Arc<Attempt> {
    fn awaited(&self) -> &Awaited {
        Attempt::awaited(self)
    }

    fn judge(&self, outcome: Outcome) -> Outcome {
        Attempt::judge(self, outcome)
    }

    fn timed_out(&self, judged: Outcome) -> Option<Error> {
        timed_out(judged, Some(self.matched().record()))
    }

    /// A timeout around it says so in the decision record first. An attempt that is not sent yet says nothing about the
    /// endpoint.
    fn ending(&self) -> Option<Outcome> {
        let ending = || match self.matched().record().is_time_up() {
            true => Outcome::Timeout,
            false => Outcome::Cancelled,
        };
        (!self.is_waiting()).then(ending)
    }

    /// Records the outcome: for the endpoint, the retry budget and the counters, and in the decision record.
    fn record(&self, outcome: Outcome) {
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

    fn finish(&self) {
        Attempt::finish(self);
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
