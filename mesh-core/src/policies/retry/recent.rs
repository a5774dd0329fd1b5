//! Requests started within the last while: the third term of a retry budget (CB-8).
//!
//! `budgetInterval` exists because a fast failure is over before it is counted as active: a
//! destination that refuses 1000 requests a second in 1 ms each has one active. With an interval
//! of one second all thousand count.
//!
//! The interval is cut into sixteen slots in a ring; a slot that comes round again is emptied by
//! the thread that touches it first. A count is exact to a sixteenth of the interval, on the side of fewer
//! retries: requests older than 15/16 of it may be left out already.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const SLOTS: u32 = 16;

/// Counts starts over a sliding interval; shared by all threads.
///
/// A slot holds the number of its turn in the upper half and its count in the lower, so that
/// emptying and counting is one exchange. `Relaxed`: each word guards nothing but itself.
#[derive(Debug)]
pub struct Recent {
    origin: Instant,
    slot_nanos: u128,
    slots: [AtomicU64; SLOTS as usize],
}

impl Recent {
    /// How far ahead of a reader's clock another thread's may be and still be taken for ahead,
    /// not for a turn from before the number wrapped round.
    const AHEAD: u32 = 2 * SLOTS;

    /// A counter over `interval`.
    #[must_use]
    pub fn new(interval: Duration, now: Instant) -> Self {
        let slot_nanos = (interval.as_nanos() / u128::from(SLOTS)).max(1);
        Self { origin: now, slot_nanos, slots: Default::default() }
    }

    /// Counts a request that starts now.
    pub fn note(&self, now: Instant) {
        let turn = self.turn(now);
        let add = |word| match unpack(word) {
            (seen, count) if seen == turn => Some(pack(turn, count.saturating_add(1))),
            // A thread with a later clock has the slot already: this start is too old to count.
            (seen, 1..) if seen.wrapping_sub(turn) < Self::AHEAD => None,
            _ => Some(pack(turn, 1)),
        };
        let _too_old = self.slots[(turn % SLOTS) as usize].fetch_update(Relaxed, Relaxed, add);
    }

    /// How many requests started within the interval before `now`.
    #[must_use]
    pub fn count(&self, now: Instant) -> u32 {
        let turn = self.turn(now);
        let within = |(seen, _): &(u32, u32)| turn.wrapping_sub(*seen) < SLOTS;
        let slots = self.slots.iter().map(|slot| unpack(slot.load(Relaxed))).filter(within);
        slots.fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// The number of the turn; wraps round.
    fn turn(&self, now: Instant) -> u32 {
        let nanos = now.saturating_duration_since(self.origin).as_nanos();
        (nanos / self.slot_nanos) as u32
    }
}

const fn pack(turn: u32, count: u32) -> u64 {
    (turn as u64) << 32 | count as u64
}

const fn unpack(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::tests::ManualClock;

    #[test]
    fn cb_8_starts_are_forgotten_after_the_interval() {
        let clock = ManualClock::default();
        let recent = Recent::new(Duration::from_secs(1), clock.now());
        for _ in 0..100 {
            recent.note(clock.now());
        }
        assert_eq!(recent.count(clock.now()), 100);
        clock.advance(Duration::from_millis(900));
        recent.note(clock.now());
        assert_eq!(recent.count(clock.now()), 101);
        clock.advance(Duration::from_millis(100));
        assert_eq!(recent.count(clock.now()), 1);
        clock.advance(Duration::from_secs(100_000));
        assert_eq!(recent.count(clock.now()), 0);
    }

    #[test]
    fn a_clock_that_lags_takes_nothing_away() {
        let clock = ManualClock::default();
        let recent = Recent::new(Duration::from_secs(1), clock.now());
        let early = clock.now();
        clock.advance(Duration::from_secs(1));
        recent.note(clock.now());
        recent.note(early);
        assert_eq!(recent.count(clock.now()), 1);
    }

    #[test]
    fn turns_may_wrap_round() {
        let clock = ManualClock::default();
        let recent = Recent::new(Duration::from_nanos(16), clock.now());
        recent.note(clock.now());
        // 2³² turns of a nanosecond, less a few.
        clock.advance(Duration::from_nanos((1 << 32) - 20));
        recent.note(clock.now());
        assert_eq!(recent.count(clock.now()), 1);
        for _ in 0..100 {
            clock.advance(Duration::from_nanos(1));
            recent.note(clock.now());
        }
        assert_eq!(recent.count(clock.now()), 16);
    }

    proptest! {
        #[test]
        fn cb_8_count_is_that_of_the_interval_to_a_slot(steps in prop::collection::vec(0_u64..400, 1..200)) {
            let clock = ManualClock::default();
            let interval = Duration::from_millis(1_600);
            let recent = Recent::new(interval, clock.now());
            let mut starts = VecDeque::new();
            for step in steps {
                clock.advance(Duration::from_millis(step));
                recent.note(clock.now());
                starts.push_back(clock.now());
                let age = |at: &Instant| clock.now() - *at;
                let at_most = starts.iter().filter(|at| age(at) < interval).count();
                let at_least = starts.iter().filter(|at| age(at) < interval * 15 / 16).count();
                let count = recent.count(clock.now()) as usize;
                prop_assert!((at_least..=at_most).contains(&count), "{at_least} {count} {at_most}");
            }
        }
    }
}
