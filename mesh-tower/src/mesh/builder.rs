//! How a mesh is started.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use mesh_core::analysis::Diagnostics;
use mesh_core::balance::BalancePolicy;
use mesh_core::discover::DnsPolicy;
use mesh_core::fault::{FaultPolicy, HeaderFaults};
use mesh_core::headers::FieldLimit;
use mesh_core::identity::Workload;
use mesh_core::plan::builder::{MeshSpec, Rule, Service};
use mesh_core::plan::{CompileOptions, WorkloadSource};
use mesh_core::rng::Rng as _;
use tokio::runtime::Handle;
use tokio::sync::watch as signal;
use tokio_util::sync::CancellationToken;

use super::config::{Configuration, Outcome, Source};
use super::{Inner, Mesh, readiness};
use crate::body::replay::ReplayBudget;
use crate::clock::{FastRng, SharedRng};
use crate::telemetry::{AccessLog, Metrics};
use crate::upstream::discover::{Names, Resolve, Resolver};
use crate::upstream::live::{Live, Tools};
use crate::upstream::state::Authorities;
use crate::upstream::transport::{Connect, SocketConnector};
use crate::upstream::worker::AttemptFaults;

/// Settings of a mesh that is about to start.
#[derive(Debug)]
#[must_use = "nothing happens until it is started"]
pub struct MeshBuilder {
    source: Source,
    /// What is added in code, if anything is.
    spec: Option<Box<MeshSpec>>,
    options: CompileOptions,
    watch: bool,
    connector: Arc<dyn Connect>,
    resolver: Arc<dyn Resolve>,
    dns: DnsPolicy,
    rng: SharedRng,
    seed: Option<u64>,
    metrics: Metrics,
    access_log: Option<AccessLog>,
    attempt_faults: AttemptFaults,
}

impl MeshBuilder {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            spec: None,
            options: CompileOptions::default(),
            watch: true,
            connector: Arc::new(SocketConnector::default()),
            resolver: Arc::new(Resolver::system()),
            dns: DnsPolicy::default(),
            rng: SharedRng::default(),
            seed: None,
            metrics: Metrics::default(),
            access_log: None,
            attempt_faults: AttemptFaults::new(),
        }
    }

    /// Adds a service that can be called.
    pub fn service(self, service: Service) -> Self {
        self.spec(|spec| spec.service(service))
    }

    /// Adds a rule for calls to a service. The rules of one host are tried in this order.
    pub fn rule(self, rule: Rule) -> Self {
        self.spec(|spec| spec.rule(rule))
    }

    /// Adds what has no method here: whole resources, the mesh config, another namespace.
    ///
    /// Only a mesh made in code can be added to; [`start`](Self::start) refuses to mix in a folder, whose
    /// next version would have to be mixed in again.
    pub fn spec(mut self, change: impl FnOnce(MeshSpec) -> MeshSpec) -> Self {
        let made = self.spec.take().map(|spec| *spec);
        let spec = made.unwrap_or_else(|| match &mut self.source {
            Source::Documents(documents) => MeshSpec::from(std::mem::take(&mut **documents)),
            #[cfg(feature = "file")]
            Source::Folder(_) => MeshSpec::new(),
        });
        self.spec = Some(Box::new(change(spec)));
        self
    }

    /// Who this process is: `namespace/kind/name` of a document, or a workload's name (MC-4).
    pub fn workload(mut self, name: impl Into<String>) -> Self {
        self.options.workload = WorkloadSource::Named(name.into());
        self
    }

    /// Who this process is, told in full (MC-4).
    pub fn identity(mut self, workload: Workload) -> Self {
        self.options.workload = WorkloadSource::Explicit(Box::new(workload));
        self
    }

    /// Compiles for a gateway rather than for a sidecar or a client.
    pub fn gateway(mut self, gateway: bool) -> Self {
        self.options.gateway = gateway;
        self
    }

    /// Where the local application listens, instead of where the configuration says: for one inbound
    /// port, or for all that no other call names.
    pub fn application(mut self, port: Option<u16>, address: SocketAddr) -> Self {
        self.options.applications.push((port, address));
        self
    }

    /// Picks the endpoints of a host so, whatever is written: for what Istio's API cannot say.
    ///
    /// ```
    /// use mesh_tower::Mesh;
    /// use mesh_tower::mesh_core::balance::BalancePolicy;
    ///
    /// let mesh = Mesh::from_dir("mesh/").balance("reviews", BalancePolicy::peak_ewma());
    /// ```
    pub fn balance(mut self, host: impl Into<String>, policy: BalancePolicy) -> Self {
        self.options.balance.push((host.into(), policy));
        self
    }

    /// Does what Istio's running proxies do where ours is stricter by default.
    pub fn istio_runtime(mut self, istio_runtime: bool) -> Self {
        self.options.istio_runtime = istio_runtime;
        self
    }

    /// How large the head and the trailers of a message may be, each; 60 KiB unless set (GW-12).
    ///
    /// A larger request is answered 431, a larger answer is 502; larger trailers break the body off.
    ///
    /// ```
    /// use mesh_tower::Mesh;
    /// use mesh_tower::mesh_core::headers::FieldLimit;
    ///
    /// let mesh = Mesh::from_dir("mesh/").max_fields(FieldLimit::kib(96).expect("8 to 8192"));
    /// ```
    pub fn max_fields(mut self, limit: FieldLimit) -> Self {
        self.options.max_fields = limit;
        self
    }

    /// Refuses a configuration with any error, instead of leaving out what is wrong.
    pub fn strict(mut self, strict: bool) -> Self {
        self.options.strict = strict;
        self
    }

    /// Whether the folder is watched; on by default.
    pub fn watch(mut self, watch: bool) -> Self {
        self.watch = watch;
        self
    }

    /// Opens connections by this connector; the default dials sockets.
    pub fn connector(mut self, connector: Arc<dyn Connect>) -> Self {
        self.connector = connector;
        self
    }

    /// Asks this resolver for the addresses of names; the default asks as the system is configured.
    ///
    /// ```
    /// # #[cfg(feature = "dns")] {
    /// use std::sync::Arc;
    /// use mesh_tower::Mesh;
    /// use mesh_tower::upstream::discover::Resolver;
    ///
    /// let builder = Mesh::builder().resolver(Arc::new(Resolver::name_servers(["10.0.0.53:53".parse().unwrap()])));
    /// # }
    /// ```
    pub fn resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// How often names are asked for, and how long an empty answer is doubted. Its `after_failure` is
    /// the mesh config's `dnsRefreshRate`, whatever is said here.
    pub fn dns(mut self, policy: DnsPolicy) -> Self {
        self.dns = policy;
        self
    }

    /// Draws all chance from this seed, so that a run can be repeated (OU-1).
    pub fn seed(mut self, seed: u64) -> Self {
        self.rng = SharedRng::seeded(seed);
        self.seed = Some(seed);
        self
    }

    /// Bounds the metric series of all clients, layers and listeners by this (ME-8).
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Writes the access log here instead of where the configuration says.
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.access_log = Some(log);
        self
    }

    /// Writes the access log to this file, `/dev/stdout` or `/dev/stderr`, or nowhere (`off`), whatever the mesh
    /// config says of it; its format is the mesh config's.
    pub fn access_log_file(mut self, path: impl Into<String>) -> Self {
        self.options.access_log_file = Some(path.into());
        self
    }

    /// Injects faults into each attempt at a service, by its host or short name, so that the retries of
    /// whoever calls it meet them (FI-10). For tests: no configuration says this.
    pub fn attempt_fault(mut self, service: impl Into<String>, policy: FaultPolicy) -> Self {
        self.attempt_faults.insert(service.into(), policy);
        self
    }

    /// Lets requests ask for faults by header, at most so often (FI-7). Who may send such headers is
    /// decided as for all control headers (HD-2).
    pub fn header_faults(mut self, faults: HeaderFaults) -> Self {
        self.options.header_faults = Some(faults);
        self
    }

    /// Loads, checks and starts. Background work runs on the current runtime.
    ///
    /// Returns when the first plan is in force: requests can be sent at once.
    ///
    /// # Errors
    /// If the folder cannot be read, a security resource cannot be honoured, or, with
    /// [`strict`](Self::strict), anything is wrong. The error lists every finding.
    #[expect(clippy::unused_async, reason = "later sources, such as a control plane, are waited for")]
    pub async fn start(self) -> Result<Mesh, StartError> {
        // Of the recorder that is there now: what is made later would not know.
        crate::telemetry::names::describe();
        let source = source(self.source, self.spec)?;
        let mut configuration = Configuration::new(source, self.options);
        let (plan, status) = match configuration.load() {
            Outcome::Applied(plan, status) => (plan, status),
            Outcome::Rejected(status) => {
                let reason = status.rejected.unwrap_or_default();
                return Err(StartError { reason, diagnostics: status.diagnostics });
            }
            Outcome::Unchanged => unreachable!("the first load has nothing to compare with"),
        };
        let generation = plan.generation;
        let own_log = self.access_log.is_none();
        let access_log = self.access_log.unwrap_or_else(AccessLog::off);
        if own_log {
            let fail = |error: std::io::Error| StartError {
                reason: format!("the access log cannot be opened: {error}"),
                diagnostics: Diagnostics::new(),
            };
            access_log.configure(plan.settings.access_log.as_ref()).map_err(fail)?;
        }
        #[cfg(feature = "file")]
        let folder = configuration.folder().filter(|_| self.watch).map(ToOwned::to_owned);
        let seed = self.seed.unwrap_or_else(|| FastRng::new().next_u64());
        let names = Names::new(self.resolver, seed, self.dns);
        let tools = Tools { connector: self.connector.clone(), rng: self.rng.clone(), names: names.clone() };
        let ready = readiness::at_first(&plan);
        let (istio_runtime, max_fields) = (plan.settings.istio_runtime, plan.settings.max_fields);
        let mesh = Mesh(Arc::new(Inner {
            in_force: Arc::new(ArcSwap::new(plan.clone())),
            live: ArcSwap::from_pointee(Live::link(plan, None, &tools)),
            status: ArcSwap::from_pointee(status),
            generation: signal::channel(generation).0,
            ready: signal::channel(ready).0,
            workers: Mutex::default(),
            configuration: Mutex::new(configuration),
            connector: self.connector,
            rng: self.rng,
            replay: ReplayBudget::default(),
            attempt_faults: Arc::new(self.attempt_faults),
            authorities: Arc::new(Authorities::new(names.clone(), istio_runtime, max_fields)),
            names,
            runtime: Handle::current(),
            metrics: self.metrics,
            access_log,
            own_log,
            closed: CancellationToken::new(),
        }));
        tokio::spawn(readiness::follow(Arc::downgrade(&mesh.0), mesh.generations()));
        #[cfg(feature = "file")]
        if let Some(folder) = folder {
            let failed = |error: notify::Error| StartError {
                reason: format!("{} cannot be watched: {error}", folder.display()),
                diagnostics: Diagnostics::new(),
            };
            super::watch::start(&mesh.0, &folder).map_err(failed)?;
        }
        metrics::gauge!("mesh_config_generation").set(generation as f64);
        Ok(mesh)
    }
}

/// The one source, with what was added in code.
fn source(source: Source, spec: Option<Box<MeshSpec>>) -> Result<Source, StartError> {
    let Some(spec) = spec else { return Ok(source) };
    match source {
        #[cfg(feature = "file")]
        Source::Folder(folder) => Err(StartError {
            reason: format!("services and rules made in code cannot be added to {}", folder.display()),
            diagnostics: Diagnostics::new(),
        }),
        Source::Documents(_) => match spec.build() {
            Ok(documents) => Ok(Source::Documents(Box::new(documents))),
            Err(diagnostics) => {
                Err(StartError { reason: "what was made in code is not valid".into(), diagnostics })
            }
        },
    }
}

/// Why a mesh did not start. Displays every finding, each with its place and what would be right.
#[derive(Debug)]
pub struct StartError {
    reason: String,
    diagnostics: Diagnostics,
}

impl StartError {
    /// What was found in the configuration.
    #[must_use]
    pub fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the mesh does not start: {}", self.reason)?;
        for finding in self.diagnostics.iter() {
            write!(f, "\n{finding:#}")?;
        }
        Ok(())
    }
}

impl std::error::Error for StartError {}

#[cfg(test)]
mod tests {
    use mesh_core::plan::builder::Protocol;

    use super::*;

    #[tokio::test]
    async fn what_may_not_be_in_a_file_does_not_start_in_code_either() {
        let reviews = Service::new("reviews").port(9080, Protocol::Http);
        let rule = Rule::to("reviews").abort(999, 10.0);
        let refused = Mesh::builder().service(reviews.clone()).rule(rule).start().await.unwrap_err();
        assert!(refused.diagnostics().has_errors(), "{refused}");
        let mesh = Mesh::builder().service(reviews).rule(Rule::to("reviews")).start().await.unwrap();
        assert!(mesh.plan().outbound[&9080].host("reviews").is_some());
    }

    #[cfg(feature = "file")]
    #[tokio::test]
    async fn a_refused_start_shows_where_and_what_would_be_right() {
        let folder = tempfile::tempdir().unwrap();
        let text =
            "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a}\nspec: {egres: []}\n";
        std::fs::write(folder.path().join("a.yaml"), text).unwrap();
        let mesh = Mesh::from_dir(folder.path()).identity(Workload::default()).strict(true);
        let refused = mesh.start().await.unwrap_err();
        let told = refused.to_string().replace(&folder.path().display().to_string(), "mesh");
        let expected = "the mesh does not start: there are errors, and strictness was asked for\n\
                        Error [IST0106] (Sidecar default/a mesh/a.yaml:4:8) spec.egres: unknown field `egres`\n    \
                        hint: did you mean `egress`?";
        assert_eq!(told, expected);
    }

    #[cfg(feature = "file")]
    #[tokio::test]
    async fn a_folder_is_not_added_to() {
        let refused = Mesh::from_dir("mesh").rule(Rule::to("reviews")).start().await.unwrap_err();
        assert!(refused.to_string().contains("cannot be added to mesh"), "{refused}");
    }
}
