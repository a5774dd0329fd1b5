//! Maglev: a table of slots, each with a host; a request goes to slot `hash % size` (LB-8).
//!
//! Every host has its own order of all slots, `offset + k · skip`; hosts take turns, each takes the
//! next free slot of its order, a host of half the weight every other turn, until the table is full
//! (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", 2016). A pick is
//! one division where a ring needs a search, and the shares are nearly exact. The price: one host
//! less moves up to `2/n` of the keys, not only its own.
//!
//! Order of turns and of slots is Envoy's: hosts by their names, `offset = hash % size` with seed 0,
//! `skip = hash % (size − 1) + 1` with seed 1. Worked example, 7 slots: b0 (offset 3, skip 4) would have
//! 3 0 4 1 5 2 6, b1 (offset 0, skip 2) 0 2 4 6 1 3 5. In turns they take 3, 0, 4 (0 is taken), 2, 1, 6,
//! 5: b0 has 1 3 4 5, b1 has 0 2 6.
//!
//! # Memory
//! 4 bytes a slot: 262 kB for the default table, 20 MB for the largest.

use super::Share;
use crate::hash::xx_hash;

/// Hosts by slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maglev {
    slots: Box<[u32]>,
}

/// A slot that no host has taken yet.
const FREE: u32 = u32::MAX;

/// A host while the table is filled.
struct Turn {
    index: u32,
    part: f64,
    /// The next slot of its order.
    slot: u64,
    skip: u64,
    /// Turns are taken when `round · part` has come this far.
    due: f64,
}

impl Maglev {
    /// Slots where no size is written.
    pub const DEFAULT_SIZE: u64 = 65_537;
    /// A table has fewer slots than this.
    pub const SIZE_LIMIT: u64 = 5_000_011;

    /// Whether a table may have so many slots: a prime, below the limit.
    #[must_use]
    pub fn is_size(size: u64) -> bool {
        let is_prime =
            || (2..).take_while(|factor| factor * factor <= size).all(|factor| !size.is_multiple_of(factor));
        (2..Self::SIZE_LIMIT).contains(&size) && is_prime()
    }

    /// Fills a table of `size` slots.
    ///
    /// # Panics
    /// If `size` [is none](Self::is_size).
    #[must_use]
    pub fn build(size: u64, hosts: &[Share<'_>]) -> Self {
        assert!(Self::is_size(size), "the order of a host visits every slot of a prime number of slots");
        if hosts.is_empty() {
            return Self::default();
        }
        let heaviest = hosts.iter().map(|host| host.part).fold(0.0, f64::max);
        let mut turns: Vec<_> = hosts.iter().collect();
        turns.sort_by(|one, other| one.key.cmp(&other.key));
        let mut turns: Vec<_> = turns.into_iter().map(|host| Turn::of(host, size)).collect();
        let mut slots = vec![FREE; usize::try_from(size).expect("below the limit")];
        let mut left = slots.len();
        let mut round = 0.0;
        'filling: loop {
            round += 1.0;
            for turn in &mut turns {
                if round * turn.part < turn.due {
                    continue;
                }
                turn.due += heaviest;
                turn.take(&mut slots);
                left -= 1;
                if left == 0 {
                    break 'filling;
                }
            }
        }
        Self { slots: slots.into() }
    }

    /// The host of a hash. A later `attempt` goes to another slot, far away.
    #[must_use]
    pub fn pick(&self, hash: u64, attempt: u32) -> Option<u32> {
        let hash = if attempt == 0 { hash } else { hash ^ (u64::MAX - u64::from(attempt) + 1) };
        let slot = hash.checked_rem(self.slots.len() as u64)?;
        self.slots.get(slot as usize).copied()
    }
}

impl Turn {
    fn of(host: &Share<'_>, size: u64) -> Self {
        let key = host.key.as_bytes();
        Self {
            index: host.index,
            part: host.part,
            slot: xx_hash(key, 0) % size,
            skip: xx_hash(key, 1) % (size - 1) + 1,
            due: 0.0,
        }
    }

    /// Takes the next free slot; there is one.
    fn take(&mut self, slots: &mut [u32]) {
        let size = slots.len() as u64;
        loop {
            let slot = &mut slots[usize::try_from(self.slot).expect("below the number of slots")];
            self.slot = (self.slot + self.skip) % size;
            if *slot == FREE {
                *slot = self.index;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::share::tests::{equal, moved, shares, without};
    use super::*;

    fn counts(table: &Maglev, hosts: usize) -> Vec<usize> {
        let count = |host| table.slots.iter().filter(|owner| **owner as usize == host).count();
        (0..hosts).map(count).collect()
    }

    #[test]
    fn lb_8_sizes_are_primes_below_the_limit() {
        for size in [2, 3, 5, 7, 101, 1_009, 7_919, 65_521, 65_537, 104_729, 1_299_709, 4_999_999] {
            assert!(Maglev::is_size(size), "{size}");
        }
        // Squares of primes, products of two primes, and Carmichael numbers.
        for size in [9, 49, 1_018_081, 65_539 - 2 * 4, 101 * 1_009, 561, 41_041, 825_265] {
            assert!(!Maglev::is_size(size), "{size}");
        }
        assert!(Maglev::is_size(Maglev::DEFAULT_SIZE));
        for size in [0, 1, 4, 1_024, 65_535, 65_536, Maglev::SIZE_LIMIT, 5_000_077] {
            assert!(!Maglev::is_size(size), "{size}");
        }
    }

    #[test]
    fn lb_8_each_host_follows_its_own_order_of_slots() {
        let table = Maglev::build(7, &shares(&[("b", 1), ("a", 1)]));
        // Hosts take turns in the order of their names, each the first free slot of its order.
        let mut expected = [FREE; 7];
        let mut next = [0_u64; 2];
        for turn in 0..7 {
            let (name, index) = [("a", 1), ("b", 0)][turn % 2];
            let (offset, skip) = (xx_hash(name.as_bytes(), 0) % 7, xx_hash(name.as_bytes(), 1) % 6 + 1);
            loop {
                let slot = usize::try_from((offset + next[turn % 2] * skip) % 7).unwrap();
                next[turn % 2] += 1;
                if expected[slot] == FREE {
                    expected[slot] = index;
                    break;
                }
            }
        }
        assert_eq!(*table.slots, expected);
    }

    #[test]
    fn lb_8_a_later_attempt_goes_to_another_slot() {
        let table = Maglev::build(65_537, &equal(10));
        let hash = 0x0123_4567_89ab_cdef_u64;
        for attempt in 1..6 {
            let slot = (hash ^ 0_u64.wrapping_sub(attempt)) % 65_537;
            let expected = table.slots[usize::try_from(slot).unwrap()];
            assert_eq!(table.pick(hash, u32::try_from(attempt).unwrap()), Some(expected));
        }
        assert_eq!(table.pick(65_538, 0), Some(table.slots[1]));
    }

    #[test]
    fn lb_4_a_table_without_hosts_picks_nobody() {
        assert_eq!(Maglev::build(7, &[]).pick(1, 0), None);
    }

    #[test]
    fn lb_8_more_hosts_than_slots_still_fill_the_table() {
        let table = Maglev::build(5, &equal(9));
        assert!(table.slots.iter().all(|owner| *owner < 9));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn lb_8_one_host_less_moves_at_most_two_nths(hosts in 3_usize..40, gone: prop::sample::Index) {
            let all = equal(hosts);
            let rest = without(&all, gone.index(hosts));
            let (before, after) = (Maglev::build(65_537, &all), Maglev::build(65_537, &rest));
            let pick = |table: &Maglev, key| table.pick(key, 0).unwrap();
            let moved = moved(20_000, |key| pick(&before, key), |key| pick(&after, key));
            let share = moved.len() as f64 / 20_000.0;
            prop_assert!(share <= 2.0 / hosts as f64, "{} of {}", share, hosts);
        }

        #[test]
        fn lb_8_slots_are_proportional_to_weights_and_each_host_has_one(
            weights in prop::collection::vec(1_u32..100, 1..30),
        ) {
            let hosts: Vec<_> = weights.iter().map(|weight| ("h", *weight)).collect();
            let table = Maglev::build(10_007, &shares(&hosts));
            let sum = f64::from(weights.iter().sum::<u32>());
            for (count, weight) in counts(&table, weights.len()).into_iter().zip(&weights) {
                let expected = f64::from(*weight) / sum * 10_007.0;
                // Everybody takes a turn in the first round, the light ones too early.
                let slack = 2.0 + weights.len() as f64 * f64::from(*weight) / sum;
                prop_assert!(count >= 1 && (count as f64 - expected).abs() <= slack, "{} {}", count, expected);
            }
        }
    }
}
