//! Draws the destination of a route with several destinations, and hashes the request's key if the route balances by hash.
//!
//! It does so once for a request, before any retry: retries stay in the drawn cluster (VA-3) and use the same hash there
//! (LB-5). The key comes from the request as it arrived, before the route's header operations. A call with a
//! [key of its own](crate::CallOptions::hash_key) is hashed by that key.
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
