//! The draw: cumulative bounds and a binary search.

use crate::hash::xx_hash;
use crate::rng::Rng;

/// Destinations of one rule, by weight.
///
/// Valid once built; [`pick`](Self::pick) is `O(log n)` and does not allocate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedSplit {
    /// Upper bound (exclusive) of each kept destination's share of `0..total`, rising.
    bounds: Vec<u32>,
    /// The destination each bound stands for.
    destinations: Vec<usize>,
}

/// Weights that give no split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// There is no destination.
    #[error("there is no destination")]
    Empty,
    /// Several destinations, all of weight 0.
    #[error("the weights of several destinations must not all be 0")]
    ZeroTotal,
    /// The weights add up to more than 2³²−1.
    #[error("the weights add up to more than {}", u32::MAX)]
    TooLarge,
}

impl WeightedSplit {
    /// Makes a split from the weights in the order of the destinations (VA-3). The weight of a
    /// lone destination is ignored; of several, those of weight 0 are dropped.
    ///
    /// # Errors
    /// If there is no destination, or several whose weights add up to 0 or to more than 2³²−1.
    pub fn new(weights: &[u32]) -> Result<Self, SplitError> {
        match weights {
            [] => return Err(SplitError::Empty),
            [_] => return Ok(Self::single()),
            _ => {}
        }
        let mut total = 0_u32;
        let mut bounds = Vec::with_capacity(weights.len());
        let mut destinations = Vec::with_capacity(weights.len());
        for (index, weight) in weights.iter().copied().enumerate().filter(|(_, weight)| *weight > 0) {
            total = total.checked_add(weight).ok_or(SplitError::TooLarge)?;
            bounds.push(total);
            destinations.push(index);
        }
        if total == 0 { Err(SplitError::ZeroTotal) } else { Ok(Self { bounds, destinations }) }
    }

    /// The split of a lone destination.
    #[must_use]
    pub fn single() -> Self {
        Self { bounds: vec![1], destinations: vec![0] }
    }

    /// Draws a destination's index. A lone destination costs no draw.
    #[must_use]
    pub fn pick(&self, rng: &mut impl Rng) -> usize {
        if let [only] = *self.destinations {
            return only;
        }
        let draw = rng.below(self.total());
        self.destinations[self.bounds.partition_point(|bound| *bound <= draw)]
    }

    /// The destination of a key, by its hash: always the same one, by weight over all keys. A raised
    /// weight moves only the keys that it takes from its neighbours. `salt` makes splits independent of
    /// each other.
    #[must_use]
    pub fn pick_by_key(&self, hash: u64, salt: u64) -> usize {
        if let [only] = *self.destinations {
            return only;
        }
        // Mixed once more: the hash itself says already which endpoint of the destination it is.
        let place = xx_hash(&hash.to_le_bytes(), salt) >> 32;
        let place = (place * u64::from(self.total())) >> 32;
        self.destinations[self.bounds.partition_point(|bound| u64::from(*bound) <= place)]
    }

    /// The share of requests, in `0.0..=1.0`, that destination `index` gets.
    #[must_use]
    pub fn share(&self, index: usize) -> f64 {
        let Some(slot) = self.destinations.iter().position(|kept| *kept == index) else { return 0.0 };
        let below = slot.checked_sub(1).map_or(0, |previous| self.bounds[previous]);
        f64::from(self.bounds[slot] - below) / f64::from(self.total())
    }

    fn total(&self) -> u32 {
        *self.bounds.last().expect("a split has at least one destination")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::SeededRng;

    #[test]
    fn va_3_a_lone_destination_ignores_its_weight() {
        for weight in [0, 1, 100] {
            let split = WeightedSplit::new(&[weight]).unwrap();
            assert_eq!(split.pick(&mut SeededRng::new(1)), 0);
            assert!((split.share(0) - 1.0).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn va_3_weights_that_give_nothing_are_refused() {
        assert_eq!(WeightedSplit::new(&[]), Err(SplitError::Empty));
        assert_eq!(WeightedSplit::new(&[0, 0]), Err(SplitError::ZeroTotal));
        assert_eq!(WeightedSplit::new(&[u32::MAX, 1]), Err(SplitError::TooLarge));
    }

    #[test]
    fn va_3_draws_are_independent_of_each_other() {
        // Smooth rotation would never send two canary requests in a row; a draw does, 1 time in 100.
        let split = WeightedSplit::new(&[90, 10]).unwrap();
        let mut rng = SeededRng::new(3);
        let picks: Vec<_> = (0..20_000).map(|_| split.pick(&mut rng)).collect();
        let pairs = picks.windows(2).filter(|pair| *pair == [1, 1]).count();
        assert!((140..270).contains(&pairs), "{pairs}");
    }

    #[test]
    fn wish_22_a_key_stays_and_a_raised_weight_moves_only_new_keys() {
        let split = |canary: u32| WeightedSplit::new(&[100 - canary, canary]).unwrap();
        let (five, ten) = (split(5), split(10));
        let mut canary = [0_u32; 2];
        for key in 0..10_000_u64 {
            let hash = xx_hash(&key.to_le_bytes(), 0);
            let picks = [&five, &ten].map(|split| split.pick_by_key(hash, 7));
            assert_eq!(picks[0], five.pick_by_key(hash, 7));
            assert!(picks[0] <= picks[1], "who has the canary keeps it");
            canary = [canary[0] + picks[0] as u32, canary[1] + picks[1] as u32];
        }
        assert!(canary[0].abs_diff(500) < 100 && canary[1].abs_diff(1_000) < 100, "{canary:?}");
    }

    #[test]
    fn wish_22_the_choice_is_the_same_everywhere() {
        // Pinned: another platform, or another version, must choose alike.
        let split = WeightedSplit::new(&[50, 30, 0, 20]).unwrap();
        let picks: Vec<_> = (0..12).map(|key| split.pick_by_key(key, 1)).collect();
        assert_eq!(picks, [0, 1, 0, 0, 3, 0, 0, 0, 1, 1, 1, 0]);
        let salted: Vec<_> = (0..12).map(|key| split.pick_by_key(key, 2)).collect();
        assert_ne!(picks, salted);
        assert_eq!(WeightedSplit::single().pick_by_key(9, 1), 0);
    }

    /// Yields every draw of `below(total)` in turn.
    struct Every(u32, u32);
    impl crate::rng::Rng for Every {
        fn next_u64(&mut self) -> u64 {
            self.0 += 1;
            (u64::from(self.0 - 1) << 32).div_ceil(u64::from(self.1)) << 32
        }
    }

    #[test]
    fn va_3_each_destination_owns_exactly_its_weight_of_draws() {
        let split = WeightedSplit::new(&[2, 0, 1, 3]).unwrap();
        let mut rng = Every(0, 6);
        let picks: Vec<_> = (0..6).map(|_| split.pick(&mut rng)).collect();
        assert_eq!(picks, [0, 0, 2, 3, 3, 3]);
    }

    proptest! {
        #[test]
        fn va_3_shares_follow_the_weights(weights in prop::collection::vec(0_u32..1_000, 2..8), seed: u64) {
            let sum: u32 = weights.iter().sum();
            prop_assume!(sum > 0);
            let split = WeightedSplit::new(&weights).unwrap();
            let mut rng = SeededRng::new(seed);
            let mut counts = vec![0_u32; weights.len()];
            for _ in 0..4_000 {
                counts[split.pick(&mut rng)] += 1;
            }
            for (index, weight) in weights.iter().enumerate() {
                let share = f64::from(*weight) / f64::from(sum);
                prop_assert!((split.share(index) - share).abs() < 1e-9);
                // 6 sigma of a binomial, and one for the rounding.
                let slack = 6.0 * (4_000.0 * share * (1.0 - share)).sqrt() + 1.0;
                let seen = f64::from(counts[index]);
                prop_assert!((seen - 4_000.0 * share).abs() <= slack, "{weights:?} {counts:?}");
                prop_assert!(*weight > 0 || counts[index] == 0);
            }
        }
    }
}
