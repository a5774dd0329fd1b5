//! Injects delays and aborts (FI).
//!
//! A delay is served before anything is sent and outside every timeout (FI-4); an abort is a local
//! answer that no retry, breaker or endpoint ever sees (FI-6). Delay first, then abort, each drawn
//! on its own (FI-3).
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
//! # Example
//! ```no_run
//! # fn example(policy: mesh_core::fault::FaultPolicy) {
//! let layer = mesh_tower::fault::FaultLayer::new(policy);
//! # }
//! ```

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::FaultLayer;
pub use service::Fault;

#[cfg(test)]
mod tests;
