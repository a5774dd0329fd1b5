//! Where endpoints come from when the configuration only names them (SE-7).
//!
//! Every name is looked up once, however many clusters, subsets and workers use it, and the answer
//! outlives reloads as long as a cluster uses it. [`mesh_core::discover`] decides the meaning of an answer; this
//! module asks for it, and brings it to the clusters.
//!
//! ```text
//! Resolve ──answer──▶ Name (one for each name, in the background) ──addresses──▶ Following ──▶ Cluster
//!    ▲                      ▲                                                  (one for each cluster)
//!    └─ TTL, back-off ──────┴─ a dial failed: ask earlier
//! ```
//!
//! A request that comes before a cluster's first answer waits for it, two seconds at most in the life
//! of the cluster. From then on an empty set is an immediate 503 `UH`.
//!
//! # Metrics
//! `mesh_dns_lookups_total{name,result}`: `answered`, `empty`, `failed`;
//! `mesh_dns_stale_seconds{name}`: for how long addresses are used beyond their TTL.

mod follow;
mod names;
mod resolver;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

pub use mesh_core::discover::{Answer, Family};

pub(crate) use self::follow::{Endpoints, Following};
pub(crate) use self::names::Names;
pub use self::resolver::Resolver;
use crate::error::BoxError;

/// The future of a [`Resolve`].
pub type Resolving = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

/// Asks for the addresses of names: the seam between discovery and DNS.
///
/// An implementation does not cache: a name is looked up again when its answer has aged.
///
/// # Errors
/// An error is [`Answer::Failed`] with a reason for the log. That a name does not exist is no
/// error, but [`Answer::Empty`].
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// The addresses of `name` now.
    fn resolve(&self, name: &str) -> Resolving;
}
