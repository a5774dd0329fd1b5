//! Refuses what is over the limit, at once (CB).
//!
//! Envoy's breakers are counters, not state machines: so many connections, waiting requests, active
//! requests and retries for a destination, whatever its health. Here stands the limit on active
//! requests around any service; the stack applies all four in [`state`](crate::upstream::state), where the
//! connections are.
//!
//! # Readiness
//! The inner service's. Over the limit, `call` refuses: waiting would hide the overload.
//!
//! # Clone
//! Clones share the counts.
//!
//! # Errors
//! 503 `UO`, `x-envoy-overloaded: true`; [`crate::Error::is_overflow`].
//!
//! # Cancellation
//! Dropping the future, or the response body, frees its place.
//!
//! # Example
//! ```
//! use mesh_core::circuit::CircuitPolicy;
//! use mesh_tower::circuit::CircuitLayer;
//!
//! let layer = CircuitLayer::new(CircuitPolicy { max_requests: 100, ..CircuitPolicy::default() });
//! ```

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::CircuitLayer;
pub use service::Circuit;

/// A response body that keeps its request's place.
pub type ResponseBody<B> = crate::http::body::guard::GuardedBody<B, mesh_core::circuit::Permit>;
