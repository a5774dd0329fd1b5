//! Where the configuration comes from.
//!
//! A [`Source`] yields updates: a whole configuration with its findings, or the endpoints of one cluster. The mesh treats
//! updates of all sources alike: it builds and checks the whole new plan, then swaps it in.
//!
//! ```text
//! Source ──next──▶ documents ──load (Y-12)──▶ Plan ──link──▶ Live      the mesh asks for the next one
//!    ▲             plan ─────────────────────▶                 │       when this one is in force
//!    │             endpoints ──▶ running cluster               │
//!    └────────────report: in force, or rejected and why────────┘
//! ```
//!
//! A folder ([`FolderSource`]) and code ([`CodeSource`]) are sources; [`Mesh::from_dir`](crate::Mesh::from_dir) and
//! [`Mesh::builder`](crate::Mesh::builder) name them. [`Mesh::from_source`](crate::Mesh::from_source) takes one of your
//! own:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use mesh_tower::Mesh;
//! use mesh_tower::mesh_core::endpoint::Endpoint;
//! use mesh_tower::mesh_core::plan::builder::{MeshSpec, Protocol, Service};
//! use mesh_tower::mesh_core::plan::{ClusterKey, CompileOptions, compile};
//! use mesh_tower::source::{Next, Report, Source, Update};
//! use tokio::sync::mpsc;
//!
//! /// A control plane of our own, at the other end of a channel.
//! #[derive(Debug)]
//! struct Control {
//!     updates: mpsc::Receiver<Update>,
//! }
//!
//! impl Source for Control {
//!     fn next(&mut self) -> Next<'_> {
//!         Box::pin(async { self.updates.recv().await.map(Ok) })
//!     }
//!
//!     fn report(&mut self, report: &Report) {
//!         if let Report::Rejected { reason, .. } = report {
//!             eprintln!("answer the control plane: {reason}");
//!         }
//!     }
//! }
//!
//! let (control, updates) = mpsc::channel(1);
//! let reviews = Service::new("reviews").endpoint("127.0.0.1:9080".parse()?, [("version", "v1")]);
//! let services = MeshSpec::new().service(reviews.port(9080, Protocol::Http));
//! let services = services.build().expect("a sound service");
//! let plan = compile(&services, &CompileOptions::default(), None).plan;
//! control.send(Update::plan(plan)).await?;
//! let mesh = Mesh::from_source(Control { updates }).start().await?;
//!
//! let reviews = ClusterKey::outbound("reviews.default.svc.cluster.local", 9080, "");
//! control.send(Update::endpoints(reviews, [Endpoint::new("127.0.0.1:9081".parse()?)])).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Backpressure
//! The mesh asks for the next update after it has put the last one in force. A source that receives updates faster than
//! that keeps the newest: a plan replaces every earlier plan, a list of endpoints every earlier list of its cluster.
//!
//! # Errors
//! An error of [`next`](Source::next) changes nothing in force. [`Status`](crate::mesh::Status) shows it, and the mesh asks
//! again. After `None` the mesh asks no more, and the status shows that the source has ended. Neither makes the mesh
//! unready: calls follow the last good configuration, however long the source is away. Only a start waits for the first
//! configuration, and fails if the source fails.
//!
//! # Cancellation
//! When the last handle of the mesh is dropped, the future of `next` is dropped, and the source with it.

mod code;
#[cfg(feature = "file")]
pub(crate) mod folder;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use mesh_core::analysis::Diagnostics;
use mesh_core::api::Documents;
use mesh_core::endpoint::Endpoint;
use mesh_core::plan::{ClusterKey, Plan};

pub use code::CodeSource;
#[cfg(feature = "file")]
pub use folder::FolderSource;

/// The future of [`Source::next`].
pub type Next<'s> = Pin<Box<dyn Future<Output = Option<Result<Update, SourceError>>> + Send + 's>>;

/// A producer of configuration; see the [module](self).
pub trait Source: fmt::Debug + Send + 'static {
    /// Waits for the next update; the first time, for the first configuration. `None` says that there will be none.
    ///
    /// The mesh calls it again after the update is in force or rejected. A source itself waits before it repeats a
    /// failed attempt; the mesh waits only after an error that comes at once (1 s). The mesh cancels the future only when it
    /// drops the source, so an update may be lost then.
    fn next(&mut self) -> Next<'_>;

    /// Receives the outcome of the latest update. The mesh calls it once for each update, before it calls `next` again;
    /// but not for an update during which [`Mesh::apply`](crate::Mesh::apply) replaces the source.
    ///
    /// A source of a control plane answers with it, for example with a NACK. The default does nothing.
    fn report(&mut self, report: &Report) {
        let _ = report;
    }
}

/// An update of the configuration, or of a part.
#[derive(Debug)]
pub struct Update(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    Documents(Box<Said>),
    Plan(Box<Plan>, Diagnostics),
    Endpoints(ClusterKey, Vec<Arc<Endpoint>>),
}

/// Documents on their way.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) documents: Documents,
    pub(crate) findings: Diagnostics,
    /// Folders without files. Each is a finding if something in force was read there.
    #[cfg_attr(not(feature = "file"), expect(dead_code, reason = "there are no folders"))]
    pub(crate) empty: Vec<String>,
    /// Number of this reading of its folder, from 1: an earlier reading does not replace a later one.
    pub(crate) reading: Option<u64>,
}

impl Update {
    /// A whole configuration as written, with the findings of reading it.
    ///
    /// The mesh compiles it with the settings of the [`MeshBuilder`](crate::MeshBuilder). An invalid document keeps its
    /// last good version, and a host with a lost reference its last good rules (Y-12). How strictly the documents are
    /// read is the choice of the source.
    #[must_use]
    pub fn documents(documents: Documents, findings: Diagnostics) -> Self {
        Self(Kind::Documents(Box::new(Said { documents, findings, empty: Vec::new(), reading: None })))
    }

    /// A whole configuration, compiled. It goes into force as it is and keeps nothing of an earlier one.
    ///
    /// The mesh numbers the generations and ignores the number in `plan`.
    #[must_use]
    pub fn plan(plan: Plan) -> Self {
        Self::plan_with(plan, Diagnostics::new())
    }

    /// [`Update::plan`] with the findings of making it. A finding with `fail_closed` rejects the plan.
    #[must_use]
    pub fn plan_with(plan: Plan, findings: Diagnostics) -> Self {
        Self(Kind::Plan(Box::new(plan), findings))
    }

    /// All endpoints of one cluster of the plan in force. An endpoint whose address stays keeps its state (LB-17).
    ///
    /// They replace the endpoints of the plan, and of later plans with the cluster, until the next push. The mesh rejects
    /// endpoints of an unknown cluster, and of a cluster that resolves names.
    #[must_use]
    pub fn endpoints(cluster: ClusterKey, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        Self(Kind::Endpoints(cluster, endpoints.into_iter().map(Arc::new).collect()))
    }
}

/// The outcome of an update.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Report {
    /// It is in force, except for the parts that the findings name.
    InForce {
        /// The generation in force; endpoints do not count as one.
        generation: u64,
        /// All findings about it.
        findings: Diagnostics,
    },
    /// It is not in force; the configuration before it still is.
    Rejected {
        /// Why.
        reason: String,
        /// All findings about it.
        findings: Diagnostics,
    },
}

/// Why a source has no update, though it may have one later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SourceError {
    reason: String,
    /// Number of the failed reading, as in [`Said`].
    pub(crate) reading: Option<u64>,
}

impl SourceError {
    /// An error that is shown as this text.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), reading: None }
    }
}
