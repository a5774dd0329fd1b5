//! What is injected, how often, and how many at once.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use http::StatusCode;

use super::HeaderFaults;
use crate::error::Origin;
use crate::outcome::GrpcCode;
use crate::reply::LocalReply;
use crate::rng::Rng;
use crate::units::Percent;

/// A delay for a share of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// How long.
    pub duration: Duration,
    /// How often.
    pub percent: Percent,
}

/// A slow response for a share of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// How much of the body is passed on in a second; at least 1.
    pub bytes_per_second: u64,
    /// How often.
    pub percent: Percent,
}

/// A failure in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort {
    /// The HTTP status; 200 where `grpc` is set.
    pub status: StatusCode,
    /// The gRPC status.
    pub grpc: Option<GrpcCode>,
}

impl Abort {
    /// An abort by HTTP status.
    #[must_use]
    pub const fn http(status: StatusCode) -> Self {
        Self { status, grpc: None }
    }

    /// An abort by gRPC status.
    #[must_use]
    pub const fn grpc(code: GrpcCode) -> Self {
        Self { status: StatusCode::OK, grpc: Some(code) }
    }

    /// The reply (FI-5). How it is told, [`LocalReply::response`] decides: to a gRPC request an HTTP status
    /// is mapped (RF-4), a gRPC status goes to everybody.
    #[must_use]
    pub fn reply(&self) -> LocalReply {
        LocalReply::fault_abort(self.status, self.grpc)
    }
}

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

/// What happens to one request: first the delay, then the abort (FI-3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Injection {
    /// Wait this long first.
    pub delay: Option<Duration>,
    /// Then answer with this.
    pub abort: Option<Abort>,
    /// Otherwise pass the response on at this many bytes a second.
    pub throttle: Option<u64>,
}

impl Injection {
    /// Nothing is injected.
    pub const NONE: Self = Self { delay: None, abort: None, throttle: None };

    /// Whether nothing is injected.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.delay.is_none() && self.abort.is_none() && self.throttle.is_none()
    }
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
