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
//! | I want to … | use … |
//! |---|---|
//! | start a mesh from a folder of YAML | [`Mesh::from_dir`] |
//! | start a mesh that is configured in code | [`Mesh::builder`], with [`plan::builder`](mesh_core::plan::builder) |
//! | call other services | [`Mesh::client`], a [`Client`] |
//! | change the rule for one call | [`CallOptions`] |
//! | call gRPC through a generated tonic client | [`Mesh::channel`], a [`Channel`] |
//! | make a server a member of the mesh | [`Mesh::layer`], a [`ServerLayer`](server::ServerLayer) |
//! | pass deadline and trace of a request to the calls that its handler makes | [`context`]: [`ScopeLayer`](context::ScopeLayer) on the server's side, [`InheritLayer`](context::InheritLayer) on the client's |
//! | see the state of a running mesh | [`Admin`](admin::Admin), a service to mount |
//! | test a service against failures, in virtual time | `test::MeshTest`, with the feature `test` |
//! | compose a stack of my own | [`stack`] shows the order; the layers below are its pieces |
//! | clean and number requests at the edge | [`NormalizeLayer`](normalize::NormalizeLayer) |
//! | find the rule that a request matches | [`RouteLayer`](route::RouteLayer) |
//! | serve grpc-web pages from a gRPC service | [`GrpcWebLayer`](grpc_web::GrpcWebLayer) |
//! | inject delays and aborts | [`FaultLayer`](fault::FaultLayer) |
//! | let pages of other origins read answers | [`CorsLayer`](cors::CorsLayer) |
//! | split traffic by weight | [`SplitLayer`](split::SplitLayer) |
//! | change path, authority and headers by the rule | [`RewriteLayer`](rewrite::RewriteLayer) |
//! | send copies of requests to another service | [`MirrorLayer`](mirror::MirrorLayer) |
//! | bound the time of a call | [`TimeoutLayer`](timeout::TimeoutLayer) |
//! | retry what failed | [`RetryLayer`](retry::RetryLayer) |
//! | refuse calls over a limit | [`CircuitLayer`](circuit::CircuitLayer) |
//! | spread calls over endpoints | [`Balance`](balance::Balance) |
//! | eject an endpoint that fails | [`Outlier`](outlier::Outlier) |
//! | count, log and trace requests | [`TelemetryLayer`](telemetry::TelemetryLayer) |
//! | resolve names in another way | [`MeshBuilder::resolver`], with a [`Resolve`](upstream::discover::Resolve) |
//! | connect in another way | [`MeshBuilder::connector`], with a [`Connect`](upstream::pool::Connect) |
//! | find out why a call failed | [`Error`] |
//!
//! Every piece is a tower layer or service of its own, useful alone: around any
//! `Service<http::Request<B>>` with a fixed policy, or by the matched route of a plan. Those that read
//! request bodies (retry, timeout, mirror) take requests with a [`Body`], into which any body can be made. Errors of
//! the inner service are classified by their causes: a refused connection of hyper's client is one to every policy. The
//! order of the layers stands in [`stack`], and nowhere else.
//!
//! The repository has a page each on gRPC, errors, metrics, the access log and the test kit (`docs/grpc.md`,
//! `docs/errors.md`, `docs/metrics.md`, `docs/access-log.md`, `docs/test-kit.md`), and a program for each task in
//! `examples`.
//!
//! # Rule ids
//! Comments, tests and reports cite rules of behaviour by id: `RT-5` is the fifth rule about retries (trusted
//! headers), `VA-10` the tenth about a route's action (mirrors). `docs/rules.md` in the repository lists every id with
//! its subject; the tests that carry the id in their name show the exact behaviour. [`mesh_core`] explains the letters.
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
pub mod source;
pub mod stack;
pub mod telemetry;
#[cfg(feature = "test")]
pub mod test;
pub mod tls;
pub mod upstream;

pub use crate::http::{body, frames, future, grpc, tap, upgrade, write_batch};
pub use crate::layer::{
    balance, circuit, context, cors, exchange, fault, grpc_web, mirror, normalize, outlier, retry, rewrite,
    route, split, timeout,
};
pub use crate::request::options::CallOptions;
pub use crate::request::{boxed_request, record, snapshot};
pub use body::Body;
pub use error::{BoxError, Error};
pub use mesh::{Channel, ChannelError, Client, Mesh, MeshBuilder, StartError};
pub use mesh::{admin, server};
pub use mesh_core;
