//! Path, authority and header operations of the matched rule and destination (VA-4 to VA-7).
//!
//! Header operations first, then the authority, then the path, which leaves the old one in
//! `x-envoy-original-path`. The destination's operations come first and the rule wins; those of an only
//! destination were made one level with the rule's when the plan was (VA-5). A cookie that was made for
//! the request's key is set on the response before its operations, which may change it (LB-6). A local
//! reply of what is below has the operations on responses too (RF-8).
//!
//! # Readiness
//! The inner service's.
//!
//! # Clone
//! Nothing is shared.
//!
//! # Errors
//! None of its own.

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::RewriteLayer;
pub use service::Rewrite;
