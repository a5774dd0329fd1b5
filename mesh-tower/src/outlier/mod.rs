//! Watches one endpoint and reports to its balancer (OD).
//!
//! The stack records outcomes where the attempt ends, in [`cluster`](crate::cluster). For a set of
//! services of one's own, each endpoint's service is wrapped in [`Outlier`]; all wrappers of a set
//! share a [`Detector`], and a balancer over them ([`balance`](crate::balance)) leaves out who is
//! ejected.
//!
//! # Readiness
//! The inner service's; an ejected endpoint is not made unready, because in panic it is used.
//!
//! # Clone
//! Clones are the same endpoint.
//!
//! # Errors
//! The inner service's, unchanged.
//!
//! # Cancellation
//! A dropped call says nothing about the endpoint.

mod future;
mod service;

pub use future::ResponseFuture;
pub use mesh_core::outlier::{Detector, HostState};
pub use service::Outlier;
