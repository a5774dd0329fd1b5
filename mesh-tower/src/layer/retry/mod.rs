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
//! # Alone
//! [`RetryLayer::new`] keeps its policy around any service. It bounds each try itself, from the end of the upload
//! until response headers (RT-3); in the stack the attempt does, which knows when there is a connection. A gRPC answer that only
//! says that the time of the try is up is the timeout. Its budget is
//! fed by the responses that it passes on, judged by their headers. A [`Balance`](crate::balance::Balance) within
//! avoids the services that were tried (RT-12). There is no limit on concurrency, which is a destination's, and
//! localities are nothing to it. `x-envoy-…` headers of the request change nothing, and end here.
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
//! `…_retry_limit_exceeded`, `…_reuse_race`, of the matched route's cluster.

mod drain;
mod field_lines;
mod future;
mod kept;
mod layer;
mod limit;
mod loop_state;
mod service;
mod tried;

pub use crate::body::replay::{REQUEST_CAP, ReplayBody, ReplayBudget};
pub use future::ResponseFuture;
pub use layer::RetryLayer;
pub use service::Retry;
pub(crate) use tried::Tried;

#[cfg(test)]
mod alone;
#[cfg(test)]
mod tests;
