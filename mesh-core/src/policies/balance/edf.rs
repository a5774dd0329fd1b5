//! Earliest deadline first: smooth weighted rotation in `O(log n)` a pick.
//!
//! Each host is due again `1 / weight` after it was picked; the one that is due first is next.
//! Weights 3 and 1 are due at ⅓, ⅔, 1 … and at 1, 2 …: a a b a. (Envoy's scheduler; the idea is
//! virtual time of fair queueing: Demers, Keshav, Shenker 1989.)

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::rng::Rng;

/// A schedule over slots `0..n`.
#[derive(Clone, Debug, Default)]
pub(super) struct Edf {
    heap: BinaryHeap<Entry>,
    now: f64,
    sequence: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    due: f64,
    /// Breaks ties: the host that has waited longer goes first.
    sequence: u64,
    slot: u32,
}

impl Edf {
    /// Virtual time at which all is moved back to zero, long before `1 / weight` gets lost in
    /// rounding.
    const REBASE: f64 = 4_294_967_296.0;

    /// Starts anew over `slots` hosts, each at a random point of its period, so that workers that
    /// start together do not all begin with the heaviest host. Reuses its memory.
    pub(super) fn rebuild(&mut self, slots: u32, weight: impl Fn(u32) -> f64, rng: &mut impl Rng) {
        let mut entries = std::mem::take(&mut self.heap).into_vec();
        entries.clear();
        entries.extend((0..slots).map(|slot| Entry {
            due: rng.unit() / weight(slot),
            sequence: u64::from(slot),
            slot,
        }));
        *self = Self { heap: entries.into(), now: 0.0, sequence: u64::from(slots) };
    }

    /// The slot that is due, which is then due again after `1 / weight`.
    pub(super) fn pick(&mut self, weight: impl Fn(u32) -> f64) -> Option<u32> {
        if self.now > Self::REBASE {
            self.rebase();
        }
        let mut first = self.heap.peek_mut()?;
        let slot = first.slot;
        self.now = first.due;
        *first = Entry { due: self.now + 1.0 / weight(slot), sequence: self.sequence, slot };
        self.sequence += 1;
        Some(slot)
    }

    fn rebase(&mut self) {
        let mut entries = std::mem::take(&mut self.heap).into_vec();
        for entry in &mut entries {
            entry.due -= self.now;
        }
        self.heap = entries.into();
        self.now = 0.0;
    }
}

impl Ord for Entry {
    /// The greatest entry is the one that is due first: the heap yields its greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.due.total_cmp(&self.due).then_with(|| other.sequence.cmp(&self.sequence))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::SeededRng;

    fn schedule(weights: &[u32], seed: u64) -> (Edf, impl Fn(u32) -> f64) {
        let weight = {
            let weights = weights.to_vec();
            move |slot: u32| f64::from(weights[slot as usize])
        };
        let mut edf = Edf::default();
        edf.rebuild(u32::try_from(weights.len()).unwrap(), &weight, &mut SeededRng::new(seed));
        (edf, weight)
    }

    #[test]
    fn lb_3_three_to_one_is_interleaved() {
        let (mut edf, weight) = schedule(&[3, 1], 1);
        let picks: Vec<_> = (0..400).map(|_| edf.pick(&weight).unwrap()).collect();
        let light = |picks: &[u32]| picks.iter().filter(|slot| **slot == 1).count();
        assert!((99..=101).contains(&light(&picks)));
        // Whatever its phase, the light host is due once in four picks, give or take one.
        assert!(picks.windows(5).all(|window| (1..=2).contains(&light(window))), "{picks:?}");
        assert!(picks.windows(3).all(|window| light(window) <= 1), "{picks:?}");
    }

    #[test]
    fn an_empty_schedule_picks_nobody() {
        assert_eq!(Edf::default().pick(|_| 1.0), None);
    }

    #[test]
    fn rebasing_does_not_disturb_the_order() {
        let (mut edf, weight) = schedule(&[5, 3, 2], 9);
        let (mut late, _) = schedule(&[5, 3, 2], 9);
        late.now = Edf::REBASE * 2.0;
        late.heap = late.heap.iter().map(|entry| Entry { due: entry.due + late.now, ..*entry }).collect();
        late.rebase();
        let picks = |edf: &mut Edf| (0..100).map(|_| edf.pick(&weight).unwrap()).collect::<Vec<_>>();
        let (one, other) = (picks(&mut edf), picks(&mut late));
        let count = |picks: &[u32]| picks.iter().filter(|slot| **slot == 0).count();
        assert!(count(&one).abs_diff(count(&other)) <= 1);
    }

    #[test]
    fn virtual_time_that_has_run_for_long_begins_again_at_zero() {
        let (mut edf, weight) = schedule(&[5, 3, 2], 9);
        let (mut late, _) = schedule(&[5, 3, 2], 9);
        // Beyond 2⁵³, where a turn of a fifth is lost in rounding and one host would get all.
        let late_by = 1e18;
        late.now = late_by;
        late.heap =
            late.heap.iter().map(|entry| Entry { due: entry.due * 0.0 + late_by, ..*entry }).collect();
        let mut counts = [0; 3];
        for _ in 0..1_000 {
            counts[late.pick(&weight).unwrap() as usize] += 1;
            let _ = edf.pick(&weight);
        }
        assert!(late.now <= edf.now + 1.0, "{} {}", late.now, edf.now);
        assert!(
            counts.iter().zip([500, 300, 200]).all(|(count, share)| i32::abs(count - share) <= 2),
            "{counts:?}"
        );
    }

    proptest! {
        /// At virtual time T host i was picked T·wᵢ ± 1 times; hence after N picks of n hosts it is
        /// within 1 + n·wᵢ/W of its exact share.
        #[test]
        fn lb_3_edf_is_proportional(
            weights in prop::collection::vec(1_u32..200, 1..20),
            picks in 1_usize..2_000,
            seed: u64,
        ) {
            let (mut edf, weight) = schedule(&weights, seed);
            let mut counts = vec![0_u32; weights.len()];
            for _ in 0..picks {
                counts[edf.pick(&weight).unwrap() as usize] += 1;
            }
            let sum = f64::from(weights.iter().sum::<u32>());
            for (count, weight) in counts.iter().zip(&weights) {
                let share = f64::from(*weight) / sum;
                let off = (f64::from(*count) - picks as f64 * share).abs();
                prop_assert!(off <= 1.0 + weights.len() as f64 * share + 1e-6, "{weights:?} {counts:?}");
            }
        }
    }
}
