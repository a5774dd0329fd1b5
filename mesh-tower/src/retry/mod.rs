//! Tries again what failed, where that is safe and the budget allows.
//!
//! Retries turn an endpoint's hiccup into a success, and an outage into a storm. So every retry
//! needs three answers: the *policy* says whether this failure is one to repeat and whether the
//! request may be repeated at all (RT-19: by default only if it cannot have reached the application
//! or is idempotent); the *budget* has a token, fed by successes (CB-10); the *concurrency limit*
//! has room (CB-8).
//!
//! ```text
//! Calling ──response, or error──▶ decide ──give up──▶ passed on
//!    ▲                              │ retry
//!    └──── ready ◀── Backoff ◀──────┘
//! ```
//!
//! The request's body is kept if the policy repeats anything at all, or the method is idempotent, until the
//! response is committed and up to a cap; see [`ReplayBody`]. A body that is in memory is shared, not copied.
//!
//! # Readiness
//! The inner service's; a second attempt waits for readiness again.
//!
//! # Clone
//! Clones share the budget, the random source and the replay cap.
//!
//! # Errors
//! The last attempt's own, marked `URX` if the attempts are used up (RT-13).
//!
//! # Cancellation
//! Dropping the future cancels the attempt under way, or the wait for the next.
//!
//! # Metrics
//! `envoy_cluster_upstream_rq_retry`, `…_retry_success`, `…_retry_overflow{limit}`,
//! `…_retry_limit_exceeded`, `…_reuse_race`.

mod drain;
mod field_lines;
mod future;
mod kept;
mod layer;
mod loop_state;
mod replay;
mod service;

pub use future::ResponseFuture;
pub use layer::RetryLayer;
pub use replay::{REQUEST_CAP, ReplayBody, ReplayBudget};
pub use service::Retry;

#[cfg(test)]
mod tests;
