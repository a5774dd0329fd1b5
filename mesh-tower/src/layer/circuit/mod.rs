//! Refuses what is over the limit, at once (CB).
//!
//! Envoy's breakers are counters, not state machines: so many connections, waiting requests, active
//! requests and retries for a destination, whatever its health. Here stands the limit on active
//! requests: around any service, or per route for each attempt at a cluster. The pool and the retry layer ask the
//! [cluster](crate::upstream::state) for the other three.
//!
//! # Readiness
//! The inner service's. Over the limit, `call` refuses: waiting would hide the overload.
//!
//! # Clone
//! Clones share the counts. Per route, all stacks of a mesh share those of the cluster.
//!
//! # Errors
//! 503 `UO`, `x-envoy-overloaded: true`; [`crate::Error::is_overflow`].
//!
//! # Cancellation
//! Dropping the future, or the response body, frees its place. Per route, the place goes with the boxed request, and
//! [`OutlierLayer::per_route`](crate::outlier::OutlierLayer::per_route) within keeps it until the response has ended.
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
mod per_route;
mod service;

pub use future::ResponseFuture;
pub use layer::CircuitLayer;
pub use per_route::{PerRoute, PerRouteLayer};
pub use service::Circuit;

/// A response body that keeps its request's place.
pub type ResponseBody<B> = crate::http::body::guard::GuardedBody<B, mesh_core::circuit::Permit>;
