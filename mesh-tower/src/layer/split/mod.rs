//! Draws the destination of a route with several, and hashes the key of one that balances by hash.
//!
//! Once for a request, before any retry: retries stay in the chosen cluster (VA-3), and look the same
//! hash up there (LB-5). The key is that of the request as it came, before the route's header operations.
//! A call with a [key of its own](crate::CallOptions::hash_key) is hashed by that.
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
