//! The layer for a Rust server: it does the work of a sidecar's inbound listener, without the extra hop.
//!
//! It puts telemetry, normalisation and the request's [context](crate::context) around any service of `http` requests.
//! Failures become responses, because a server's services do not fail.
//!
//! # Readiness
//! The inner service's.
//!
//! # Clone
//! Clones share metrics and the access log; the cap on series and the seed of ids are the mesh's.
//!
//! # Errors
//! None: `Infallible`. If the inner service cannot become ready, the request gets the error as a response.
//!
//! # Cancellation
//! Dropping the future means that the caller left.
//!
//! # Example
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use mesh_tower::Mesh;
//!
//! let mesh = Mesh::from_dir("mesh/").workload("reviews").start().await?;
//! // axum: Router::new().route(…).layer(mesh.layer())
//! let layer = mesh.layer();
//! # Ok(()) }
//! ```

mod future;
mod layer;
mod service;
mod unready;

pub use future::ResponseFuture;
pub use layer::ServerLayer;
pub use service::Server;
pub use unready::Unready;

#[cfg(test)]
mod tests;
