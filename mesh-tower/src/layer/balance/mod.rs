//! Spreads requests over keyed services (LB).
//!
//! [`BalanceLayer::per_route`] picks one of the endpoints that discovery brings and takes, for each attempt; the layers
//! within find it with the request, and [`exchange`](crate::exchange) sends the request there. [`Balance`] is the same
//! decision for a set of services of one's own: least request by default, by weight, without those that outlier
//! detection has ejected.
//!
//! By a hash policy a request goes by the [key](crate::CallOptions::hash_key) in its options, else to
//! a random service; [`Balance::hashed_by`] sets the keys of the services.
//!
//! # Readiness
//! Always ready: the pick is made in `call`, so that each request goes where it is best then; the
//! chosen service's readiness is awaited in the future. Per route, the inner service's.
//!
//! # Clone
//! Clones share the set, its counts and the balancer. Per route, all stacks of a worker share the cluster's.
//!
//! # Errors
//! 503 `UH` where no service can be picked; else the chosen service's. Per route `NC` too, where the cluster does not
//! exist, and `UH,DF` where the name that the request calls has no address.
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
mod choice;
mod future;
mod layer;
mod per_route;
mod picking;
mod service;

pub use active::Active;
pub use future::ResponseFuture;
pub use layer::BalanceLayer;
pub use per_route::PerRoute;
pub use picking::Picking;
pub use service::Balance;

/// A response body that counts as an active request.
pub type ResponseBody<B> = crate::http::body::guard::GuardedBody<B, Active>;
