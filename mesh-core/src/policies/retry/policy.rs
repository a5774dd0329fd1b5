//! The decision: is this failure one to repeat, and is that safe? (RT-6 to RT-10, RT-19)

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::{Backoff, RetryOn, Traits};
use crate::error::Origin;
use crate::outcome::{GrpcCode, Outcome, Reset};

const RATE_LIMITED: HeaderName = HeaderName::from_static("x-envoy-ratelimited");

/// How the requests of a route are retried.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Retries after the first try; 0 turns retries off.
    pub attempts: u32,
    /// Which failures are repeated.
    pub on: RetryOn,
    /// Statuses of `retriable-status-codes`.
    pub status_codes: Vec<u16>,
    /// Response headers of `retriable-headers`; only a trusted request header names them (RT-5).
    pub headers: Vec<HeaderName>,
    /// Waits between tries.
    pub backoff: Backoff,
    /// Limit of one try (RT-3).
    pub per_try_timeout: Option<Duration>,
    /// Whether endpoints already tried are avoided (RT-12).
    pub avoid_previous_hosts: bool,
    /// How often the balancer is asked again to avoid them.
    pub host_selection_attempts: u32,
    /// Whether other localities are preferred after failures.
    pub retry_remote_localities: bool,
    /// Whether the user asked for this policy (`retries:` of a rule, a call option, a trusted
    /// header, or `--istio-runtime`): then it is obeyed to the letter, else RT-19 narrows it.
    pub written: bool,
    /// Where it was written.
    pub origin: Origin,
}

/// The answer to a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Verdict {
    /// Try again, if the budget and the concurrency limit allow.
    Retry,
    /// Pass the outcome on.
    GiveUp(GiveUp),
}

/// Why there is no further attempt. The policy gives the reasons down to `Cancelled`; the rest
/// are those of the limits and of the adapter that holds the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GiveUp {
    /// The policy does not repeat this outcome (a success among them).
    NotRetriable,
    /// All tries are used up: flag URX is added to the cause (RT-13).
    Exhausted,
    /// The application may have seen the request, which is not declared idempotent (RT-19).
    NotRepeatable,
    /// The peer said `x-envoy-ratelimited` (RT-10).
    RateLimited,
    /// The failure was made here, not by an endpoint (RT-10).
    Local,
    /// The time of the whole request is spent (RT-10).
    TimedOut,
    /// The caller has gone.
    Cancelled,
    /// As many retries run as may (RT-13).
    Overflow,
    /// Successes have not paid for it (CB-10).
    BudgetSpent,
    /// The body is larger than the replay buffer (RT-10).
    BodyTooLarge,
    /// The server asked for no more (`grpc-retry-pushback-ms`, RT-16).
    PushedBack,
}

impl GiveUp {
    /// A word for the decision record.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotRetriable => "not retriable",
            Self::Exhausted => "attempts exhausted",
            Self::NotRepeatable => "not idempotent and possibly processed",
            Self::RateLimited => "rate limited by the peer",
            Self::Local => "failed locally",
            Self::TimedOut => "timeout spent",
            Self::Cancelled => "caller left",
            Self::Overflow => "retry concurrency limit",
            Self::BudgetSpent => "retry budget spent",
            Self::BodyTooLarge => "request_payload_exceeded_retry_buffer_limit",
            Self::PushedBack => "the server asked for none",
        }
    }
}

impl RetryPolicy {
    /// The policy where none is written (RT-6).
    #[must_use]
    pub fn default_policy() -> Self {
        Self {
            attempts: 2,
            on: RetryOn::DEFAULT,
            status_codes: Vec::new(),
            headers: Vec::new(),
            backoff: Backoff::default(),
            per_try_timeout: None,
            avoid_previous_hosts: true,
            host_selection_attempts: 5,
            retry_remote_localities: false,
            written: false,
            origin: Origin::default(),
        }
    }

    /// No retries (`attempts: 0`).
    #[must_use]
    pub fn off() -> Self {
        Self { attempts: 0, on: RetryOn::NONE, written: true, ..Self::default_policy() }
    }

    /// From a proxy to its own application, HTTP but not gRPC (RT-15).
    #[must_use]
    pub fn inbound() -> Self {
        Self { on: RetryOn::RESET_BEFORE_REQUEST, avoid_previous_hosts: false, ..Self::default_policy() }
    }

    /// Decides after an attempt ended and before anything of it was passed on.
    ///
    /// `attempts_made` counts tries, the first included; `response` are the headers of a response.
    pub fn decide(
        &self,
        request: &Traits,
        attempts_made: u32,
        outcome: &Outcome,
        response: Option<&HeaderMap>,
    ) -> Verdict {
        let give_up = match *outcome {
            Outcome::Cancelled => Some(GiveUp::Cancelled),
            Outcome::Timeout => Some(GiveUp::TimedOut),
            Outcome::Reset { reset: Reset::LocalReset, .. } => Some(GiveUp::Local),
            _ if self.attempts == 0 => Some(GiveUp::NotRetriable),
            Outcome::Response { .. } => {
                // Looked up only where it decides something: most responses succeed.
                let limited = || response.is_some_and(|headers| headers.contains_key(RATE_LIMITED));
                match (self.matches(request, outcome, response), self.on.intersects(RetryOn::RATE_LIMITED)) {
                    (true, false) => limited().then_some(GiveUp::RateLimited),
                    (true, true) => None,
                    (false, true) if limited() => None,
                    (false, _) => Some(GiveUp::NotRetriable),
                }
            }
            _ => (!self.matches(request, outcome, response)).then_some(GiveUp::NotRetriable),
        };
        match give_up {
            Some(reason) => Verdict::GiveUp(reason),
            None if !self.is_safe(request, outcome) => Verdict::GiveUp(GiveUp::NotRepeatable),
            None if attempts_made > self.attempts => Verdict::GiveUp(GiveUp::Exhausted),
            None => Verdict::Retry,
        }
    }

    /// Whether any outcome could lead to another try of this request.
    #[must_use]
    pub fn may_retry_at_all(&self, request: &Traits) -> bool {
        let on = if request.grpc { self.on } else { self.on.difference(RetryOn::GRPC) };
        self.attempts > 0 && !on.difference(RetryOn::HTTP3_POST_CONNECT_FAILURE).is_empty()
    }

    /// Whether this policy can repeat a request that an application has processed although it is
    /// not idempotent: what `check` warns of (`MESH0003`).
    #[must_use]
    pub fn may_repeat_processed(&self) -> bool {
        const PROVABLY_NOT: RetryOn = RetryOn::CONNECT_FAILURE
            .union(RetryOn::RESET_BEFORE_REQUEST)
            .union(RetryOn::REFUSED_STREAM)
            .union(RetryOn::HTTP3_POST_CONNECT_FAILURE);
        let mut on = self.on.difference(PROVABLY_NOT);
        if self.status_codes.is_empty() {
            on = on.difference(RetryOn::RETRIABLE_STATUS_CODES);
        }
        self.written && self.attempts > 0 && !on.is_empty()
    }

    /// RT-9: whether `on` names this outcome.
    fn matches(&self, request: &Traits, outcome: &Outcome, response: Option<&HeaderMap>) -> bool {
        const ANY_RESET: RetryOn = RetryOn::SERVER_ERROR.union(RetryOn::GATEWAY_ERROR).union(RetryOn::RESET);
        let on = self.on;
        match *outcome {
            Outcome::Response { status, grpc, in_trailers } => {
                let status = status.as_u16();
                on.intersects(RetryOn::SERVER_ERROR) && (500..600).contains(&status)
                    || on.intersects(RetryOn::GATEWAY_ERROR) && (502..=504).contains(&status)
                    || on.intersects(RetryOn::RETRIABLE_4XX) && status == 409
                    || on.intersects(RetryOn::RETRIABLE_STATUS_CODES) && self.status_codes.contains(&status)
                    || on.intersects(RetryOn::RETRIABLE_HEADERS) && self.has_retriable_header(response)
                    || request.grpc
                        && !in_trailers
                        && grpc.is_some_and(|code| on.intersects(condition_of(code)))
            }
            Outcome::Reset { reset, written } => {
                on.intersects(ANY_RESET)
                    || on.intersects(RetryOn::RESET_BEFORE_REQUEST) && !written
                    || match reset {
                        Reset::ConnectFailure | Reset::ConnectTimeout => {
                            on.intersects(RetryOn::CONNECT_FAILURE)
                        }
                        Reset::RemoteRefused => on.intersects(RetryOn::REFUSED_STREAM),
                        Reset::ConnectionTermination
                        | Reset::RemoteReset
                        | Reset::LocalReset
                        | Reset::Protocol => false,
                    }
            }
            Outcome::PerTryTimeout => on.intersects(ANY_RESET),
            Outcome::Timeout | Outcome::Cancelled => false,
        }
    }

    fn has_retriable_header(&self, response: Option<&HeaderMap>) -> bool {
        response.is_some_and(|headers| self.headers.iter().any(|name| headers.contains_key(name)))
    }

    /// RT-19: whether a repeat does no harm, or was asked for.
    fn is_safe(&self, request: &Traits, outcome: &Outcome) -> bool {
        self.written || request.idempotent || never_reached_application(outcome)
    }
}

/// Whether the request provably never reached the application.
fn never_reached_application(outcome: &Outcome) -> bool {
    match *outcome {
        Outcome::Reset { reset, written } => {
            !written || matches!(reset, Reset::ConnectFailure | Reset::ConnectTimeout | Reset::RemoteRefused)
        }
        Outcome::Response { .. } | Outcome::PerTryTimeout | Outcome::Timeout | Outcome::Cancelled => false,
    }
}

/// The condition that names a gRPC status.
const fn condition_of(code: GrpcCode) -> RetryOn {
    match code {
        1 => RetryOn::CANCELLED,
        4 => RetryOn::DEADLINE_EXCEEDED,
        8 => RetryOn::RESOURCE_EXHAUSTED,
        13 => RetryOn::INTERNAL,
        14 => RetryOn::UNAVAILABLE,
        _ => RetryOn::NONE,
    }
}

#[cfg(test)]
mod tests;
