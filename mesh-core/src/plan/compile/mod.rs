//! From documents to a plan, as one workload sees them.
//!
//! One compiler for files, the builder and (later) control planes. It is a pure function: the same
//! documents give the same plan, whatever the order of files, and what cannot be compiled is reported
//! and left out, never guessed.
//!
//! ```text
//! Documents ─ inputs ─ registry (hosts, ports, endpoints) ─ destinations (DestinationRules, clusters)
//!                 │                                               │
//!                 └ rules (VirtualServices, HTTPRoutes) ──────────┤
//!                                                                 │
//!                        tables (outbound, gateways, sidecars) ── Plan ── findings
//! ```
//!
//! Each room uses only those above it:
//!
//! | room | decides |
//! |---|---|
//! | `inputs` | the full name of a host, who sees it, protocols, our own workload, refused documents (Y-12) |
//! | `registry` | which hosts can be called, and where their endpoints are |
//! | `destinations` | how a destination is called, and which of its endpoints are near |
//! | `rules` | which rule serves a request, and its action: VirtualServices and the Gateway API |
//! | `tables` | tables, listeners, probes, and the rules that stay from the last good plan (Y-12) |
//! | `findings` | conflicts between documents, and hosts that cannot be reached |

mod destinations;
mod findings;
mod inputs;
mod memo;
mod registry;
mod rules;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

pub use inputs::workload::{WorkloadSource, complete_by_pod_info, workload_of_environment};
pub use rules::gateway_api::{Condition, PartStatus, ResourceStatus, gateway_status};

use self::destinations::callables::Callables;
use self::destinations::clusters::Clusters;
use self::destinations::missing::Missing;
use self::destinations::rules::Rules;
use self::findings::check;
use self::findings::known::KnownFindings;
use self::inputs::changes::Changes;
use self::inputs::few::Few;
use self::inputs::hints::Hints;
use self::inputs::index::Index;
use self::inputs::scope::{self, EgressScope};
use self::inputs::settings::Mesh;
use self::inputs::{names, proxy_config, workload};
pub(super) use self::memo::Memo;
use self::registry::Registry;
use self::rules::gateway_api::{GatewayApi, Serves};
use self::rules::known::{KnownRoutes, Surroundings, Trace};
use self::rules::virtual_services::VirtualServices;
use self::tables::sidecar;
use super::{OutboundMode, Plan};
use crate::api::istio::Sidecar;
use crate::api::{Documents, Resource};
use crate::balance::BalancePolicy;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Level};
use crate::endpoint::ClusterId;
use crate::fault::HeaderFaults;
use crate::headers::FieldLimit;
use crate::identity::Workload;

/// The reserved gateway name of sidecars and library clients (H-5).
const MESH: &str = "mesh";

/// For whom, and how, documents are compiled.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// The workload whose plan it is.
    pub workload: WorkloadSource,
    /// Whether it is a gateway rather than a sidecar or a library client.
    pub gateway: bool,
    /// Istio's running proxies' behaviour where ours is stricter by default.
    pub istio_runtime: bool,
    /// Where the application of an inbound port listens, instead of what is written; `None` is every port
    /// that no other entry names.
    pub applications: Vec<(Option<u16>, SocketAddr)>,
    /// Faults that requests may ask for by header (FI-7); off unless told.
    pub header_faults: Option<HeaderFaults>,
    /// Where the access log goes, instead of what is written: a file, `/dev/stdout`, `/dev/stderr` or `off`.
    pub access_log_file: Option<String>,
    /// How large the head and the trailers of a message may be, each.
    pub max_fields: FieldLimit,
    /// How the endpoints of these hosts are picked, instead of what is written.
    pub balance: Vec<(String, BalancePolicy)>,
    /// Whether any error fails start-up ([`load`](crate::plan::load)).
    pub strict: bool,
    /// Number of the plan; [`load`](crate::plan::load) counts by itself.
    pub generation: u64,
}

/// A plan, and what was found on the way.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The plan; usable even if there are errors, because what they are about is left out.
    pub plan: Plan,
    /// References that lead nowhere, conflicts, advice; sorted.
    pub diagnostics: Diagnostics,
    /// Whether a finding forbids the configuration as a whole: start-up must fail, a reload must keep
    /// the whole last good plan.
    pub fail_closed: bool,
    /// Virtual hosts that keep their last good rules, because their new ones lost a reference (Y-12).
    pub stale_hosts: BTreeSet<String>,
}

/// Compiles documents to the plan of one workload.
///
/// `last_good` is the plan in force, if there is one: a host whose rules lost a reference keeps the
/// rules and clusters that it has there, while all others move on.
///
/// ```
/// use mesh_core::api::Documents;
/// use mesh_core::plan::{CompileOptions, WorkloadSource, compile};
///
/// let options = CompileOptions { workload: WorkloadSource::Named("web".into()), ..Default::default() };
/// let compiled = compile(&Documents::default(), &options, None);
/// assert_eq!(compiled.plan.workload.name, "web");
/// ```
#[must_use]
pub fn compile(documents: &Documents, options: &CompileOptions, last_good: Option<&Plan>) -> Compiled {
    compile_after(documents, options, last_good, None, &Memo::default()).0
}

/// [`compile`], with the documents that the last good plan was made of, and what may be taken over of that.
pub(super) fn compile_after(
    documents: &Documents,
    options: &CompileOptions,
    last_good: Option<&Plan>,
    said: Option<&Documents>,
    memo: &Memo,
) -> (Compiled, Memo) {
    let mut out = Diagnostics::new();
    let mut mesh = Mesh::compile(documents, options.istio_runtime, &mut out);
    if let Some(path) = &options.access_log_file {
        mesh.log_to(path, documents);
    }
    mesh.settings.max_fields = options.max_fields;
    let workload = workload::resolve(
        documents,
        &options.workload,
        options.gateway,
        &mesh.settings.trust_domain,
        &mut out,
    );
    let workload = Arc::new(Workload { gateway: options.gateway || workload.gateway, ..workload });
    let annotated = match &options.workload {
        WorkloadSource::Named(name) => workload::find(documents, name),
        WorkloadSource::Explicit(_) | WorkloadSource::Unknown => None,
    };
    let annotated = annotated.and_then(|document| document.spec.proxy_config.as_ref());
    proxy_config::apply(&mut mesh.settings, documents, &workload, annotated, &mut out);
    let client = workload.namespace.as_str();
    let sidecar = if workload.gateway {
        None
    } else {
        scope::sidecar(documents, &workload, &mesh.settings.root_namespace)
    };
    // What one would let out or in is unknown: nothing is (Y-12).
    let (sidecar, shut) = match sidecar {
        Some(refused) if refused.is_refused() => (None, Some(refused)),
        sidecar => (sidecar, None),
    };
    if shut.is_some() {
        mesh.settings.outbound_mode = OutboundMode::RegistryOnly;
    }
    if let Some(mode) = sidecar.and_then(sidecar::outbound_mode) {
        mesh.settings.outbound_mode = mode;
    }
    let egress = sidecar.map(sidecar::egress_scope).unwrap_or_default();
    let changes = memo.changes(documents, said, options, &workload);
    let nothing = Memo::default();
    let memo = if changes.is_some() { memo } else { &nothing };
    let changes = changes.unwrap_or_default();
    let index = Index::of(documents);
    let (registry, known_registry) =
        Registry::build(documents, &mesh, &workload, &changes, &memo.registry, &mut out);
    let rules = Rules::build(documents, said, (&mesh, &workload), last_good, (&changes, memo.rules.as_ref()));
    let (virtuals, names) =
        VirtualServices::build(documents, &mesh, client, &egress, (&changes, &memo.names), &mut out);
    let api = GatewayApi::build(documents, &index, &registry, &mesh, &mut out);
    let picks = picks(options, client, &mesh);
    let callables = Callables::new(&registry, Arc::clone(&workload), picks, &changes, &memo.callables);
    let clusters = Clusters::new(registry.services().len());
    let mut compiler = Compiler {
        documents,
        index,
        options,
        last_good,
        said,
        mesh,
        workload: Arc::clone(&workload),
        registry,
        rules,
        callables,
        clusters,
        changes: &changes,
        memo,
        routes: vec![Few::None; documents.virtual_services.len()],
        trace: None,
        findings: KnownFindings::new(documents.virtual_services.len(), documents.destination_rules.len()),
        shut,
        refused_destination: None,
        out,
        stale: BTreeSet::new(),
        hints: Hints::default(),
        default_name: "default".into(),
    };
    let mut plan = Plan { generation: options.generation, ..Plan::default() };
    if workload.gateway {
        compiler.all_clusters(&EgressScope::default());
        let serves = Serves::of(documents, &options.workload);
        plan.listeners = compiler.gateway_listeners(&virtuals, &api, &serves);
    } else {
        plan.outbound = compiler.outbound(&virtuals, &api, &egress);
        plan.outbound.extend(compiler.egress_ports(sidecar, &virtuals, &api));
        plan.egress_proxy = compiler.egress_proxy(sidecar);
        plan.listeners = compiler.sidecar_listeners(sidecar, &virtuals, &api);
    }
    compiler.health(&virtuals);
    plan.readiness = compiler.readiness();
    compiler.check(&virtuals);
    compiler.check_together();
    let mut memo = Memo::new(options, &workload);
    (memo.registry, memo.names) = (known_registry, names);
    compiler.finish(plan, memo)
}

/// How endpoints are picked by order of the program; its names are completed as ours are (H-1).
fn picks(options: &CompileOptions, client: &str, mesh: &Mesh<'_>) -> HashMap<String, BalancePolicy> {
    let suffix = &mesh.settings.domain_suffix;
    options.balance.iter().map(|(host, policy)| (names::resolve(host, client, suffix), *policy)).collect()
}

/// What all steps share.
#[derive(Debug)]
struct Compiler<'a> {
    documents: &'a Documents,
    index: Index<'a>,
    options: &'a CompileOptions,
    last_good: Option<&'a Plan>,
    /// The documents of the last good plan.
    said: Option<&'a Documents>,
    mesh: Mesh<'a>,
    workload: Arc<Workload>,
    registry: Registry,
    rules: Rules<'a>,
    callables: Callables<'a>,
    clusters: Clusters,
    /// What stayed since the last compile, and what that made.
    changes: &'a Changes,
    memo: &'a Memo,
    /// The routes of each VirtualService, by its place, for the next compile.
    routes: Vec<Few<Arc<KnownRoutes>>>,
    /// What is looked up while routes are made.
    trace: Option<Trace>,
    /// What is found, for the next compile.
    findings: KnownFindings,
    out: Diagnostics,
    stale: BTreeSet<String>,
    /// The Sidecar of our workload, if it is refused.
    shut: Option<&'a Resource<Sidecar>>,
    /// Why the latest destination that was asked for must not be called.
    refused_destination: Option<Arc<str>>,
    hints: Hints,
    default_name: Arc<str>,
}

impl<'a> Compiler<'a> {
    /// Reports the fields of a resource that the constructor of a policy refuses.
    fn refused<T>(&mut self, resource: &Resource<T>, findings: Vec<Diagnostic>) {
        for finding in findings {
            let origin = resource.locate(finding.origin);
            self.out.push(Diagnostic { origin, ..finding });
        }
    }

    /// Makes the clusters of every service that is seen.
    fn all_clusters(&mut self, scope: &EgressScope) {
        for index in 0..self.registry.services().len() {
            let service = self.registry.get(index);
            if service.visible && scope.admits(&service.identity.namespace, &service.identity.host) {
                self.add_all(index);
            }
        }
    }

    /// Makes the clusters of all ports and subsets of the service at this place.
    fn add_all(&mut self, index: usize) {
        let callable = self.callables.get(index, &self.registry, &self.rules, &self.mesh);
        self.clusters.add_all(index, callable);
    }

    /// What routes are made and taken over by.
    const fn surroundings(&mut self) -> Surroundings<'_, 'a> {
        Surroundings {
            registry: &self.registry,
            callables: &self.callables,
            rules: &self.rules,
            mesh: &self.mesh,
            clusters: &mut self.clusters,
        }
    }

    /// The service that calls of this host go to.
    fn look_up(&mut self, host: &str) -> Option<usize> {
        let found = self.registry.find_visible(host);
        if let Some(trace) = &mut self.trace {
            trace.looked_up(host, found);
        }
        found
    }

    /// The cluster of a destination, added if it is not there yet.
    fn resolve(&mut self, host: &str, port: u16, subset: &str) -> Result<ClusterId, Missing> {
        let found = self.find_cluster(host, port, subset);
        if let Some(trace) = self.trace.as_mut().filter(|_| found.is_err()) {
            trace.missed();
        }
        found
    }

    fn find_cluster(&mut self, host: &str, port: u16, subset: &str) -> Result<ClusterId, Missing> {
        let named = self.look_up(host).ok_or(Missing::Host)?;
        let index = self.concrete(named, port).unwrap_or(named);
        let callable = self.callables.get(index, &self.registry, &self.rules, &self.mesh);
        if let Some(document) = &callable.refused {
            return Err(Missing::Refused(Arc::clone(document)));
        }
        if callable.service.port(port).is_none() {
            return Err(Missing::Port(callable.service.ports.iter().map(|port| port.number).collect()));
        }
        let Some(variant) = callable.variant(port, subset) else {
            let known = callable.subsets.iter().map(ToString::to_string).collect();
            return Err(Missing::Subset(known, callable.rule.clone()));
        };
        let id = self.clusters.ensure(index, callable, variant);
        if let Some(trace) = &mut self.trace {
            trace.used(index, variant, id);
        }
        Ok(id)
    }

    /// The service itself where this is another name of one: what its rules say, above all of encryption, holds by
    /// that name too (SE-1). What is written for the other name holds for those who use it.
    fn concrete(&mut self, named: usize, port: u16) -> Option<usize> {
        let end = self.registry.get(named).alias.clone()?;
        if self.callables.get(named, &self.registry, &self.rules, &self.mesh).has_own_rule {
            return None;
        }
        let index = self.look_up(&end)?;
        let service = self.registry.get(index);
        (service.identity.host == end && service.port(port).is_some()).then_some(index)
    }

    fn finish(mut self, mut plan: Plan, mut memo: Memo) -> (Compiled, Memo) {
        let keys = plan.listeners.iter().map(|listener| listener.key.clone());
        plan.listener_ids = keys.zip(0..).collect();
        plan.settings = self.mesh.settings;
        plan.settings.header_faults = self.options.header_faults;
        plan.workload = self.workload;
        self.out.append(self.clusters.take_findings());
        (plan.clusters, plan.cluster_ids) = self.clusters.into_parts(self.last_good);
        if self.options.istio_runtime {
            self.out.each(|finding| {
                if finding.code == Code::NotImplemented && !finding.fail_closed {
                    finding.level = finding.level.max(Level::Warning);
                }
            });
        }
        check::suppress(self.documents, &mut self.out);
        self.out.sort();
        memo.rules = self.rules.index();
        memo.callables = self.callables.known();
        (memo.routes, memo.findings) = (self.routes, self.findings);
        let compiled = Compiled {
            plan,
            fail_closed: self.out.fail_closed().is_some(),
            diagnostics: self.out,
            stale_hosts: self.stale,
        };
        (compiled, memo)
    }
}
