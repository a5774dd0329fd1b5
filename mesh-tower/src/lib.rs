//! The acting half of Mesh: what [`mesh_core`] decides is done here, with tokio, hyper and tower.
//!
//! A [`Mesh`] reads Istio's YAML (or documents made in code), compiles it to a plan, and hands out
//! clients that call other services by it:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use mesh_tower::Mesh;
//!
//! let mesh = Mesh::from_dir("mesh/").workload("web-server").start().await?;
//! let client = mesh.client();
//! let response = client.get("http://api-server:5000/api/v1.0/signups").await?;
//! # Ok(()) }
//! ```
//!
//! Every piece is a tower layer or service of its own, useful alone: around any
//! `Service<http::Request<B>>` with a fixed policy, or by the matched route of a plan. Those that read
//! request bodies (retry, timeout, mirror) take requests with a [`Body`], into which any body can be made. Errors of
//! the service within are read by their causes: a refused connection of hyper's client is one to every policy. The
//! order in which the stack has the layers stands in [`stack`], and nowhere else.
//!
//! The repository has a page each on gRPC, errors, metrics, the access log and the test kit (`docs/grpc.md`,
//! `docs/errors.md`, `docs/metrics.md`, `docs/access-log.md`, `docs/test-kit.md`), and a program for each task in
//! `examples`.
//!
//! # Readiness
//! The destination depends on the request, so the whole stack is always ready; admission, queueing
//! and refusal happen in `call`. A layer used alone forwards its inner service's readiness.
//!
//! # Features
//! `dns`, `file`, `tls` (all on by default) bring name resolution, the watched folder and TLS; `test`
//! brings the test kit.

pub mod clock;
pub mod error;
mod http;
mod layer;
pub mod mesh;
mod request;
pub mod stack;
pub mod telemetry;
#[cfg(feature = "test")]
pub mod test;
pub mod tls;
mod upstream;

#[doc(no_inline)]
pub use crate::http::body::guard as guarded;
use crate::http::body::{observe as observed, upload};
pub use crate::http::write_batch as gather;
pub use crate::http::{body, frames, future, grpc, tap, upgrade};
pub use crate::layer::{
    attempt, balance, circuit, context, cors, fault, grpc_web, mirror, normalize, outlier, retry, rewrite,
    route, split, timeout,
};
#[doc(no_inline)]
pub use crate::request::options as call;
pub use crate::request::{passage, record, snapshot};
#[doc(no_inline)]
pub use crate::upstream::state as cluster;
pub use crate::upstream::{discover, live, pool, worker};
pub use body::Body;
pub use call::CallOptions;
pub use error::{BoxError, Error};
pub use mesh::{Channel, ChannelError, Client, Mesh, MeshBuilder, StartError};
pub use mesh::{admin, server};
pub use mesh_core;
