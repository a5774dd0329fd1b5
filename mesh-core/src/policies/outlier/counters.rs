//! The three counters of a host in one atomic word (OD-2).
//!
//! One word, so that "error: this one up, that one to zero" is a single exchange and no error is
//! ever counted twice or lost between threads; and a success on a clean host is a single load.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The effect of an outcome on one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It says nothing about it.
    Keep,
    /// It ends a row of errors.
    Reset,
    /// It is an error.
    Add,
}

/// The effect of an outcome on the counters: 5xx, gateway, local.
pub(super) type Changes = [Change; 3];

/// Three counters of 21 bits, which stop at their largest value: two million errors in a row.
#[derive(Debug, Default)]
pub(super) struct Counters(AtomicU64);

const BITS: u32 = 21;
const MOST: u64 = (1 << BITS) - 1;

impl Counters {
    /// Applies `changes`. Says which counters reached their threshold (0: never) and were
    /// therefore set back to 0 (OD-5).
    pub(super) fn apply(&self, changes: Changes, thresholds: [u32; 3]) -> [bool; 3] {
        let mut current = self.0.load(Relaxed);
        loop {
            let (next, reached) = step(current, changes, thresholds);
            if next == current && reached == [false; 3] {
                return reached;
            }
            // Relaxed: the word guards nothing but itself.
            match self.0.compare_exchange_weak(current, next, Relaxed, Relaxed) {
                Ok(_) => return reached,
                Err(seen) => current = seen,
            }
        }
    }

    /// Sets all to 0.
    pub(super) fn clear(&self) {
        self.0.store(0, Relaxed);
    }

    /// The values, for the admin pages and tests.
    pub(super) fn values(&self) -> [u32; 3] {
        let word = self.0.load(Relaxed);
        std::array::from_fn(|index| field(word, index))
    }
}

fn field(word: u64, index: usize) -> u32 {
    u32::try_from(word >> shift(index) & MOST).expect("21 bits fit")
}

const fn shift(index: usize) -> u32 {
    index as u32 * BITS
}

fn step(word: u64, changes: Changes, thresholds: [u32; 3]) -> (u64, [bool; 3]) {
    let mut next = 0;
    let mut reached = [false; 3];
    for index in 0..3 {
        let value = u64::from(field(word, index));
        let value = match changes[index] {
            Change::Keep => value,
            Change::Reset => 0,
            Change::Add => {
                reached[index] = value + 1 == u64::from(thresholds[index]);
                if reached[index] { 0 } else { (value + 1).min(MOST) }
            }
        };
        next |= value << shift(index);
    }
    (next, reached)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn od_5_a_counter_that_reaches_its_threshold_restarts() {
        let counters = Counters::default();
        let add = [Change::Add, Change::Keep, Change::Keep];
        for cycle in 0..10 {
            assert_eq!(counters.apply(add, [3, 0, 0]), [false; 3], "{cycle}");
            assert_eq!(counters.apply(add, [3, 0, 0]), [false; 3], "{cycle}");
            assert_eq!(counters.apply(add, [3, 0, 0]), [true, false, false], "{cycle}");
            assert_eq!(counters.values(), [0; 3]);
        }
    }

    #[test]
    fn a_threshold_of_one_is_reached_at_every_error() {
        let counters = Counters::default();
        for _ in 0..3 {
            assert_eq!(counters.apply([Change::Add; 3], [1, 1, 1]), [true; 3]);
        }
    }

    #[test]
    fn counters_do_not_touch_each_other() {
        let counters = Counters(AtomicU64::new(MOST | MOST << BITS));
        counters.apply([Change::Add, Change::Keep, Change::Add], [0; 3]);
        assert_eq!(counters.values(), [(1 << BITS) - 1, (1 << BITS) - 1, 1]);
        counters.apply([Change::Reset, Change::Keep, Change::Keep], [0; 3]);
        assert_eq!(counters.values(), [0, (1 << BITS) - 1, 1]);
    }

    #[test]
    fn threads_reach_the_threshold_exactly_once_per_row() {
        let counters = Counters::default();
        let reached = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        if counters.apply([Change::Add; 3], [5, 0, 0])[0] {
                            reached.fetch_add(1, Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(reached.into_inner(), 4_000);
    }
}
