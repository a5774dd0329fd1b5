//! The faults of a route, and how many run at once.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use http::HeaderMap;

use super::{Abort, Delay, HeaderFaults, Injection, Throttle};
use crate::error::Origin;
use crate::rng::Rng;
use crate::units::Percent;

/// The faults of a route.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultPolicy {
    /// A delay.
    pub delay: Option<Delay>,
    /// An abort.
    pub abort: Option<Abort>,
    /// How often it aborts.
    pub abort_percent: Percent,
    /// A slow response; only a header or code asks for it.
    pub throttle: Option<Throttle>,
    /// Faults that requests may ask for by header (FI-7); off unless enabled per workload.
    pub headers: Option<HeaderFaults>,
    /// How many requests may be under a fault at once (FI-7); `None` is without limit.
    pub max_active: Option<u32>,
    /// Where it was written.
    pub origin: Origin,
}

impl FaultPolicy {
    /// Draws the faults of one request.
    pub fn decide(&self, rng: &mut impl Rng) -> Injection {
        let delay = self.delay.filter(|delay| delay.percent.hit(rng)).map(|delay| delay.duration);
        let abort = self.abort.filter(|_| self.abort_percent.hit(rng));
        let throttle = self.throttle.filter(|throttle| throttle.percent.hit(rng));
        Injection { delay, abort, throttle: throttle.map(|throttle| throttle.bytes_per_second.max(1)) }
    }
}

impl HeaderFaults {
    /// The policy with the faults that the headers ask for in place of its own; what no request may
    /// ask for stays as it is.
    #[must_use]
    pub fn applied_to(self, policy: &FaultPolicy, headers: &HeaderMap) -> FaultPolicy {
        let (abort, abort_percent) = match self.asked_abort(headers) {
            Some((abort, share)) => (Some(abort), share),
            None => (policy.abort, policy.abort_percent),
        };
        FaultPolicy {
            delay: self.asked_delay(headers).or(policy.delay),
            abort,
            abort_percent,
            throttle: self.asked_throttle(headers).or(policy.throttle),
            max_active: policy.max_active.or(self.max_active),
            ..FaultPolicy::default()
        }
    }
}

/// Counts the requests under a fault, for `max_active`; shared by all threads.
///
/// `Relaxed` throughout: a count guards no other data.
#[derive(Debug, Default)]
pub struct ActiveFaults {
    active: AtomicU32,
}

impl ActiveFaults {
    /// Makes room for one fault; `false` if there is none: the fault is then skipped, and counts as
    /// `faults_overflow`. Pair it with [`release`](Self::release).
    pub fn try_begin(&self, policy: &FaultPolicy) -> bool {
        let limit = policy.max_active.unwrap_or(u32::MAX);
        let room = |active: u32| (active < limit).then(|| active + 1);
        self.active.fetch_update(Relaxed, Relaxed, room).is_ok()
    }

    /// The fault is over.
    pub fn release(&self) {
        let before = self.active.fetch_sub(1, Relaxed);
        debug_assert!(before > 0, "a fault was released twice");
    }

    /// Requests under a fault now.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.active.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;

    use super::*;
    use crate::rng::SeededRng;

    fn policy(delay: f64, abort: f64) -> FaultPolicy {
        FaultPolicy {
            delay: Some(Delay { duration: Duration::from_secs(5), percent: Percent::new(delay).unwrap() }),
            abort: Some(Abort::http(StatusCode::BAD_GATEWAY)),
            abort_percent: Percent::new(abort).unwrap(),
            ..FaultPolicy::default()
        }
    }

    #[test]
    fn fi_1_nothing_written_injects_nothing() {
        let mut rng = SeededRng::new(1);
        assert!(FaultPolicy::default().decide(&mut rng).is_none());
        assert!((0..1_000).all(|_| policy(0.0, 0.0).decide(&mut rng).is_none()));
    }

    #[test]
    fn fi_3_delay_and_abort_are_independent() {
        let mut rng = SeededRng::new(11);
        let policy = policy(10.0, 20.0);
        let injections: Vec<_> = (0..100_000).map(|_| policy.decide(&mut rng)).collect();
        let count = |want: fn(&Injection) -> bool| injections.iter().filter(|one| want(one)).count();
        assert!((9_500..10_500).contains(&count(|one| one.delay.is_some())));
        assert!((19_300..20_700).contains(&count(|one| one.abort.is_some())));
        assert!((1_750..2_250).contains(&count(|one| one.delay.is_some() && one.abort.is_some())));
    }

    #[test]
    fn fi_3_hundred_percent_is_always_both() {
        let injection = policy(100.0, 100.0).decide(&mut SeededRng::new(1));
        assert_eq!(injection.delay, Some(Duration::from_secs(5)));
        assert_eq!(injection.abort, Some(Abort::http(StatusCode::BAD_GATEWAY)));
    }

    #[test]
    fn fi_5_replies() {
        let http = Abort::http(StatusCode::NOT_FOUND);
        let plain = http.reply().response(false);
        assert_eq!(plain.status(), 404);
        assert_eq!(plain.body(), "fault filter abort");
        assert_eq!(http.reply().flags.to_string(), "FI");
        assert_eq!(http.reply().details, "fault_filter_abort");
        let mapped = http.reply().response(true);
        assert_eq!(
            (mapped.status().as_u16(), &mapped.headers()["grpc-status"]),
            (200, &"12".parse().unwrap())
        );
        let grpc = Abort::grpc(14);
        let told = grpc.reply().response(false);
        assert_eq!((told.status().as_u16(), &told.headers()["grpc-status"]), (200, &"14".parse().unwrap()));
        assert_eq!(told.headers()["grpc-message"], "fault filter abort");
    }

    #[test]
    fn fi_7_no_more_than_max_active() {
        let limited = FaultPolicy { max_active: Some(2), ..FaultPolicy::default() };
        let active = ActiveFaults::default();
        assert!(active.try_begin(&limited) && active.try_begin(&limited));
        assert!(!active.try_begin(&limited));
        assert_eq!(active.active(), 2);
        active.release();
        assert!(active.try_begin(&limited));
    }
}
