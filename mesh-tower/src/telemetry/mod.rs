//! One span, one access log line and the standard metrics for each request (ME, AL, TR).
//!
//! This layer is the outermost, so that it sees the same as the caller: refusals, injected faults, retries as one
//! request. It makes the [`Record`](crate::request::Record) on which the layers below note their decisions, and reads it
//! once, when the request has ended: after the last byte or the trailers, on an error, or when the caller leaves.
//!
//! ```text
//! Waiting ─(head)──▶ Streaming ─(last frame)─▶ Ended: counted and logged, once
//!    │                   ├─(error)──────────────▲
//!    ├─(error)───────────┼──────────────────────┤
//!    └─(dropped) code 0, DC └─(dropped) DC ─────┘
//! ```
//!
//! A request costs two reads of the clock and one search for metric handles, which the first request with the label set
//! made. Only an access log formats text: it keeps the headers that its format names, makes the line at the end and
//! hands it to a writer thread.
//!
//! # Readiness
//! The inner service's.
//!
//! # Clone
//! Clones share metric handles and the access log.
//!
//! # Errors
//! The inner service's, unchanged.
//!
//! # Cancellation
//! Dropping the future means that the caller left: code 0, flag `DC`. Dropping the response body before its end keeps the
//! code and adds `DC`.
//!
//! # Metrics
//! [`names`] lists them, except those of a rule's `statPrefix`: `route_<prefix>_upstream_rq_total`, `…_completed`,
//! `…_1xx` to `…_5xx`, `…_timeout`, `…_retry` (VM-9). Install the recorder before the first request, because the handles
//! are kept.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//! use mesh_core::{identity::Workload, plan::Direction};
//! use mesh_tower::telemetry::TelemetryLayer;
//!
//! let layer = TelemetryLayer::new(Direction::Outbound, Arc::new(Workload::default()));
//! ```

mod access_log;
mod body;
mod call;
mod future;
mod layer;
pub mod names;
mod received;
mod route_stats;
mod series;
mod service;
mod summary;

pub use access_log::{AccessLog, Lines};
pub use body::Body;
pub use future::ResponseFuture;
pub use layer::TelemetryLayer;
pub use series::Metrics;
pub use service::Telemetry;

#[cfg(test)]
mod tests;
