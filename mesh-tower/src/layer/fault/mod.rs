//! Injects delays and aborts (FI).
//!
//! A delay is served before anything is sent and outside every timeout (FI-4); an abort is a local
//! answer that no retry, breaker or endpoint ever sees (FI-6). Delay first, then abort, each drawn
//! on its own (FI-3).
//!
//! Where a workload allows it, requests may ask for faults by header (FI-7); a response may be slowed
//! down too. What an attempt meets (FI-10) is injected further in, by the cluster: a retry must see it.
//!
//! # Readiness
//! The inner service's. While a delay runs, the ready inner service is held by the future.
//!
//! # Clone
//! Clones share the random source.
//!
//! # Errors
//! An abort is an error with flag `FI`; [`crate::Error::is_injected`].
//!
//! # Cancellation
//! Dropping the future during the delay sends nothing.
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
mod body;
mod future;
mod layer;
mod service;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::FaultLayer;
pub use service::Fault;

#[cfg(test)]
mod tests;
