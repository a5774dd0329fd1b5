//! May, and should, a request be tried again? (RT, CB-8, CB-10)
//!
//! Retries turn a short failure into none, or into a storm. So four questions are asked, each by
//! a type of its own, and all must say yes:
//!
//! ```text
//! attempt failed -> RetryPolicy::decide   is this failure one to repeat, is it safe, are tries left?
//!                -> admit                 Concurrency: room among the retries now running? (CB-3, CB-8)
//!                                         Budget: have successes paid for it? (CB-10)
//!                -> Backoff::delay        then wait this long (RT-11)
//! ```
//!
//! The safe default (RT-19): with no `retries:` written, a POST is repeated only if it provably
//! never reached the application. What is written is obeyed as written.
//!
//! Worked example: `attempts: 2, retryOn: 5xx`, base back-off 25 ms. A GET answered 503 is tried
//! again after 0..=25 ms, again after 0..=50 ms, and a third 503 is passed on with flag `URX`. If
//! every call of a client of 1000 rps fails, the budget lets 10 retries a second through (1 % more
//! load), not 2000.

mod admit;
mod backoff;
mod budget;
mod on;
mod overrides;
mod parts;
mod policy;
mod pushback;
mod race;
mod recent;
mod traits;

pub use admit::admit;
pub use backoff::Backoff;
pub use budget::{Budget, BudgetPolicy};
pub use on::{RetryOn, UnknownToken};
pub use overrides::CONTROL_HEADERS;
pub use parts::RetryParts;
pub use policy::{GiveUp, RetryPolicy, Verdict};
pub use pushback::Pushback;
pub use race::is_reuse_race;
pub use recent::Recent;
pub use traits::{Traits, is_idempotent};

pub use crate::circuit::{Concurrency, RetryBudget};
