//! Spreads requests over keyed services (LB).
//!
//! The stack balances in [`pool`](crate::upstream::pool), over endpoints that discovery brings and takes.
//! This is the same decision for a set of services of one's own: least request by default, by weight,
//! without those that outlier detection has ejected.
//!
//! By a hash policy a request goes by the [key](crate::CallOptions::hash_key) in its options, else to
//! somebody at random; what the services are hashed by is said with [`Balance::hashed_by`].
//!
//! # Readiness
//! Always ready: the pick is made in `call`, so that each request goes where it is best then; the
//! chosen service's readiness is awaited in the future.
//!
//! # Clone
//! Clones share the set, its counts and the balancer.
//!
//! # Errors
//! 503 `UH` where nobody can be picked; else the chosen service's.
//!
//! # Cancellation
//! Dropping the future, or the response body, ends the request's count. Under peak EWMA a request that
//! is dropped before its answer says nothing of how fast the service is, unless a timeout around it dropped it.
//!
//! # Example
//! ```
//! use mesh_core::balance::BalancePolicy;
//! use mesh_tower::balance::Balance;
//!
//! # fn example<S: Clone>(a: S, b: S) {
//! let balance = Balance::new(BalancePolicy::LeastRequest, [("a", 1, a), ("b", 3, b)]);
//! # }
//! ```

mod active;
mod future;
mod service;

pub use active::Active;
pub use future::ResponseFuture;
pub use service::Balance;

/// A response body that counts as an active request.
pub type ResponseBody<B> = crate::http::body::guard::GuardedBody<B, Active>;
