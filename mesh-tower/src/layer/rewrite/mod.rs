//! Path, authority and header operations of the matched rule and destination (VA-4 to VA-7).
//!
//! The order is: header operations, then the authority, then the path; the old path stays in `x-envoy-original-path`. The
//! destination's operations come before the rule's, so that the rule wins. The compiler has joined the operations of a
//! single destination with the rule's (VA-5). A cookie made for the request's hash key is set on the response before the
//! operations, which may change it (LB-6). A local reply of the layers below gets the response's operations too (RF-8).
//!
//! # Readiness
//! The inner service's.
//!
//! # Clone
//! Clones share no state.
//!
//! # Errors
//! None of its own.

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::RewriteLayer;
pub use service::Rewrite;
