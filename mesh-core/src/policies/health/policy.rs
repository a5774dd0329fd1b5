//! The check, its interval, and how many answers count.

use std::sync::Arc;
use std::time::Duration;

use http::Method;

use crate::error::Origin;
use crate::rng::Rng;

/// How the endpoints of a cluster are asked (HC-1).
#[derive(Clone, Debug, PartialEq)]
pub struct HealthPolicy {
    /// The question.
    pub probe: Probe,
    /// Longest wait for an answer, connecting included.
    pub timeout: Duration,
    /// Time between an answer, or the end of the wait for one, and the next question.
    pub interval: Duration,
    /// The same while the cluster gets no calls.
    pub no_traffic_interval: Duration,
    /// The first question is put off by a random part of this.
    pub initial_jitter: Duration,
    /// Every further one by a random part of so many percent of the interval, so that the many clients of
    /// an endpoint do not ask in step.
    pub interval_jitter_percent: u32,
    /// Failures in a row that take an endpoint out.
    pub unhealthy_threshold: u32,
    /// Successes in a row that take it back.
    pub healthy_threshold: u32,
    /// Where it was written.
    pub origin: Origin,
}

/// A question, and the answer of an endpoint that is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A request.
    Http {
        /// Method.
        method: Method,
        /// Host to ask for; the service's if unset.
        host: Option<Arc<str>>,
        /// Path and query.
        path: Arc<str>,
        /// Statuses of an endpoint that is well.
        expected: Vec<u16>,
        /// Statuses that count as one failure, not as a clear "no".
        retriable: Vec<u16>,
        /// The text that the first KiB of the body has to contain.
        body: Option<Vec<u8>>,
    },
    /// Bytes; without any, a connection is answer enough.
    Tcp {
        /// The bytes that are sent.
        send: Vec<u8>,
        /// The bytes that the answer has to contain.
        receive: Vec<u8>,
    },
    /// `grpc.health.v1.Health/Check`.
    Grpc {
        /// The service asked about; empty is the server as a whole.
        service: Arc<str>,
    },
}

impl HealthPolicy {
    /// This question, with Envoy Gateway's defaults.
    #[must_use]
    pub fn new(probe: Probe) -> Self {
        Self {
            probe,
            timeout: Duration::from_secs(1),
            interval: Duration::from_secs(3),
            no_traffic_interval: Duration::from_secs(60),
            initial_jitter: Duration::ZERO,
            interval_jitter_percent: 10,
            unhealthy_threshold: 3,
            healthy_threshold: 1,
            origin: Origin::default(),
        }
    }

    /// How long to put off the first question to an endpoint.
    pub fn first_delay(&self, rng: &mut impl Rng) -> Duration {
        self.initial_jitter.mul_f64(rng.unit())
    }

    /// How long to wait after an answer; `used` says whether the cluster gets calls.
    pub fn delay(&self, used: bool, rng: &mut impl Rng) -> Duration {
        let interval = if used { self.interval } else { self.no_traffic_interval.max(self.interval) };
        interval + interval.mul_f64(f64::from(self.interval_jitter_percent) / 100.0 * rng.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SeededRng;

    #[test]
    fn hc_1_intervals_are_jittered_upwards_and_long_without_traffic() {
        let mut policy = HealthPolicy::new(Probe::Grpc { service: "".into() });
        let mut rng = SeededRng::new(7);
        let all: Vec<_> = (0..1_000).map(|_| policy.delay(true, &mut rng)).collect();
        let (least, most) = (all.iter().min().unwrap(), all.iter().max().unwrap());
        assert!(*least >= Duration::from_secs(3) && *least < Duration::from_millis(3_010), "{least:?}");
        assert!(*most < Duration::from_millis(3_300) && *most > Duration::from_millis(3_290), "{most:?}");
        assert!((60..=66).contains(&policy.delay(false, &mut rng).as_secs()));
        policy.interval = Duration::from_secs(120);
        assert!(policy.delay(false, &mut rng) >= policy.interval, "never more often without traffic");
        assert_eq!(policy.first_delay(&mut rng), Duration::ZERO);
        policy.initial_jitter = Duration::from_secs(1);
        let first: Vec<_> = (0..1_000).map(|_| policy.first_delay(&mut rng)).collect();
        assert!(first.iter().all(|delay| *delay < policy.initial_jitter));
        assert!(first.iter().any(|delay| *delay > policy.initial_jitter.mul_f64(0.95)));
    }
}
