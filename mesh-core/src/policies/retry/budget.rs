//! The retry budget that is always on (CB-10): successes pay for retries.
//!
//! Attempt limits multiply down a call chain: three tiers that each try three times put 27 calls
//! on the last one. A bucket filled by successes cannot: while everything fails, nothing is paid
//! in and only the floor is granted. (Finagle's `RetryBudget`, and Brooker, "Fixing retries with
//! token buckets and circuit breakers", 2022.)
//!
//! ```text
//! success  --> +0.2 token --+
//! time     --> +10 tokens/s +--> [ bucket, at most 100, 10 at the start ] --> retry: -1 token
//! ```
//!
//! Worked example: 200 rps and a backend that fails for 8 s: at most 100 + 10·8 = 180 retries are
//! made for 1600 requests (1.11× load) instead of 3200. At 2 rps the floor alone lets every
//! request be retried.
//!
//! Shared by all clones of a client. Running state: survives a reload while its policy is equal.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Tokens are counted in billionths: a rate of `n` tokens a second is then exactly `n` a
/// nanosecond and no rounding is ever lost.
const TOKEN: i64 = 1_000_000_000;

/// Rates of a [`Budget`].
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetPolicy {
    /// Tokens that one success adds.
    pub per_success: f64,
    /// Tokens that a second adds, successes or not.
    pub per_second: u32,
    /// Tokens that are kept at most.
    pub cap: u32,
    /// Tokens at the start.
    pub initial: u32,
}

impl Default for BudgetPolicy {
    fn default() -> Self {
        Self { per_success: 0.2, per_second: 10, cap: 100, initial: 10 }
    }
}

/// A token bucket.
///
/// All orderings are `Relaxed`: the counters publish no other data, and the modification order of
/// each single atomic is enough for "no token is spent twice". Only the thread that wins the exchange on
/// `refilled` grants that stretch of time; a thread that looks in between sees tokens
/// missing for a moment and, at worst, makes one retry less. The cache line is the budget's own.
#[derive(Debug)]
#[repr(align(64))]
pub struct Budget {
    policy: BudgetPolicy,
    deposit: i64,
    cap: i64,
    origin: Instant,
    /// Nanoseconds after `origin` up to which the floor has been granted.
    refilled: AtomicU64,
    /// May stand above `cap` between withdrawals, which cut it.
    tokens: AtomicI64,
    overflow: AtomicU64,
}

impl Budget {
    /// A bucket with the policy's initial tokens.
    #[must_use]
    pub fn new(policy: BudgetPolicy, now: Instant) -> Self {
        let deposit = (policy.per_success.clamp(0.0, 1e9) * TOKEN as f64) as i64;
        let cap = i64::from(policy.cap) * TOKEN;
        let tokens = AtomicI64::new((i64::from(policy.initial) * TOKEN).min(cap));
        Self {
            policy,
            deposit,
            cap,
            origin: now,
            refilled: AtomicU64::new(0),
            tokens,
            overflow: AtomicU64::new(0),
        }
    }

    /// The rates in force.
    #[must_use]
    pub const fn policy(&self) -> &BudgetPolicy {
        &self.policy
    }

    /// Pays in for one success. With a full bucket, as in good times, this is one read of a
    /// cache line that no thread writes.
    pub fn deposit(&self) {
        if self.tokens.load(Relaxed) < self.cap {
            self.tokens.fetch_add(self.deposit, Relaxed);
        }
    }

    /// Takes a token for one retry; `false` if there is none. Ask the concurrency limit first, so
    /// that no token is spent on a retry that is not made.
    pub fn withdraw(&self, now: Instant) -> bool {
        self.refill(now);
        let take = |tokens: i64| (tokens.min(self.cap) >= TOKEN).then(|| tokens.min(self.cap) - TOKEN);
        let granted = self.tokens.fetch_update(Relaxed, Relaxed, take).is_ok();
        if !granted {
            self.overflow.fetch_add(1, Relaxed);
        }
        granted
    }

    /// Retries refused so far (`upstream_rq_retry_overflow` with `limit="budget"`).
    #[must_use]
    pub fn overflow(&self) -> u64 {
        self.overflow.load(Relaxed)
    }

    /// Whole tokens in the bucket, for gauges.
    #[must_use]
    pub fn available(&self, now: Instant) -> u32 {
        let due = self.due(now, self.refilled.load(Relaxed)).map_or(0, |(_, tokens)| tokens);
        let tokens = self.tokens.load(Relaxed).saturating_add(due).min(self.cap);
        u32::try_from(tokens / TOKEN).unwrap_or(0)
    }

    fn refill(&self, now: Instant) {
        let refilled = self.refilled.load(Relaxed);
        if let Some((until, tokens)) = self.due(now, refilled)
            && self.refilled.compare_exchange(refilled, until, Relaxed, Relaxed).is_ok()
        {
            self.tokens.fetch_add(tokens, Relaxed);
        }
    }

    /// The time up to which the floor is due, and the tokens for it; `None` if no time passed.
    fn due(&self, now: Instant, refilled: u64) -> Option<(u64, i64)> {
        let until = nanos(now.saturating_duration_since(self.origin));
        let elapsed = until.checked_sub(refilled).filter(|elapsed| *elapsed > 0)?;
        let tokens = elapsed.saturating_mul(u64::from(self.policy.per_second));
        Some((until, i64::try_from(tokens).unwrap_or(i64::MAX).min(self.cap)))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
