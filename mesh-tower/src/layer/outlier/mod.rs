//! Watches one endpoint and reports to its balancer (OD).
//!
//! [`OutlierLayer::per_route`] records how each attempt ended at the endpoint that
//! [`balance`](crate::balance) has picked: for its detector, the retry budget, the latency that balancing goes by, and
//! the decision record. For a set of services of one's own, each endpoint's service is wrapped in [`Outlier`]; all
//! wrappers of a set share a [`Detector`], and a balancer over them leaves out the ejected ones.
//!
//! A task ends the ejections of an endpoint, on the runtime that its calls run on: at the ticks of the policy's interval,
//! from its first ejection on (OD-8).
//!
//! # Readiness
//! The inner service's; an ejected endpoint is not made unready, because in panic it is used.
//!
//! # Clone
//! Clones are the same endpoint.
//!
//! # Errors
//! The inner service's, as [`crate::Error`]. Per route also a timeout, in place of a gRPC answer that only says that the
//! time is up.
//!
//! # Cancellation
//! A dropped call says nothing about the endpoint, unless a [timeout](crate::timeout) or the limit of a
//! [try](crate::retry) has ended it: that is a failure (OD-2). Per route the limit of a try counts where the retry layer
//! is [`judged_within`](crate::retry::RetryLayer::judged_within). A gRPC answer that only says that this time is up is a
//! failure too.

mod body;
mod future;
mod layer;
mod per_route;
mod report;
mod service;
mod watched;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::OutlierLayer;
pub use mesh_core::outlier::{Detector, HostState};
pub use per_route::{PerRoute, PerRouteBody, PerRouteFuture, PerRouteLayer};
pub use service::Outlier;

#[cfg(test)]
mod tests;
