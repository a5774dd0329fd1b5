//! One span, one access log line and the standard metrics for each request (ME, AL, TR).
//!
//! Outermost of all layers, so that it sees what the caller sees: refusals, injected faults, retries as
//! one request. It makes the [`Record`](crate::request::Record) on which the layers below note what they
//! decide, and reads it once, when the request has ended: after the last byte or the trailers, on an
//! error, or when the caller goes away.
//!
//! ```text
//! Waiting ─(head)──▶ Streaming ─(last frame)─▶ Ended: counted and logged, once
//!    │                   ├─(error)──────────────▲
//!    ├─(error)───────────┼──────────────────────┤
//!    └─(dropped) code 0, DC └─(dropped) DC ─────┘
//! ```
//!
//! What it costs: two looks at the clock and one search for metric handles that were made when the
//! label set was first seen. Nothing is formatted unless an access log is on; then the few headers that
//! its format names are kept, and the line is made at the end and handed to a writer thread.
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
//! Dropping the future is a caller that left: code 0, flag `DC`. Dropping the response body before its
//! end keeps the code and adds `DC`.
//!
//! # Metrics
//! [`names`] lists them, but for those that a rule's `statPrefix` names: `route_<prefix>_upstream_rq_total`,
//! `…_completed`, `…_1xx` to `…_5xx`, `…_timeout`, `…_retry` (VM-9). Install the recorder before the first
//! request: handles are kept.
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
