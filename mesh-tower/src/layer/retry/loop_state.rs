//! What is kept between attempts.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use mesh_core::headers::control::has_any;
use mesh_core::outcome::{Class, Outcome, Reset};
use mesh_core::reply::Flag;
use mesh_core::retry::{
    Budget, CONTROL_HEADERS, GiveUp, Pushback, RetryPolicy, Traits, Verdict, is_reuse_race,
};
use mesh_core::timeout::{Deadline, EXPECTED_TIMEOUT, grpc_timeout};

use super::kept::Kept;
use super::limit::Limit;
use crate::body::Body;
use crate::body::replay::Replay;
use crate::clock::{SharedRng, now};
use crate::error::Error;
use crate::grpc;
use crate::request::announced::Announcement;
use crate::request::boxed_request::Carrier;
use crate::request::{Matched, PerTryTimeout};
use crate::timeout::Until;
use crate::upstream::state::Retrying;

const ATTEMPT_COUNT: HeaderName = HeaderName::from_static("x-envoy-attempt-count");
const PREVIOUS_ATTEMPTS: HeaderName = HeaderName::from_static("grpc-previous-rpc-attempts");

/// Where the next attempt's body comes from.
pub(super) enum Source {
    /// A copy is at hand.
    Whole(Body),
    /// It is being kept as it is read.
    Replay(Replay),
    /// None: nothing will be repeated.
    Gone,
}

impl Source {
    /// Whether there could be another attempt's body.
    fn is_repeatable(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Replay(replay) => replay.is_repeatable(),
            Self::Gone => false,
        }
    }
}

/// The request as it was, and how far the loop has come.
pub(super) struct Again {
    kept: Kept,
    source: Source,
    /// `None`: the matched route's.
    policy: Option<Arc<RetryPolicy>>,
    traits: Traits,
    /// Of a layer that is used alone.
    budget: Option<Arc<Budget>>,
    /// Whether the attempt within keeps the limit of each try.
    judged_within: bool,
    /// Of the try under way, where none does.
    limit: Option<Limit>,
    /// The deadline that was announced to its endpoint, likewise.
    announced: Option<Announcement>,
    /// `None`: the worker's.
    rng: Option<SharedRng>,
    attempts: u32,
    raced: bool,
    /// Whether a try of this request was free already.
    freed: bool,
    retrying: Option<Retrying>,
}

/// What to do with an attempt's end.
pub(super) enum Next {
    /// Wait, then send this.
    Retry(Duration, Box<Request<Body>>),
    /// Pass it on.
    Pass,
}

impl Again {
    /// Keeps a copy of the request's head, which is not marked as any attempt's yet.
    pub(super) fn new(
        carrier: &impl Carrier,
        source: Source,
        policy: Option<Arc<RetryPolicy>>,
        traits: Traits,
        budget: Option<Arc<Budget>>,
        rng: Option<SharedRng>,
        judged_within: bool,
    ) -> Self {
        Self {
            kept: Kept::of(carrier),
            source,
            policy,
            traits,
            budget,
            judged_within,
            limit: None,
            announced: None,
            rng,
            attempts: 1,
            raced: false,
            freed: false,
            retrying: None,
        }
    }

    fn matched(&self) -> Option<&Matched> {
        self.kept.matched()
    }

    fn policy(&self) -> &RetryPolicy {
        let of_route = || &*self.matched().expect("else the policy is given").route().retry;
        self.policy.as_deref().unwrap_or_else(of_route)
    }

    /// Puts the marks of this attempt on its request: its number (RT-14), what is left of the
    /// deadline (RT-4), the limit of one try (RT-3).
    fn mark(&mut self, request: &mut Request<Body>) {
        if self.attempts > 1 {
            if self.traits.grpc {
                let before = self.traits.previous_attempts + self.attempts - 1;
                request.headers_mut().insert(PREVIOUS_ATTEMPTS, HeaderValue::from(before));
            }
            let of_route = self.matched().and_then(Matched::deadline);
            let deadline = of_route.or_else(|| Until::of(request.extensions()));
            if let Some(deadline) = deadline {
                let headers = request.headers_mut();
                refresh(headers, Deadline::at(deadline).remaining(now()), self.traits.grpc);
            }
        }
        self.begin(request);
    }

    /// Puts the marks on a try's request that the first has too, and begins to bound it where no attempt within does.
    pub(super) fn begin(&mut self, request: &mut Request<Body>) {
        let per_try_timeout = self.policy().per_try_timeout;
        if self.judged_within {
            return mark(request, self.attempts, per_try_timeout);
        }
        mark_attempt(request, self.attempts, per_try_timeout);
        self.announced =
            if self.traits.grpc { Announcement::attempt(request, per_try_timeout) } else { None };
        self.limit = per_try_timeout.map(|limit| Limit::begin(request, limit));
    }

    /// Resolves when the try under way has taken too long.
    pub(super) fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.limit.as_mut().map_or(Poll::Pending, |limit| limit.poll(cx))
    }

    /// The next attempt's request, marked.
    pub(super) fn carry<R: Carrier<Body = Body>>(&mut self, mut request: Request<Body>) -> R {
        self.mark(&mut request);
        R::carrying(request, self.kept.slot())
    }

    /// What follows a response: another attempt, the response itself, or an error in place of it.
    pub(super) fn after_response<B>(&mut self, response: &Response<B>) -> Result<Next, Error> {
        let headers = response.headers();
        let grpc = if self.traits.grpc { grpc::status(headers) } else { None };
        let outcome = Outcome::Response { status: response.status(), grpc, in_trailers: false };
        if grpc.is_some()
            && let Some(error) = self.announced.as_ref().and_then(|announced| announced.timed_out(outcome))
        {
            return self.after_error(error);
        }
        Ok(match self.policy().decide(&self.traits, self.attempts, &outcome, Some(headers)) {
            Verdict::Retry => match self.pushback(headers) {
                Some(Pushback::Never) => {
                    self.gave_up(GiveUp::PushedBack);
                    Next::Pass
                }
                Some(Pushback::After(delay)) => self.retry(false, Some(delay)),
                None => self.retry(false, None),
            },
            Verdict::GiveUp(reason) => {
                let well = outcome.class() == Class::Success;
                if let Some(budget) = self.budget.as_ref().filter(|_| well) {
                    budget.deposit();
                }
                // Most responses are no failures, of which there is nothing to say.
                if !well || reason != GiveUp::NotRetriable {
                    self.gave_up(reason);
                }
                if self.attempts > 1 && response.status().as_u16() < 500 {
                    self.count(|stats| &stats.upstream_rq_retry_success);
                }
                Next::Pass
            }
        })
    }

    /// What follows an error: another attempt, or the error as it is passed on.
    pub(super) fn after_error(&mut self, error: Error) -> Result<Next, Error> {
        let Some(outcome) = error.outcome() else { return Err(error) };
        if matches!(&self.source, Source::Replay(replay) if replay.source_failed()) {
            return Err(error);
        }
        if !self.raced && is_reuse_race(&self.traits, &outcome, error.is_reused()) {
            // RT-20: not an attempt of the policy's; the connection was dead before it began.
            if let Some(request) = self.rebuild() {
                self.raced = true;
                self.count(|stats| &stats.upstream_reuse_race);
                return Ok(Next::Retry(Duration::ZERO, Box::new(request)));
            }
        }
        match self.policy().decide(&self.traits, self.attempts, &outcome, None) {
            Verdict::Retry => {
                // No endpoint failed: a connection ended in good order, or one address of a name that only requests
                // know refuses connections. That costs no token and no wait, once.
                let refused = matches!(outcome, Outcome::Reset { reset: Reset::ConnectFailure, .. });
                let free = (error.is_drained() || (refused && self.is_on_demand())) && !self.freed;
                self.freed |= free;
                match self.retry(free, free.then_some(Duration::ZERO)) {
                    Next::Pass => Err(self.retried(error, false)),
                    next @ Next::Retry(..) => Ok(next),
                }
            }
            Verdict::GiveUp(reason) => {
                self.gave_up(reason);
                Err(self.retried(error, reason == GiveUp::Exhausted))
            }
        }
    }

    /// The response is passed on: nothing will be repeated.
    pub(super) fn commit(&self) {
        if let Source::Replay(replay) = &self.source {
            replay.commit();
        }
    }

    fn retried(&self, error: Error, exhausted: bool) -> Error {
        if self.attempts > 1 || exhausted { error.retried(exhausted) } else { error }
    }

    /// What a gRPC server says of retries, to a client of ours (RT-16).
    fn pushback(&self, response: &HeaderMap) -> Option<Pushback> {
        self.matched().filter(|matched| matched.is_channel()).and_then(|_| Pushback::of(response))
    }

    /// One more attempt, if the limits allow: `free` of the budget's tokens, after `delay` or the back-off.
    fn retry(&mut self, free: bool, delay: Option<Duration>) -> Next {
        // The earlier retry has ended, and with it its place among the retries in flight.
        self.retrying = None;
        match self.admit(free) {
            Ok(retrying) => self.retrying = retrying,
            Err(reason) => {
                self.gave_up(reason);
                return Next::Pass;
            }
        }
        let Some(request) = self.rebuild() else { return Next::Pass };
        let draw = |rng: &SharedRng| rng.draw(|rng| self.policy().backoff.delay(self.attempts, rng));
        let backoff = || match (&self.rng, self.matched()) {
            (Some(rng), _) => draw(rng),
            (None, Some(matched)) => draw(matched.view().rng()),
            (None, None) => draw(&SharedRng::default()),
        };
        let delay = delay.unwrap_or_else(backoff);
        self.attempts += 1;
        Next::Retry(delay, Box::new(request))
    }

    /// Whether the limits let one more try be made; its place among the retries in flight, where these are counted.
    fn admit(&self, free: bool) -> Result<Option<Retrying>, GiveUp> {
        // Asked first: what cannot be sent again takes no token from what can.
        if !self.source.is_repeatable() {
            return Err(GiveUp::BodyTooLarge);
        }
        match (&self.budget, self.matched().and_then(Matched::cluster)) {
            (Some(budget), _) if free || budget.withdraw(now()) => Ok(None),
            (Some(_), _) => Err(GiveUp::BudgetSpent),
            (None, Some(pool)) => pool.cluster().try_retry(now(), free).map(Some),
            (None, None) => Err(GiveUp::NotRetriable),
        }
    }

    fn rebuild(&self) -> Option<Request<Body>> {
        let body = match &self.source {
            Source::Whole(body) => body.try_clone()?,
            Source::Replay(replay) => Body::replay(replay.again()?),
            Source::Gone => return None,
        };
        self.kept.request(body)
    }

    /// Whether the destination is a host that only requests know.
    fn is_on_demand(&self) -> bool {
        let following = self.matched().and_then(Matched::cluster).and_then(|pool| pool.cluster().following());
        following.is_some_and(|following| following.is_on_demand())
    }

    fn gave_up(&self, reason: GiveUp) {
        // Here for the limit of its one try only: nothing was ever to be repeated.
        if matches!(self.source, Source::Gone) && self.budget.is_none() {
            return;
        }
        let exhausted = reason == GiveUp::Exhausted;
        if exhausted {
            self.count(|stats| &stats.upstream_rq_retry_limit_exceeded);
        }
        if let Some(record) = self.kept.record() {
            record.note(|decision| {
                decision.gave_up = Some(reason);
                if exhausted {
                    decision.flags.set(Flag::UpstreamRetryLimitExceeded);
                }
            });
        }
    }

    fn count(&self, counter: impl FnOnce(&crate::upstream::state::Stats) -> &metrics::Counter) {
        if let Some(pool) = self.matched().and_then(Matched::cluster) {
            counter(pool.cluster().stats()).increment(1);
        }
    }
}

/// Takes away what steered the retries: read once, not for the next hop (RT-5).
pub(super) fn strip_control(headers: &mut HeaderMap) {
    if has_any(headers, &CONTROL_HEADERS) {
        for name in &CONTROL_HEADERS {
            headers.remove(name);
        }
    }
}

/// The marks that every attempt has, and the limit that the attempt within keeps.
pub(super) fn mark(request: &mut Request<Body>, attempts: u32, per_try_timeout: Option<Duration>) {
    mark_attempt(request, attempts, per_try_timeout);
    if let Some(limit) = per_try_timeout {
        request.extensions_mut().insert(PerTryTimeout(limit));
    }
}

/// Sets the headers that announce an attempt to the next hop.
fn mark_attempt(request: &mut Request<Body>, attempts: u32, per_try_timeout: Option<Duration>) {
    let number = match attempts {
        1 => HeaderValue::from_static("1"),
        more => HeaderValue::from(more),
    };
    request.headers_mut().insert(ATTEMPT_COUNT, number);
    if let Some(limit) = per_try_timeout {
        let headers = request.headers_mut();
        if expected(headers).is_none_or(|expected| limit < expected) {
            let grpc = grpc::is_grpc(headers);
            refresh(headers, limit, grpc);
        }
    }
}

/// The time announced to the next hop so far.
fn expected(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(EXPECTED_TIMEOUT)?.to_str().ok()?;
    text.parse().ok().map(Duration::from_millis)
}

/// Tells the next hop how much time is left.
fn refresh(headers: &mut HeaderMap, left: Duration, grpc: bool) {
    headers.insert(EXPECTED_TIMEOUT, Deadline::expected_ms(left));
    if grpc {
        headers.insert(grpc_timeout::GRPC_TIMEOUT, grpc_timeout::format(left));
    }
}
