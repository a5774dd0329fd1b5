//! Makes requests comparable and clean before anybody decides about them (H-7, AZ-15, HD).
//!
//! A rule is only as good as the text that it compares: so the path is normalised, the method checked
//! and the host said once. What speaks of the caller's connection ends here, what would steer us is
//! believed only from who may, and the request gets what follows it through the mesh: its id, its
//! scheme, and at gateways where it came from. What each of these does is decided in
//! [`mesh_core::headers`] and [`mesh_core::route::normalize`]; here is who gets which.
//!
//! | | outbound | inbound | gateway |
//! |---|---|---|---|
//! | hop-by-hop headers (HD-7) | end | end | end |
//! | `x-envoy-…` (HD-2, GW-12) | kept: it is our own application | steering ones go, unless trusted | all go |
//! | `x-forwarded-client-cert` (HD-6) | kept | goes, unless mTLS | goes |
//! | `cookie` in several lines | one line | one line | one line |
//! | `x-request-id` (HD-1) | kept or made | kept or made | made anew for callers from outside |
//! | `x-forwarded-for` (HD-5) | untouched | untouched | the peer is appended |
//! | `x-forwarded-proto` | set if absent | set if absent | set |
//!
//! Trace headers pass through as they are (TR-1): while nobody exports our spans, a span id of ours
//! would point at nothing. With [`NormalizeLayer::trace`] each request gets a span of its own, and a
//! trace where none came in; the [`TraceContext`](mesh_core::telemetry::trace::TraceContext) is then an
//! extension of the request.
//!
//! # Readiness
//! The inner service's.
//!
//! # Clone
//! Clones share the policy and the random source.
//!
//! # Errors
//! 400 for no or several hosts, one with a user's name, `%00` in the path, a target without one, a lower-case or
//! over-long method, or an ambiguous `Transfer-Encoding`; 403 for an upgrade other than WebSocket, over HTTP/2 too;
//! 426 for HTTP/1.0; 431 for more than 60 KiB of headers (GW-12); 501 for a transfer coding other than `chunked`.
//!
//! # Cancellation
//! Nothing is held.
//!
//! # Example
//! ```
//! use mesh_core::plan::Direction;
//! use mesh_tower::normalize::NormalizeLayer;
//!
//! let layer = NormalizeLayer::new(Direction::Gateway).trusted_proxies(1);
//! ```

mod future;
mod ids;
mod layer;
mod policy;
mod service;

pub use future::ResponseFuture;
pub use layer::NormalizeLayer;
pub use service::Normalize;

#[doc(no_inline)]
pub use crate::request::Downstream;

#[cfg(test)]
mod tests;
