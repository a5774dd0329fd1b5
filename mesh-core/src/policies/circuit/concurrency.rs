//! How many retries may run at once (CB-3 `maxRetries`, CB-8 `retryBudget`).
//!
//! This bounds the retries in flight, whereas [`Budget`](crate::retry::Budget) bounds their rate; both
//! must allow one. A share of the *active* requests alone would shrink to nothing just when all
//! calls fail at once and few are active, hence the floor.
//!
//! Worked example: 20 % and a floor of 3: with 40 requests active and 10 pending, 10 retries may
//! run; with 4 active, 3 may.

use std::time::Duration;

use crate::units::Percent;

/// Istio's `retryBudget` (CB-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBudget {
    /// Retries as a share of active and pending requests.
    pub percent: Percent,
    /// Retries that are always allowed.
    pub min_retry_concurrency: u32,
    /// Requests started within this time count too; zero counts only those still running.
    pub interval: Duration,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self {
            percent: Percent::new(20.0).expect("20 is a percentage"),
            min_retry_concurrency: 3,
            interval: Duration::ZERO,
        }
    }
}

/// The limit on retries in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Concurrency {
    /// A plain number (`maxRetries`).
    MaxRetries(u32),
    /// A share of the load (`retryBudget`), which replaces the number.
    Budget(RetryBudget),
}

impl Concurrency {
    /// How many retries may run while `active` requests are under way and `pending` wait for a
    /// connection (with [`RetryBudget::interval`]: or were started within it).
    #[must_use]
    pub fn allowed(&self, active: u32, pending: u32) -> u32 {
        match self {
            Self::MaxRetries(limit) => *limit,
            Self::Budget(budget) => {
                let load = u64::from(active) + u64::from(pending);
                // Whole millionths, so that 29 % of 100 is 29 and not 28.999….
                let millionths = (budget.percent.value() * 10_000.0).round() as u64;
                let share = load * millionths / 1_000_000;
                u32::try_from(share).unwrap_or(u32::MAX).max(budget.min_retry_concurrency)
            }
        }
    }
}

impl Default for Concurrency {
    fn default() -> Self {
        Self::MaxRetries(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cb_3_max_retries_is_unlimited_by_default() {
        assert_eq!(Concurrency::default().allowed(0, 0), u32::MAX);
        assert_eq!(Concurrency::MaxRetries(3).allowed(1_000, 1_000), 3);
    }

    #[test]
    fn cb_8_budget_is_a_share_with_a_floor() {
        let budget = Concurrency::Budget(RetryBudget::default());
        assert_eq!(budget.allowed(40, 10), 10);
        assert_eq!(budget.allowed(4, 0), 3);
        assert_eq!(budget.allowed(0, 0), 3);
        assert_eq!(budget.allowed(u32::MAX, u32::MAX), 1_717_986_918);
    }

    #[test]
    fn cb_8_shares_are_not_rounded_down_by_floating_point() {
        for percent in 1..=100_u32 {
            let budget = RetryBudget {
                percent: Percent::new(f64::from(percent)).unwrap(),
                min_retry_concurrency: 0,
                interval: Duration::ZERO,
            };
            assert_eq!(Concurrency::Budget(budget).allowed(100, 0), percent);
        }
    }
}
