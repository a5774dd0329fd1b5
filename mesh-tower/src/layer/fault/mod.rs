//! Injects delays and aborts (FI).
//!
//! A delay passes before the request is sent, and outside every timeout (FI-4). An abort is a local answer: no retry,
//! breaker or endpoint ever sees it (FI-6). The delay comes first, then the abort; each is drawn independently (FI-3).
//!
//! If a workload allows it, a request may ask for faults by header (FI-7). A fault may also limit the rate of a response.
//! [`FaultLayer::per_attempt`] injects the faults of single attempts (FI-10), because retries must see them; it stands
//! between [`balance`](crate::balance) and [`outlier`](crate::outlier), so that no endpoint is blamed for them.
//!
//! # Readiness
//! The inner service's. During a delay, the future holds the ready inner service.
//!
//! # Clone
//! Clones share the random source and the count of requests under a fault.
//!
//! # Errors
//! An abort is an error with flag `FI`; [`crate::Error::is_injected`].
//!
//! # Cancellation
//! Dropping the future during the delay sends no request.
//!
//! # Metrics
//! `envoy_http_fault_{delays,aborts,response_rl}_injected`, `envoy_http_fault_faults_overflow`.
//!
//! # Example
//! ```no_run
//! # fn example(policy: mesh_core::fault::FaultPolicy) {
//! let layer = mesh_tower::fault::FaultLayer::new(policy);
//! # }
//! ```

mod active;
mod attempt;
mod body;
mod future;
mod layer;
mod service;

pub use attempt::{AttemptFault, AttemptFaultLayer, Meeting};
pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::FaultLayer;
pub use service::Fault;

#[cfg(test)]
mod tests;
