//! Lets pages of other origins read answers, and answers their preflights (VA-11, VA-12).
//!
//! What a rule allows is decided in [`mesh_core::cors`]. A failure made here is granted like a response:
//! a page that can't read the 503 can't tell its user why. Redirects and direct responses are the
//! configuration's own words and have headers of their own, as in Envoy.
//!
//! [`CorsLayer::new`] also serves around a server of one's own, where no rule is.
//!
//! # Readiness
//! The inner service's.
//!
//! # Clone
//! Clones share the policy.
//!
//! # Errors
//! None of its own; [`Error::response`](crate::Error::response) of an inner one has the permission.
//!
//! # Cancellation
//! Nothing is held.
//!
//! # Example
//! ```
//! use mesh_core::cors::CorsPolicy;
//! use mesh_core::route::StringMatch;
//! use mesh_tower::cors::CorsLayer;
//!
//! let policy = CorsPolicy::new([StringMatch::exact("https://shop.test")]).methods(["GET", "PUT"])?;
//! let layer = CorsLayer::new(policy);
//! # Ok::<_, mesh_core::cors::CorsError>(())
//! ```

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::CorsLayer;
pub use service::Cors;

#[cfg(test)]
mod tests;
