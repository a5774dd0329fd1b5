//! Sends copies of requests to a second service, and ignores their outcome (VA-10).
//!
//! A mirror can neither delay nor fail the caller. Its response is read and discarded. Its body is streamed beside the
//! caller's through a buffer of [`BUFFER`] bytes; a mirror that cannot keep up is dropped. At most [`MAX_RUNNING`]
//! mirrored requests run at a time.
//!
//! # Readiness
//! The inner service's; a mirror's readiness is awaited in its own task.
//!
//! # Clone
//! Clones share the random source and the bound on running mirrors.
//!
//! # Errors
//! None of its own.
//!
//! # Cancellation
//! Dropping the caller's future does not end a running mirror, unless the body was not sent yet to its end.
//!
//! # Metrics
//! `mesh_mirror_requests_total{result}`: `sent`, `failed`, `slow`, `refused`.

mod layer;
mod service;
mod tee;

pub use layer::MirrorLayer;
pub use service::Mirror;

/// The most bytes that a mirror may lag behind the caller's body.
pub const BUFFER: usize = 64 << 10;

/// The time limit of a mirrored request if the route has no timeout.
pub const TIME_LIMIT: std::time::Duration = std::time::Duration::from_secs(15);

/// The most mirrored requests at a time, for all clones of a layer.
pub const MAX_RUNNING: usize = 1024;
