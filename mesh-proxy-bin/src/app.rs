//! A whole proxy: configuration, workers, listeners, admin; and its orderly end.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures_util::future::{join_all, select_all};
use mesh_core::api::Documents;
use mesh_core::api::decode::Strictness;
use mesh_core::plan::{CompileOptions, Direction, Plan, compile};
use mesh_tower::admin::{Admin, ListenerStatus, Readiness};
use mesh_tower::mesh::{Mesh, MeshBuilder, read_folder};
use mesh_tower::upstream::discover::Resolver;
use mesh_tower::upstream::pool::SocketConnector;

use crate::admin::{self, metrics};
use crate::connection::activity::Order;
use crate::drain::Shutdown;
use crate::listen::listeners::Listeners;
use crate::listen::worker::{Command, Handle};
use crate::logging;
use crate::settings::{Bind, Role, Settings};

/// The exporter keeps raw samples of histograms until it is asked to fold them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Interval at which certificate files are checked for changes.
const CERTIFICATES: Duration = Duration::from_secs(2);

/// How long writing the access log's last lines may take.
const LAST_LINES: Duration = Duration::from_secs(2);

/// A proxy that has started: all its listeners are open.
///
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// use mesh_proxy::{Proxy, Settings, Shutdown};
///
/// let settings = Settings::new("mesh/").bind("80=127.0.0.1:0".parse().map_err(anyhow::Error::msg)?);
/// let shutdown = Shutdown::default();
/// let proxy = Proxy::start(settings, &shutdown).await?;
/// println!("{:?}", proxy.addresses());
/// proxy.serve(shutdown).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Proxy {
    settings: Settings,
    mesh: Mesh,
    workers: Vec<Handle>,
    listeners: Listeners,
    /// Endpoints of our own.
    shown: Vec<(&'static str, SocketAddr)>,
    state: Arc<State>,
    tasks: tokio::task::JoinSet<()>,
}

/// What the admin endpoint shows of this proxy.
#[derive(Debug, Default)]
struct State {
    phase: AtomicU8,
    listeners: RwLock<Vec<ListenerStatus>>,
    /// Opens the workers' connections, except to ourselves.
    connector: SocketConnector,
}

const STARTING: u8 = 0;
const LIVE: u8 = 1;
const DRAINING: u8 = 2;

impl State {
    fn readiness(&self) -> Readiness {
        match self.phase.load(Ordering::Relaxed) {
            STARTING => Readiness::Starting,
            LIVE => Readiness::Ready,
            _ => Readiness::Draining,
        }
    }

    fn enter(&self, phase: u8) {
        // Relaxed: read alone, as a report.
        self.phase.store(phase, Ordering::Relaxed);
    }

    fn show(&self, listeners: &Listeners) {
        let status = listeners.status();
        let outbound = status.iter().filter(|listener| listener.direction == Direction::Outbound);
        self.connector.refuse(outbound.map(|listener| listener.address).collect());
        *self.listeners.write().expect("no panic while the list is held") = status;
    }
}

impl Proxy {
    /// Loads the configuration and binds every listener. Background work runs on the current runtime,
    /// requests on threads of their own.
    ///
    /// # Errors
    /// If the configuration cannot be used, or an address cannot be bound; the text names the file and
    /// line, or the address.
    pub async fn start(settings: Settings, shutdown: &Shutdown) -> anyhow::Result<Self> {
        // Metric handles are made when clusters are, so the recorder comes first.
        let prometheus = metrics::install();
        let state: Arc<State> = Arc::default();
        let mesh = load(&settings, &state.connector).await?;
        let plan = mesh.plan();
        let role = if plan.workload.gateway { "gateway" } else { "sidecar" };
        tracing::info!(
            role,
            workload = %plan.workload.name,
            namespace = %plan.workload.namespace,
            generation = plan.generation,
            "configuration loaded"
        );
        if settings.workload.is_none() && settings.identity.is_none() && !plan.workload.gateway {
            // MC-4: rules that select by label, and metrics, depend on it.
            tracing::warn!(
                "no workload is set, so rules for workloads and labels of metrics do not know it: name it with --workload"
            );
        }
        let workers = (0..settings.worker_count(&plan).get())
            .map(|index| Handle::start(index, &mesh))
            .collect::<Result<Vec<_>, _>>()
            .context("starting a worker")?;
        let mut proxy = Self {
            settings,
            mesh,
            workers,
            listeners: Listeners::default(),
            shown: Vec::new(),
            state,
            tasks: tokio::task::JoinSet::new(),
        };
        if let Some(address) = proxy.settings.admin_address(&plan) {
            let service = proxy.admin_service(prometheus, shutdown);
            proxy.show("admin", address, service).await?;
        }
        if let Some(address) = proxy.settings.status_address(&plan) {
            let service = proxy.admin_service(prometheus, shutdown).status_only();
            proxy.show("status", address, service).await?;
        }
        warn_of_unused_binds(&plan, &proxy.settings);
        let errors = proxy.listeners.follow(&plan, &proxy.settings, &proxy.workers).await;
        if !errors.is_empty() {
            let text: Vec<_> = errors.iter().map(ToString::to_string).collect();
            proxy.end().await;
            return Err(anyhow!(text.join("\n")));
        }
        if proxy.listeners.status().is_empty() {
            tracing::warn!("the configuration gives this {role} nothing to listen for");
        }
        proxy.tasks.spawn(async {
            let mut upkeep = tokio::time::interval(UPKEEP);
            loop {
                upkeep.tick().await;
                prometheus.run_upkeep();
            }
        });
        proxy.state.show(&proxy.listeners);
        proxy.state.enter(LIVE);
        Ok(proxy)
    }

    /// Serves one of our own endpoints.
    async fn show(&mut self, name: &'static str, address: SocketAddr, service: Admin) -> anyhow::Result<()> {
        let socket = admin::bind(name, address).await.map_err(anyhow::Error::msg)?;
        let address =
            socket.local_addr().with_context(|| format!("asking for the {name} endpoint's address"))?;
        tracing::info!(%address, "the {name} endpoint listens");
        self.shown.push((name, address));
        self.tasks.spawn(admin::serve(socket, service));
        Ok(())
    }

    fn admin_service(
        &self,
        prometheus: &'static metrics_exporter_prometheus::PrometheusHandle,
        shutdown: &Shutdown,
    ) -> Admin {
        let (listeners, readiness) = (self.state.clone(), self.state.clone());
        let shutdown = shutdown.clone();
        let admin = Admin::new(self.mesh.clone());
        let admin = if logging::is_ours() { admin.logging(logging::change) } else { admin };
        admin
            .version(env!("CARGO_PKG_VERSION"))
            .metrics(|| prometheus.render())
            .listeners(move || listeners.listeners.read().expect("no panic while the list is held").clone())
            .readiness(move || readiness.readiness())
            .on_quit(move || shutdown.drain())
    }

    /// The listeners by name, each with its real address; our own endpoints are `admin` and `status`.
    #[must_use]
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        let listeners = self.listeners.status().into_iter();
        let shown = self.shown.iter().map(|(name, address)| ((*name).to_owned(), *address));
        listeners.map(|listener| (listener.name.to_string(), listener.address)).chain(shown).collect()
    }

    /// The mesh that this proxy serves.
    #[must_use]
    pub const fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// Serves, following the configuration, until it is asked to stop; then drains (OP-4).
    ///
    /// # Errors
    /// If a worker fails.
    pub async fn serve(mut self, shutdown: Shutdown) -> anyhow::Result<()> {
        let failed = self.until_stopped(&shutdown).await;
        if failed {
            self.end().await;
            return Err(anyhow!("a worker failed"));
        }
        self.state.enter(DRAINING);
        let plan = self.mesh.plan();
        let accepting = self.settings.termination_drain.unwrap_or(plan.settings.termination_drain_duration);
        let open = self.settings.drain.unwrap_or(plan.settings.drain_duration);
        tracing::info!(?accepting, ?open, "drains");
        for worker in &self.workers {
            worker.registry.tell(Order::Drain);
        }
        tokio::select! {
            () = tokio::time::sleep(accepting) => {}
            () = shutdown.ending() => {}
        }
        join_all(self.workers.iter().map(|worker| worker.send(Command::Leave))).await;
        let emptied = join_all(self.workers.iter().map(|worker| worker.registry.emptied()));
        tokio::select! {
            _ = emptied => tracing::info!("drained"),
            () = tokio::time::sleep(open) => {
                let connections: usize = self.workers.iter().map(|worker| worker.registry.len()).sum();
                tracing::warn!(connections, "closed before their work was done");
            }
            () = shutdown.ending() => tracing::warn!("ended at once"),
        }
        self.end().await;
        Ok(())
    }

    /// Follows new generations of the configuration. True if it ended because a worker did.
    async fn until_stopped(&mut self, shutdown: &Shutdown) -> bool {
        let mut generations = self.mesh.generations();
        generations.mark_unchanged();
        // The plan may have changed while the listeners were bound.
        let mut generation = 0;
        let mut certificates = tokio::time::interval(CERTIFICATES);
        loop {
            let plan = self.mesh.plan();
            if plan.generation != generation {
                generation = plan.generation;
                for error in self.listeners.follow(&plan, &self.settings, &self.workers).await {
                    tracing::error!("{error}");
                }
                self.state.show(&self.listeners);
            }
            let workers = select_all(self.workers.iter().map(|worker| Box::pin(worker.failed())));
            tokio::select! {
                () = shutdown.draining() => return false,
                _ = workers => return true,
                _ = certificates.tick() => self.listeners.reread(),
                changed = generations.changed() => if changed.is_err() { return false },
            }
        }
    }

    async fn end(mut self) {
        self.tasks.abort_all();
        for worker in self.workers.drain(..) {
            worker.end().await;
        }
        // Its thread would die with the process, lines of the last requests with it.
        if !self.mesh.access_log().flush(LAST_LINES) {
            tracing::warn!("the access log's last lines could not be written in time");
        }
    }
}

/// Warns of each `--bind` that no listener has yet: one may come with a reload, but a slip would
/// leave the port that was meant where the configuration has it.
fn warn_of_unused_binds(plan: &Plan, settings: &Settings) {
    let known = || plan.listeners.iter().map(|listener| listener.key.to_string()).collect::<Vec<_>>();
    for Bind { listener, address } in
        settings.bind.iter().filter(|bind| !plan.listeners.iter().any(|listener| bind.is_for(listener)))
    {
        tracing::warn!(
            "--bind {listener}={address} serves nothing now: the configuration has no listener {listener}, only {}",
            known().join(", ")
        );
    }
}

/// Loads the configuration for the role in the settings.
async fn load(settings: &Settings, connector: &SocketConnector) -> anyhow::Result<Mesh> {
    // A proxy with a workload of its own is a sidecar, unless its role is set.
    let named = settings.workload.is_some() || settings.identity.is_some();
    let role = settings
        .role
        .unwrap_or_else(|| if !named && has_gateways(settings) { Role::Gateway } else { Role::Sidecar });
    Ok(builder(settings, role).connector(Arc::new(connector.clone())).start().await?)
}

/// Whether a gateway would have something to listen for. Errors in the files are reported when they are
/// loaded.
fn has_gateways(settings: &Settings) -> bool {
    let Ok(folder) = read_folder(&settings.config) else { return false };
    let strictness = if settings.istio_runtime { Strictness::Lenient } else { Strictness::Strict };
    let texts = folder.texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let (documents, _) = Documents::parse_with(texts, strictness);
    let istio_runtime = settings.istio_runtime;
    let options = CompileOptions { gateway: true, istio_runtime, ..CompileOptions::default() };
    let plan = compile(&documents, &options, None).plan;
    plan.listeners.iter().any(|listener| listener.direction == Direction::Gateway)
}

fn builder(settings: &Settings, role: Role) -> MeshBuilder {
    let mut builder = Mesh::from_dir(&settings.config)
        .gateway(role == Role::Gateway)
        .strict(settings.strict)
        .istio_runtime(settings.istio_runtime)
        .max_fields(settings.max_fields);
    if let Some(identity) = &settings.identity {
        builder = builder.identity(identity.clone());
    }
    if let Some(name) = &settings.workload {
        builder = builder.workload(name.as_str());
    }
    for app in &settings.apps {
        builder = builder.application(app.port, app.address);
    }
    if !settings.name_servers.is_empty() {
        let resolver = Resolver::name_servers(settings.name_servers.iter().copied());
        builder = builder.resolver(Arc::new(resolver));
    }
    if let Some(file) = &settings.access_log {
        builder = builder.access_log_file(file.as_str());
    }
    if let Some(seed) = settings.seed {
        builder = builder.seed(seed);
    }
    builder
}
