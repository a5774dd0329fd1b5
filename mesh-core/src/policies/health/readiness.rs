//! Is our own workload ready? (HC-3)

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::error::Origin;

/// How our own workload is asked, as its WorkloadGroup says.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadinessPolicy {
    /// The check.
    pub check: ReadinessCheck,
    /// Time before the first check.
    pub initial_delay: Duration,
    /// Time until a check counts as failed.
    pub timeout: Duration,
    /// Time from check to check.
    pub period: Duration,
    /// Successes in a row that make it ready.
    pub success_threshold: u32,
    /// Failures in a row that make it unready.
    pub failure_threshold: u32,
    /// Where it was written.
    pub origin: Origin,
}

impl ReadinessPolicy {
    /// Whether this asks the same, wherever it is written.
    #[must_use]
    pub fn same_policy(&self, other: &Self) -> bool {
        let Self { check, initial_delay, timeout, period, success_threshold, failure_threshold, origin: _ } =
            self;
        *check == other.check
            && [initial_delay, timeout, period] == [&other.initial_delay, &other.timeout, &other.period]
            && (*success_threshold, *failure_threshold) == (other.success_threshold, other.failure_threshold)
    }
}

/// A check of our own workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadinessCheck {
    /// A GET that any status from 200 to 399 answers well.
    Http {
        /// Whom to ask.
        address: SocketAddr,
        /// The host that the request names.
        host: Arc<str>,
        /// Path and query.
        path: Arc<str>,
        /// Whether over TLS; the certificate is not verified.
        tls: bool,
        /// Further headers.
        headers: Vec<(HeaderName, HeaderValue)>,
    },
    /// A connection that can be made.
    Tcp(SocketAddr),
    /// A command that ends with status 0.
    Exec {
        /// The program.
        program: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// `grpc.health.v1.Health/Check`.
    Grpc {
        /// Whom to ask.
        address: SocketAddr,
        /// The service asked about; empty is the server as a whole.
        service: Arc<str>,
    },
}

/// The readiness of a workload, by the answers of its probe.
///
/// ```text
///           successThreshold successes in a row
///  unready ────────────────────────────────────▶ ready
///     ▲                                            │
///     └──────── failureThreshold failures ─────────┘
/// ```
///
/// It begins unready: a workload gets no requests before it has said that it wants them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readiness {
    ready: bool,
    /// Answers in a row that say the other thing.
    against: u32,
}

impl Readiness {
    /// Whether it is ready.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Takes note of an answer; whether that changes anything.
    pub const fn record(&mut self, policy: &ReadinessPolicy, passed: bool) -> bool {
        if passed == self.ready {
            self.against = 0;
            return false;
        }
        self.against = self.against.saturating_add(1);
        let threshold = if passed { policy.success_threshold } else { policy.failure_threshold };
        if self.against < threshold {
            return false;
        }
        *self = Self { ready: passed, against: 0 };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(success_threshold: u32, failure_threshold: u32) -> ReadinessPolicy {
        ReadinessPolicy {
            check: ReadinessCheck::Tcp(SocketAddr::from(([127, 0, 0, 1], 80))),
            initial_delay: Duration::ZERO,
            timeout: Duration::from_secs(1),
            period: Duration::from_secs(10),
            success_threshold,
            failure_threshold,
            origin: Origin::default(),
        }
    }

    #[test]
    fn hc_3_answers_in_a_row_change_it() {
        let policy = policy(2, 3);
        let mut state = Readiness::default();
        assert!(!state.is_ready(), "not before it has said so");
        let answers = [true, false, true, true, false, false, true, false, false, false, true, true];
        let ready: Vec<bool> = answers
            .iter()
            .map(|passed| {
                let before = state.is_ready();
                assert_eq!(state.record(&policy, *passed), state.is_ready() != before);
                state.is_ready()
            })
            .collect();
        let expected = [false, false, false, true, true, true, true, true, true, false, false, true];
        assert_eq!(ready, expected);
    }

    #[test]
    fn hc_3_by_default_one_success_is_enough() {
        let mut state = Readiness::default();
        assert!(!state.record(&policy(1, 3), false));
        assert!(state.record(&policy(1, 3), true) && state.is_ready());
    }
}
