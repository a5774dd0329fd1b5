//! How a mesh is started.

use std::net::SocketAddr;
#[cfg(feature = "file")]
use std::path::PathBuf;
use std::sync::Arc;

use mesh_core::api::Documents;
#[cfg(feature = "file")]
use mesh_core::api::Strictness;
use mesh_core::balance::BalancePolicy;
use mesh_core::discover::DnsPolicy;
use mesh_core::fault::{FaultPolicy, HeaderFaults};
use mesh_core::headers::FieldLimit;
use mesh_core::identity::Workload;
use mesh_core::plan::builder::{MeshSpec, Rule, Service};
use mesh_core::plan::{CompileOptions, WorkloadSource};

use super::StartError;
use super::config::Place;
use crate::clock::SharedRng;
#[cfg(feature = "file")]
use crate::source::FolderSource;
use crate::source::{CodeSource, Source};
use crate::telemetry::{AccessLog, Metrics};
use crate::upstream::discover::{Resolve, Resolver};
use crate::upstream::transport::{Connect, SocketConnector};
use crate::upstream::worker::AttemptFaults;

/// Settings of a mesh that is about to start.
#[derive(Debug)]
#[must_use = "nothing happens until it is started"]
pub struct MeshBuilder {
    pub(super) source: SourceChoice,
    /// What is added in code, if anything is.
    pub(super) spec: Option<Box<MeshSpec>>,
    pub(super) options: CompileOptions,
    pub(super) watch: bool,
    pub(super) connector: Arc<dyn Connect>,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) dns: DnsPolicy,
    pub(super) rng: SharedRng,
    pub(super) seed: Option<u64>,
    pub(super) metrics: Metrics,
    pub(super) access_log: Option<AccessLog>,
    pub(super) attempt_faults: AttemptFaults,
}

impl MeshBuilder {
    pub(super) fn new(source: SourceChoice) -> Self {
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
    /// Only a mesh made in code can be added to; [`start`](Self::start) refuses to mix in another source,
    /// whose next version would have to be mixed in again.
    pub fn spec(mut self, change: impl FnOnce(MeshSpec) -> MeshSpec) -> Self {
        let made = self.spec.take().map(|spec| *spec);
        let spec = made.unwrap_or_else(|| match &mut self.source {
            SourceChoice::Documents(documents) => MeshSpec::from(std::mem::take(&mut **documents)),
            #[cfg(feature = "file")]
            SourceChoice::Folder(_) => MeshSpec::new(),
            SourceChoice::Source(_) => MeshSpec::new(),
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

    /// Injects faults into each attempt at a service, by its host or short name, so that the retries of its callers
    /// meet them (FI-10). It is for tests: no configuration can ask for it.
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
}

/// Where the configuration comes from.
#[derive(Debug)]
pub(super) enum SourceChoice {
    #[cfg(feature = "file")]
    Folder(PathBuf),
    Documents(Box<Documents>),
    Source(Box<dyn Source>),
}

impl SourceChoice {
    /// The source, with the additions made in code, and the place that a reload reads.
    #[cfg_attr(not(feature = "file"), expect(unused_variables, reason = "they are about folders"))]
    pub(super) fn with(
        self,
        spec: Option<Box<MeshSpec>>,
        options: &CompileOptions,
        watch: bool,
    ) -> Result<(Box<dyn Source>, Place), StartError> {
        let mixed = |place: String| {
            StartError::new(format!("services and rules made in code cannot be added to {place}"))
        };
        match self {
            #[cfg(feature = "file")]
            Self::Folder(folder) => {
                if spec.is_some() {
                    return Err(mixed(folder.display().to_string()));
                }
                let strictness = if options.istio_runtime { Strictness::Lenient } else { Strictness::Strict };
                let source = FolderSource::new(folder, strictness).watch(watch);
                let place = Place::Folder(source.place());
                Ok((Box::new(source), place))
            }
            Self::Documents(documents) => {
                let documents = match spec {
                    None => *documents,
                    Some(spec) => spec
                        .build()
                        .map_err(|found| StartError::with("what was made in code is not valid", found))?,
                };
                Ok((Box::new(CodeSource::new(documents.clone())), Place::Documents(documents.into())))
            }
            Self::Source(_) if spec.is_some() => Err(mixed("another source".to_owned())),
            Self::Source(source) => Ok((source, Place::Nowhere)),
        }
    }
}
