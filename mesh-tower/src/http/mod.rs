//! HTTP itself: bodies, frames, upgrades and gRPC, without routes, endpoints or the mesh.

pub mod body;
pub(crate) mod failure;
pub mod frames;
pub mod future;
pub mod grpc;
pub(crate) mod names;
pub(crate) mod request_holder;
pub mod tap;
pub mod upgrade;
pub mod write_batch;

/// Any error, as tower's middleware passes it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
