//! Draws the destination of a route with several.
//!
//! Once for a request, before any retry: retries stay in the chosen cluster (VA-3).
//!
//! # Readiness
//! The inner service's.
//!
//! # Clone
//! Clones share the random source.
//!
//! # Errors
//! None of its own.

mod layer;
mod service;

pub use layer::SplitLayer;
pub use service::Split;
