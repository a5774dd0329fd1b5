//! Normalises requests before any rule compares them (H-7, AZ-15, HD).
//!
//! A rule is only as good as the text that it compares. So this layer normalises the path, checks the method and leaves
//! one host. It removes headers of the caller's connection, and keeps headers that steer the mesh only from trusted
//! callers. It adds the headers that follow the request through the mesh: id, scheme, and at gateways the caller's address.
//! [`mesh_core::headers`] and [`mesh_core::route::normalize`] have the rules; this layer decides which rules apply to
//! which request.
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
//! Trace headers pass through unchanged (TR-1): a span that is not exported must not be the parent of another. With
//! [`NormalizeLayer::trace`] each request gets a span of its own, and a new trace if it came without one; the
//! [`TraceContext`](mesh_core::telemetry::trace::TraceContext) is then an extension of the request.
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
//! The layer holds no state.
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
