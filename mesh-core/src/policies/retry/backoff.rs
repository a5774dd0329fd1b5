//! How long to wait before a retry (RT-11): exponential with full jitter.
//!
//! Callers that failed together must not come back together. The wait is uniform in
//! `[0, min(base · 2^(N−1), max)]` for the N-th retry: with the default base of 25 ms the bounds
//! are 25, 50, 100, 200, 250, 250 … ms. Full jitter is what spreads a burst best for the load it
//! costs (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015).

use std::time::Duration;

use crate::rng::Rng;

/// Waits between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Upper bound of the first wait.
    pub base: Duration,
    /// Upper bound of every wait.
    pub max: Duration,
}

impl Backoff {
    const SHORTEST: Duration = Duration::from_millis(1);

    /// Waits that start at `base`, of which the floor is 1 ms, and grow to ten times that.
    #[must_use]
    pub fn new(base: Duration) -> Self {
        let base = base.max(Self::SHORTEST);
        Self { base, max: base.saturating_mul(10) }
    }

    /// The longest wait before retry number `retry`, counted from 1.
    #[must_use]
    pub fn bound(&self, retry: u32) -> Duration {
        let doublings = retry.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.max)
    }

    /// Draws the wait before retry number `retry`, counted from 1.
    #[must_use]
    pub fn delay(&self, retry: u32, rng: &mut impl Rng) -> Duration {
        // Multiply-shift in 128 bits: uniform over 0..=bound to the nanosecond, exact at both ends.
        let bound = self.bound(retry).as_nanos();
        let nanos = if bound >= u128::from(u64::MAX) {
            rng.next_u64()
        } else {
            let wide = u128::from(rng.next_u64()) * (bound + 1);
            (wide >> 64) as u64
        };
        Duration::from_nanos(nanos)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(25))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::SeededRng;

    struct Fixed(u64);
    impl crate::rng::Rng for Fixed {
        fn next_u64(&mut self) -> u64 {
            self.0
        }
    }

    #[test]
    fn rt_11_default_bounds() {
        let bounds: Vec<_> = (1..=7).map(|retry| Backoff::default().bound(retry).as_millis()).collect();
        assert_eq!(bounds, [25, 50, 100, 200, 250, 250, 250]);
    }

    #[test]
    fn rt_11_both_ends_can_be_drawn() {
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(2, &mut Fixed(0)), Duration::ZERO);
        assert_eq!(backoff.delay(2, &mut Fixed(u64::MAX)), Duration::from_millis(50));
    }

    #[test]
    fn rt_11_base_is_at_least_a_millisecond() {
        assert_eq!(Backoff::new(Duration::ZERO), Backoff::new(Duration::from_millis(1)));
        assert_eq!(Backoff::new(Duration::from_secs(1)).max, Duration::from_secs(10));
    }

    proptest! {
        #[test]
        fn rt_11_delay_stays_within_its_bound(base_ms in 1_u64..10_000_000, retry: u32, seed: u64) {
            let backoff = Backoff::new(Duration::from_millis(base_ms));
            let delay = backoff.delay(retry, &mut SeededRng::new(seed));
            prop_assert!(delay <= backoff.bound(retry));
            prop_assert!(backoff.bound(retry) <= backoff.max);
            prop_assert!(backoff.bound(retry) <= backoff.bound(retry.saturating_add(1)));
        }
    }

    #[test]
    fn rt_11_delay_is_uniform() {
        let mut rng = SeededRng::new(5);
        let mut buckets = [0_u32; 5];
        for _ in 0..50_000 {
            let millis = Backoff::default().delay(1, &mut rng).as_millis();
            buckets[usize::try_from(millis / 5).unwrap().min(4)] += 1;
        }
        assert!(buckets.iter().all(|count| (9_500..10_500).contains(count)), "{buckets:?}");
    }
}
