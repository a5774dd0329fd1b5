use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use proptest::prelude::*;

use super::*;
use crate::tests::ManualClock;

fn drain(budget: &Budget, now: Instant) -> u32 {
    (0..).take_while(|_| budget.withdraw(now)).count().try_into().unwrap()
}

#[test]
fn cb_10_ten_tokens_at_the_start() {
    let now = ManualClock::default().now();
    let budget = Budget::new(BudgetPolicy::default(), now);
    assert_eq!(budget.available(now), 10);
    assert_eq!(drain(&budget, now), 10);
    assert!(!budget.withdraw(now));
}

#[test]
fn cb_10_five_successes_pay_for_one_retry() {
    let now = ManualClock::default().now();
    let budget = Budget::new(BudgetPolicy { initial: 0, ..BudgetPolicy::default() }, now);
    for _ in 0..4 {
        budget.deposit();
    }
    assert!(!budget.withdraw(now));
    budget.deposit();
    assert!(budget.withdraw(now));
    assert!(!budget.withdraw(now));
}

#[test]
fn cb_10_the_floor_is_ten_a_second() {
    let clock = ManualClock::default();
    let budget = Budget::new(BudgetPolicy { initial: 0, ..BudgetPolicy::default() }, clock.now());
    let mut granted = 0;
    for _ in 0..500 {
        clock.advance(Duration::from_millis(10));
        granted += drain(&budget, clock.now());
    }
    assert_eq!(granted, 50);
}

#[test]
fn cb_10_never_more_than_the_cap() {
    let clock = ManualClock::default();
    let budget = Budget::new(BudgetPolicy::default(), clock.now());
    for _ in 0..100_000 {
        budget.deposit();
    }
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(budget.available(clock.now()), 100);
    assert_eq!(drain(&budget, clock.now()), 100);
}

#[test]
fn cb_10_time_that_runs_backwards_grants_nothing() {
    let clock = ManualClock::default();
    let before = clock.now();
    clock.advance(Duration::from_secs(10));
    let budget = Budget::new(BudgetPolicy { initial: 0, ..BudgetPolicy::default() }, clock.now());
    assert!(!budget.withdraw(before));
    assert_eq!(budget.available(before), 0);
}

#[test]
fn cb_10_a_storm_is_bounded() {
    // 200 rps for 8 s, everything fails, two retries wanted per request.
    let clock = ManualClock::default();
    let budget = Budget::new(BudgetPolicy { initial: 100, ..BudgetPolicy::default() }, clock.now());
    let mut retries = 0;
    for _ in 0..1_600 {
        clock.advance(Duration::from_millis(5));
        retries += (0..2).filter(|_| budget.withdraw(clock.now())).count();
    }
    assert!((175..=180).contains(&retries), "{retries}");
}

#[test]
fn cb_10_threads_cannot_spend_a_token_twice() {
    let now = ManualClock::default().now();
    let budget = Arc::new(Budget::new(BudgetPolicy { initial: 100, ..BudgetPolicy::default() }, now));
    let spent = Arc::new(AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (budget, spent) = (Arc::clone(&budget), Arc::clone(&spent));
            scope.spawn(move || {
                for _ in 0..1_000 {
                    if budget.withdraw(now + Duration::from_millis(500)) {
                        spent.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    // 100, and the floor of half a second is cut by the cap or granted once, never per thread.
    assert!((100..=105).contains(&spent.load(Relaxed)), "{spent:?}");
}

proptest! {
    /// Withdrawn ≤ initial + deposits · ratio + elapsed · floor, and never more than the cap at once.
    #[test]
    fn cb_10_tokens_are_conserved(steps in prop::collection::vec((0_u8..3, 0_u64..2_000), 1..300)) {
        let clock = ManualClock::default();
        let policy = BudgetPolicy::default();
        let budget = Budget::new(policy.clone(), clock.now());
        let (mut paid, mut spent) = (f64::from(policy.initial), 0_u32);
        // The model: the same bucket in floating point.
        let mut model = f64::from(policy.initial);
        for (step, amount) in steps {
            match step {
                0 => {
                    budget.deposit();
                    paid += 0.2;
                    model = (model + 0.2).min(100.0);
                }
                1 => {
                    clock.advance(Duration::from_millis(amount));
                    paid += amount as f64 / 100.0;
                    model = (model + amount as f64 / 100.0).min(100.0);
                }
                _ => {
                    let granted = budget.withdraw(clock.now());
                    if (model - 1.0).abs() > 1e-6 {
                        prop_assert_eq!(granted, model >= 1.0, "{}", model);
                    }
                    if granted {
                        spent += 1;
                        model -= 1.0;
                    }
                }
            }
            prop_assert!(f64::from(spent) <= paid + 1e-6);
            prop_assert!(budget.available(clock.now()) <= policy.cap);
        }
    }
}
