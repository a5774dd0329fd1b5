//! The two limits on retries asked in the right order (RT-13, CB-10).

use std::time::Instant;

use super::{Budget, GiveUp};
use crate::circuit::{CircuitPolicy, Limits};

/// Admits one retry: there must be room in the concurrency limit, and then a token in the budget
/// (`None`: there is no budget, as under `--istio-runtime`). `recent` is the
/// [`Recent`](super::Recent) count where the retry budget has an interval, else 0.
///
/// On success one of [`Resource::Retries`](crate::circuit::Resource) is taken; release it when the
/// attempt is over. A retry that is refused costs neither.
///
/// # Errors
/// [`GiveUp::Overflow`] or [`GiveUp::BudgetSpent`]; both count as `upstream_rq_retry_overflow`, by
/// [`Limits::overflow`] and [`Budget::overflow`].
pub fn admit(
    limits: &Limits,
    circuit: &CircuitPolicy,
    budget: Option<&Budget>,
    recent: u32,
    now: Instant,
) -> Result<(), GiveUp> {
    if !limits.try_retry_with(circuit, recent) {
        return Err(GiveUp::Overflow);
    }
    if budget.is_some_and(|budget| !budget.withdraw(now)) {
        limits.release_retry();
        return Err(GiveUp::BudgetSpent);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::Resource;
    use crate::retry::{BudgetPolicy, RetryBudget};
    use crate::tests::ManualClock;

    #[test]
    fn rt_13_a_full_limit_spends_no_token() {
        let now = ManualClock::default().now();
        let (limits, budget) = (Limits::default(), Budget::new(BudgetPolicy::default(), now));
        let circuit = CircuitPolicy { max_retries: 1, ..CircuitPolicy::default() };
        assert_eq!(admit(&limits, &circuit, Some(&budget), 0, now), Ok(()));
        for _ in 0..50 {
            assert_eq!(admit(&limits, &circuit, Some(&budget), 0, now), Err(GiveUp::Overflow));
        }
        assert_eq!(budget.available(now), 9);
        assert_eq!((limits.overflow(Resource::Retries), budget.overflow()), (50, 0));
    }

    #[test]
    fn cb_10_a_spent_budget_holds_no_permit() {
        let now = ManualClock::default().now();
        let (limits, circuit) = (Limits::default(), CircuitPolicy::default());
        let budget = Budget::new(BudgetPolicy { initial: 1, ..BudgetPolicy::default() }, now);
        assert_eq!(admit(&limits, &circuit, Some(&budget), 0, now), Ok(()));
        assert_eq!(admit(&limits, &circuit, Some(&budget), 0, now), Err(GiveUp::BudgetSpent));
        assert_eq!((limits.active(Resource::Retries), budget.overflow()), (1, 1));
        assert_eq!(admit(&limits, &circuit, None, 0, now), Ok(()));
    }

    #[test]
    fn cb_8_recent_starts_make_room() {
        let now = ManualClock::default().now();
        let limits = Limits::default();
        let circuit =
            CircuitPolicy { retry_budget: Some(RetryBudget::default()), ..CircuitPolicy::default() };
        let admitted =
            |recent| (0..30).filter(|_| admit(&limits, &circuit, None, recent, now).is_ok()).count();
        assert_eq!(admitted(0), 3);
        assert_eq!(admitted(100), 17);
    }
}
