//! Lets pages of other origins read answers, and answers their preflights (VA-11, VA-12).
//!
//! [`mesh_core::cors`] decides whether a rule allows an origin. An error of the mesh gets the same permission as a
//! response: a page that cannot read the 503 cannot show the reason to its user. Redirects and direct responses of a rule
//! get no permission; the rule sets their headers, as in Envoy.
//!
//! [`CorsLayer::new`] also works around a server of your own, without a rule.
//!
//! # Readiness
//! The inner service's.
//!
//! # Clone
//! Clones share the policy.
//!
//! # Errors
//! None of its own. [`Error::response`](crate::Error::response) of an inner error has the permission.
//!
//! # Cancellation
//! The layer holds no state.
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
