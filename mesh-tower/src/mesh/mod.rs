//! The handle of a running mesh: configuration in, clients and layers out.
//!
//! ```text
//! source ──documents──compile──▶ Plan ──link──▶ Live ──▶ every Worker, one swap each
//!       └──plan───────────────────┘              ▲
//!       └──endpoints of a cluster────────────────┘
//! ```
//!
//! A reload builds and checks the whole new plan before anything is swapped. What is invalid keeps
//! its last good version; what belongs to security and cannot be honoured keeps the whole last good
//! plan (a first load refuses to start). A request keeps the plan it began with.
//!
//! # Clone
//! Clones are the same mesh.
//!
//! # Metrics
//! `mesh_config_reload_total{result}`: `applied`, `unchanged`, `rejected`; `mesh_config_generation`.

pub mod admin;
mod builder;
mod channel;
mod client;
mod config;
mod follow;
mod readiness;
pub mod server;
mod start;
mod start_error;
mod status;
mod update;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;
use mesh_core::plan::{Direction, Plan};
use tokio::runtime::Handle;
use tokio::sync::watch as signal;
use tokio_util::sync::CancellationToken;

pub use builder::MeshBuilder;
pub use channel::{Channel, ChannelError};
pub use client::Client;
pub use start_error::StartError;
pub use status::{SourceState, Status};

use self::builder::SourceChoice;
use self::config::Configuration;
use self::server::ServerLayer;
use crate::body::replay::ReplayBudget;
use crate::clock::SharedRng;
use crate::request::snapshot::InForce;
use crate::source::Source;
#[cfg(feature = "file")]
pub use crate::source::folder::{Folder, read_folder};
use crate::stack::{Edge, ServerEdge};
use crate::telemetry::{AccessLog, Metrics};
use crate::upstream::discover::Names;
use crate::upstream::live::{Live, Tools};
use crate::upstream::state::Authorities;
use crate::upstream::transport::Connect;
use crate::upstream::worker::{AttemptFaults, Worker};

/// A running mesh; see the [module](self).
#[derive(Clone, Debug)]
pub struct Mesh(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    live: ArcSwap<Live>,
    /// The plan of `live`, for servers: they hold no cluster.
    in_force: InForce,
    status: ArcSwap<Status>,
    generation: signal::Sender<u64>,
    ready: signal::Sender<bool>,
    workers: Mutex<Vec<Weak<Worker>>>,
    configuration: Mutex<Configuration>,
    connector: Arc<dyn Connect>,
    rng: SharedRng,
    replay: ReplayBudget,
    attempt_faults: Arc<AttemptFaults>,
    names: Names,
    authorities: Arc<Authorities>,
    /// The runtime it was started on. Its background tasks run there, whichever thread reloads.
    runtime: Handle,
    metrics: Metrics,
    access_log: AccessLog,
    /// Whether the configuration says where the log goes, rather than the program.
    own_log: bool,
    /// Cancelled when the source is not followed any more.
    followed: CancellationToken,
    /// Cancelled when the last handle is dropped.
    closed: CancellationToken,
}

impl Mesh {
    /// A mesh configured by the YAML files of a folder, watched for changes.
    #[cfg(feature = "file")]
    pub fn from_dir(dir: impl Into<std::path::PathBuf>) -> MeshBuilder {
        MeshBuilder::new(SourceChoice::Folder(dir.into()))
    }

    /// A mesh configured in code: services and rules, no files.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use mesh_tower::Mesh;
    /// use mesh_tower::mesh_core::plan::builder::{Protocol, Rule, Service};
    ///
    /// let mesh = Mesh::builder()
    ///     .service(
    ///         Service::new("reviews")
    ///             .port(9080, Protocol::Http)
    ///             .endpoint("127.0.0.1:9081".parse()?, [("version", "v1")])
    ///             .endpoint("127.0.0.1:9082".parse()?, [("version", "v2")]),
    ///     )
    ///     .rule(Rule::to("reviews").weighted("v1", 90).weighted("v2", 10))
    ///     .start()
    ///     .await?;
    /// let client = mesh.client();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn builder() -> MeshBuilder {
        Self::from_documents(mesh_core::api::Documents::default())
    }

    /// A mesh configured by documents that are at hand; see [`mesh_core::plan::builder`].
    pub fn from_documents(documents: mesh_core::api::Documents) -> MeshBuilder {
        MeshBuilder::new(SourceChoice::Documents(Box::new(documents)))
    }

    /// A mesh that follows a source of your own; see [`source`](crate::source).
    pub fn from_source(source: impl Source) -> MeshBuilder {
        MeshBuilder::new(SourceChoice::Source(Box::new(source)))
    }

    /// The plan in force and its running state.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        self.0.live.load_full()
    }

    /// The plan in force.
    #[must_use]
    pub fn plan(&self) -> Arc<Plan> {
        self.live().plan().clone()
    }

    /// What the latest load found.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        self.0.status.load_full()
    }

    /// Tells of every new generation.
    #[must_use]
    pub fn generations(&self) -> signal::Receiver<u64> {
        self.0.generation.subscribe()
    }

    /// Whether our own workload says that it is ready: by the probe of its WorkloadGroup (HC-3), and
    /// always where it has none. The mesh itself can be called from the moment it has started.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        *self.0.ready.borrow()
    }

    /// Tells of every change of [`is_ready`](Self::is_ready).
    #[must_use]
    pub fn readiness(&self) -> signal::Receiver<bool> {
        self.0.ready.subscribe()
    }

    /// Starts a worker on the current runtime, if there is one, else on the one that the mesh was started on:
    /// connections and balancer cursors of its own.
    ///
    /// The proxy starts one for each core; [`client`](Self::client) does it for the library.
    #[must_use]
    pub fn worker(&self) -> Arc<Worker> {
        // Its sweep needs a runtime to run on: the caller's, else the one that the mesh was started on.
        let _runtime = Handle::try_current().is_err().then(|| self.0.runtime.enter());
        // Held from here on: a reload must not miss it.
        let mut workers = self.workers();
        let worker = Worker::start(
            self.live(),
            self.0.connector.clone(),
            self.own_rng(),
            self.0.replay.clone(),
            self.0.attempt_faults.clone(),
            self.0.authorities.clone(),
        );
        workers.retain(|worker| worker.strong_count() > 0);
        workers.push(Arc::downgrade(&worker));
        worker
    }

    /// Where requests of one direction enter a stack of this worker: with the mesh's metrics, log and settings.
    #[must_use]
    pub fn edge(&self, worker: Arc<Worker>, direction: Direction) -> Edge {
        Edge::new(worker, direction, self.metrics().clone(), self.access_log().clone())
    }

    pub(crate) fn server_edge(&self) -> ServerEdge {
        ServerEdge::new(self.in_force(), self.own_rng(), self.metrics().clone(), self.access_log().clone())
    }

    /// The plan in force, without what runs by it.
    pub(crate) fn in_force(&self) -> InForce {
        self.0.in_force.clone()
    }

    /// A client: calls go by the plan's outbound rules.
    ///
    /// Keep it, and give away clones of it, which share its connections: each call of this function makes
    /// a client with connections of its own.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self)
    }

    /// A gRPC channel to a service, `reviews` or `reviews:9080`; without a port, to its gRPC port.
    ///
    /// # Errors
    /// If the name is not a host with a port or without, or one of a declared service's ports that could be
    /// meant.
    pub fn channel(&self, service: &str) -> Result<Channel, ChannelError> {
        Channel::new(self, service)
    }

    /// A layer that makes a server a member of the mesh; see [`server`].
    #[must_use]
    pub fn layer(&self) -> ServerLayer {
        ServerLayer::new(self)
    }

    /// A new random source, of the mesh's seed (OU-1).
    pub(crate) fn own_rng(&self) -> SharedRng {
        SharedRng::seeded(self.0.rng.draw(mesh_core::rng::Rng::next_u64))
    }

    /// The cap on metric series: one for all clients, layers and listeners of the mesh (ME-8).
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Where access log lines go.
    #[must_use]
    pub fn access_log(&self) -> &AccessLog {
        &self.0.access_log
    }
}

impl Mesh {
    fn workers(&self) -> MutexGuard<'_, Vec<Weak<Worker>>> {
        // The list is whole after a panic: each change is one push or one sweep.
        self.0.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration, locked. After a panic in a load it is the last good one.
    fn configuration(&self) -> MutexGuard<'_, Configuration> {
        self.0.configuration.lock().unwrap_or_else(|poisoned| {
            self.0.configuration.clear_poison();
            let configuration = poisoned.into_inner();
            configuration.forget_reading();
            configuration
        })
    }
}

impl Inner {
    pub(crate) fn plan(&self) -> Arc<Plan> {
        self.live.load().plan().clone()
    }

    pub(crate) fn connector(&self) -> &Arc<dyn Connect> {
        &self.connector
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.send_if_modified(|before| std::mem::replace(before, ready) != ready);
    }

    fn tools(&self) -> Tools {
        Tools { connector: self.connector.clone(), rng: self.rng.clone(), names: self.names.clone() }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}
