//! How slow is a host? (wish: a slow endpoint gets next to nothing.)
//!
//! Least request counts what a host has to do, not how long it takes; an endpoint that is a hundred
//! times slower still gets requests whenever it happens to be idle. This meter remembers how long
//! answers took: a slow one raises it at once, faster ones lower it little by little, and so does
//! time, so that a host that was slow is asked again. The load of a host is what the meter says times
//! the requests it would have with one more; the better of two random hosts is picked.
//!
//! The algorithm is Finagle's `PeakEwma` with the power of two choices
//! (<https://twitter.github.io/finagle/guide/Clients.html#power-of-two-choices-p2c-peak-ewma>), the
//! moving average that of irregular intervals: weight `e^(-Δt / decay)`.
//!
//! Worked example: decay 10 s. Answers took 1 ms; one takes 500 ms: the meter says 500 ms. Without a
//! further answer it says 184 ms ten seconds later; the host is equal to others of 1 ms after a minute.
//!
//! A failure is no fast answer: it counts as at least a second.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The latency of a host's answers; shared by all threads.
#[derive(Debug, Default)]
pub struct Latency(Mutex<Meter>);

#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    at: Option<Instant>,
    /// In nanoseconds.
    cost: f64,
}

impl Latency {
    /// How fast the past is forgotten by default.
    pub const DECAY: Duration = Duration::from_secs(10);
    /// The least cost of a failure.
    const FAILURE: Duration = Duration::from_secs(1);
    /// The load of a host that has never answered and has requests: worse than any other.
    const UNKNOWN: u64 = 1 << 60;

    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of an answer that took this long.
    pub fn answered(&self, took: Duration, decay: Duration, now: Instant) {
        let mut meter = self.meter();
        let took = nanos(took);
        let before = meter.at.map_or(0.0, |at| weight(at, now, decay));
        let decayed = meter.cost * before;
        // A peak counts at once, what is faster only as time goes by.
        meter.cost = if took > decayed { took } else { decayed + took * (1.0 - before) };
        meter.at = Some(now);
    }

    /// Takes note of an attempt that failed after this time: it never makes a host look faster.
    pub fn failed(&self, took: Duration, decay: Duration, now: Instant) {
        let took = took.max(Self::FAILURE);
        if nanos(took) > self.cost(decay, now) {
            self.answered(took, decay, now);
        }
    }

    /// The load of a host with so many requests under way.
    #[must_use]
    pub fn load(&self, active: u32, decay: Duration, now: Instant) -> u64 {
        let cost = self.cost(decay, now);
        if cost < 1.0 {
            // One request measures how fast it is; until then no other follows.
            return if active == 0 { 0 } else { Self::UNKNOWN + u64::from(active) };
        }
        // A float that is too large becomes the largest integer, which is meant.
        (cost * (f64::from(active) + 1.0)).min(Self::UNKNOWN as f64) as u64
    }

    fn cost(&self, decay: Duration, now: Instant) -> f64 {
        let meter = *self.meter();
        meter.at.map_or(0.0, |at| meter.cost * weight(at, now, decay))
    }

    fn meter(&self) -> MutexGuard<'_, Meter> {
        // The meter is valid between any two of its assignments.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The weight of the past.
fn weight(then: Instant, now: Instant, decay: Duration) -> f64 {
    let passed = now.saturating_duration_since(then).as_secs_f64();
    if decay.is_zero() { 0.0 } else { (-passed / decay.as_secs_f64()).exp() }
}

fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

#[cfg(test)]
mod tests;
