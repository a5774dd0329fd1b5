//! Host, then rule: what the plan says to this request.
//!
//! Everything below this layer acts by the route it finds, attached as **one** typed extension,
//! [`Matched`]. Redirects and direct responses end here.
//!
//! # Readiness
//! Always ready: which inner service work a request needs is known only once it is routed, so
//! admission is decided in `call`.
//!
//! # Clone
//! Clones share the worker, and with it the current plan.
//!
//! # Errors
//! No rule: 404 `NR`. Unknown host under `REGISTRY_ONLY`: 502. See [`crate::Error`].
//!
//! # Cancellation
//! Dropping the future drops the inner call.

mod layer;
mod rules;
mod service;

pub use layer::RouteLayer;
pub use service::Route;

#[doc(no_inline)]
pub use crate::request::Matched;
