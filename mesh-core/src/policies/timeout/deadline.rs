//! When a request must be over.

use std::time::{Duration, Instant};

use http::HeaderValue;

/// A timeout ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timed out after {after:?}")]
pub struct Elapsed {
    /// The timeout that was in force.
    pub after: Duration,
}

/// The instant by which a request must be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(Instant);

impl Deadline {
    /// The timeout in force: a trusted header beats all (0 there means none, RT-5), else the
    /// smaller of the route's and, for gRPC, the caller's (RT-4). `None` is without limit, and so
    /// is a route timeout of zero (RT-1).
    #[must_use]
    pub fn effective(
        route_timeout: Option<Duration>,
        grpc: Option<Duration>,
        header: Option<Duration>,
    ) -> Option<Duration> {
        let set = |timeout: &Duration| !timeout.is_zero();
        match header {
            Some(timeout) => Some(timeout).filter(set),
            None => [route_timeout.filter(set), grpc.filter(set)].into_iter().flatten().min(),
        }
    }

    /// The deadline `timeout` after `now`; `None` if that is beyond what an instant can hold, and
    /// so no limit.
    #[must_use]
    pub fn after(now: Instant, timeout: Duration) -> Option<Self> {
        now.checked_add(timeout).map(Self)
    }

    /// The deadline at `instant`.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The instant.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// The time left; zero once past.
    #[must_use]
    pub fn remaining(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// Whether it has passed.
    #[must_use]
    pub fn is_past(self, now: Instant) -> bool {
        self.0 <= now
    }

    /// The earlier of two deadlines, such as a route's and the context's that the call is made in.
    #[must_use]
    pub fn earliest(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        [one, other].into_iter().flatten().min()
    }

    /// How long the next attempt may take: the time left, or the per-try timeout if that is less.
    #[must_use]
    pub fn attempt_timeout(
        deadline: Option<Self>,
        per_try: Option<Duration>,
        now: Instant,
    ) -> Option<Duration> {
        let left = deadline.map(|deadline| deadline.remaining(now));
        [left, per_try.filter(|timeout| !timeout.is_zero())].into_iter().flatten().min()
    }

    /// The value of `x-envoy-expected-rq-timeout-ms` for an attempt that may take `timeout`
    /// (HD-3): whole milliseconds, rounded down, at least 1.
    #[must_use]
    pub fn expected_ms(timeout: Duration) -> HeaderValue {
        HeaderValue::from(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::ManualClock;

    const fn ms(millis: u64) -> Option<Duration> {
        Some(Duration::from_millis(millis))
    }

    #[test]
    fn rt_4_the_smaller_of_route_and_caller() {
        assert_eq!(Deadline::effective(None, None, None), None);
        assert_eq!(Deadline::effective(ms(0), None, None), None);
        assert_eq!(Deadline::effective(ms(2_000), None, None), ms(2_000));
        assert_eq!(Deadline::effective(None, ms(1_500), None), ms(1_500));
        assert_eq!(Deadline::effective(ms(2_000), ms(1_500), None), ms(1_500));
        assert_eq!(Deadline::effective(ms(1_000), ms(1_500), None), ms(1_000));
        assert_eq!(Deadline::effective(ms(0), ms(1_500), None), ms(1_500));
    }

    #[test]
    fn rt_5_a_trusted_header_beats_both() {
        assert_eq!(Deadline::effective(ms(1), ms(2), ms(5_000)), ms(5_000));
        assert_eq!(Deadline::effective(ms(1), ms(2), ms(0)), None);
    }

    #[test]
    fn time_left_shrinks_to_zero() {
        let clock = ManualClock::default();
        let deadline = Deadline::after(clock.now(), Duration::from_millis(1_500)).unwrap();
        clock.advance(Duration::from_millis(400));
        assert_eq!(deadline.remaining(clock.now()), Duration::from_millis(1_100));
        assert_eq!(Deadline::attempt_timeout(Some(deadline), ms(500), clock.now()), ms(500));
        assert_eq!(Deadline::attempt_timeout(Some(deadline), None, clock.now()), ms(1_100));
        assert_eq!(Deadline::attempt_timeout(None, ms(0), clock.now()), None);
        assert!(!deadline.is_past(clock.now()));
        clock.advance(Duration::from_millis(1_100));
        assert!(deadline.is_past(clock.now()));
        clock.advance(Duration::from_millis(1_100));
        assert_eq!(deadline.remaining(clock.now()), Duration::ZERO);
        assert_eq!(Deadline::after(clock.now(), Duration::MAX), None);
    }

    #[test]
    fn the_earlier_deadline_wins() {
        let now = ManualClock::default().now();
        let early = Deadline::at(now);
        let late = Deadline::at(now + Duration::from_secs(1));
        assert_eq!(Deadline::earliest(Some(late), Some(early)), Some(early));
        assert_eq!(Deadline::earliest(None, Some(late)), Some(late));
        assert_eq!(Deadline::earliest(None, None), None);
    }

    #[test]
    fn hd_3_expected_timeout_is_in_whole_milliseconds() {
        assert_eq!(Deadline::expected_ms(Duration::from_micros(1_999)), "1");
        assert_eq!(Deadline::expected_ms(Duration::ZERO), "1");
        assert_eq!(Deadline::expected_ms(Duration::from_secs(2)), "2000");
    }
}
