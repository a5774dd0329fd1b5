//! Metric handles, found by the decision on a request and by its end.
//!
//! A label set is 25 strings: to make one and look it up costs more than the rest of telemetry. So there are two stores:
//!
//! ```text
//! (cluster, endpoint, code, flags, …) ──▶ Handles: small keys, a few nanoseconds, one for each layer
//!                                            │ miss
//!                                            ▼
//!              the label set itself ──▶ Metrics: every series there is, capped, shared
//! ```
//!
//! Callers cannot create series: an undeclared host is `unknown` (ME-4), and requests past the cap are counted under the
//! label value `overflow` (ME-8).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, RwLock, Weak};

use mesh_core::decision::Decision;
use mesh_core::endpoint::Endpoint;
use mesh_core::hash::WordHash;
use mesh_core::identity::Workload;
use mesh_core::plan::{ClusterKey, ClusterPlan, Direction, ServiceIdentity};
use mesh_core::telemetry::labels::{Peer, Reporter, RequestLabels, ResponseFacts, Service};
use metrics::{Counter, Histogram, Key, Label, Level, Metadata, with_recorder};

use super::names;
use super::route_stats::RouteStats;
use super::summary::Summary;

/// The most series; further label sets are counted as `overflow`.
const CAP: usize = 10_000;

static METADATA: Metadata<'static> = Metadata::new("mesh_tower::telemetry", Level::INFO, None);

/// All series of this process, with a cap on their number.
///
/// Clones share the series and the cap: give a clone to each layer of a process.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Registry>);

#[derive(Debug)]
struct Registry {
    cap: usize,
    known: Mutex<HashMap<Vec<Label>, Arc<Series>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::with_cap(CAP)
    }
}

impl Metrics {
    /// At most `cap` label sets; requests of further sets are counted under `overflow`.
    #[must_use]
    pub fn with_cap(cap: usize) -> Self {
        Self(Arc::new(Registry { cap, known: Mutex::default() }))
    }

    fn series(&self, labels: Vec<Label>) -> Arc<Series> {
        let mut known = self.0.known.lock().expect("no panic while series are looked up");
        let room = known.len() < self.0.cap;
        match known.entry(labels) {
            Entry::Occupied(series) => series.get().clone(),
            Entry::Vacant(place) if room => {
                let series = Arc::new(Series::new(place.key(), None));
                place.insert(series).clone()
            }
            Entry::Vacant(place) => {
                let labels = overflow(place.into_key());
                let series = known.entry(labels);
                series
                    .or_insert_with_key(|labels| Arc::new(Series::new(labels, Some(overflow_counter()))))
                    .clone()
            }
        }
    }
}

/// The label set of all requests past the cap: one for each reporter.
fn overflow(labels: Vec<Label>) -> Vec<Label> {
    let rename = |label: Label| match label.key() {
        "reporter" => label,
        _ => Label::new(label.into_parts().0, "overflow"),
    };
    labels.into_iter().map(rename).collect()
}

fn overflow_counter() -> Counter {
    with_recorder(|recorder| {
        recorder.register_counter(&Key::from_static_name(names::SERIES_OVERFLOW), &METADATA)
    })
}

/// The handles of one label set.
struct Series {
    requests: Counter,
    duration: Histogram,
    received: Histogram,
    sent: Histogram,
    overflow: Option<Counter>,
}

impl std::fmt::Debug for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Series").field("overflow", &self.overflow.is_some()).finish_non_exhaustive()
    }
}

impl Series {
    fn new(labels: &[Label], overflow: Option<Counter>) -> Self {
        let key = |name| Key::from_parts(name, labels.to_vec());
        with_recorder(|recorder| {
            let histogram = |name| recorder.register_histogram(&key(name), &METADATA);
            Self {
                requests: recorder.register_counter(&key(names::REQUESTS), &METADATA),
                duration: histogram(names::DURATION),
                received: histogram(names::REQUEST_BYTES),
                sent: histogram(names::RESPONSE_BYTES),
                overflow,
            }
        })
    }

    fn record(&self, summary: &Summary<'_>) {
        self.requests.increment(1);
        self.duration.record(summary.duration.as_secs_f64() * 1_000.0);
        self.received.record(summary.sizes.received as f64);
        self.sent.record(summary.sizes.sent as f64);
        if let Some(overflow) = &self.overflow {
            overflow.increment(1);
        }
    }
}

/// The reporter: its direction, its workload and its service.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) direction: Direction,
    pub(super) workload: Arc<Workload>,
    /// The service of requests for which no cluster is decided.
    pub(super) service: ServiceIdentity,
}

/// The handles that one layer has used.
#[derive(Debug)]
pub(super) struct Handles {
    scope: Arc<Scope>,
    metrics: Metrics,
    known: RwLock<HashMap<SeriesKey, KnownSeries, WordHash>>,
    routes: RouteStats,
}

/// The key of a label set; without a peer it has no string.
#[derive(Debug, PartialEq, Eq)]
struct SeriesKey {
    cluster: usize,
    endpoint: usize,
    peer: Option<Arc<str>>,
    facts: ResponseFacts,
}

/// Hashes only the fields that differ most: each word costs time.
impl Hash for SeriesKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.cluster);
        state.write_usize(self.endpoint);
        state.write_u16(self.facts.code);
        if let Some(peer) = &self.peer {
            peer.hash(state);
        }
    }
}

#[derive(Debug)]
struct KnownSeries {
    series: Arc<Series>,
    // The key holds the addresses of these allocations; while they live, no other object can have the same address.
    _cluster: Option<Weak<ClusterPlan>>,
    _endpoint: Option<Weak<Endpoint>>,
}

impl Handles {
    pub(super) fn new(scope: Arc<Scope>, metrics: Metrics) -> Self {
        Self { scope, metrics, known: RwLock::default(), routes: RouteStats::default() }
    }

    pub(super) fn direction(&self) -> Direction {
        self.scope.direction
    }

    /// Counts a request that has ended.
    pub(super) fn report(&self, decision: &Decision, peer: Option<&Arc<str>>, summary: &Summary<'_>) {
        self.routes.report(decision, summary.facts.code);
        let cluster = decision.cluster.as_ref();
        // Endpoints without workload and labels add no label: they share one label set.
        let endpoint = decision.endpoint().filter(|endpoint| {
            self.scope.direction != Direction::Inbound
                && (endpoint.workload.is_some() || !endpoint.labels.is_empty())
        });
        let key = SeriesKey {
            cluster: cluster.map_or(0, |cluster| Arc::as_ptr(cluster).addr()),
            endpoint: endpoint.map_or(0, |endpoint| Arc::as_ptr(endpoint).addr()),
            peer: peer.cloned(),
            facts: summary.facts,
        };
        if let Some(known) = self.known.read().expect("no panic while handles are looked up").get(&key) {
            return known.series.record(summary);
        }
        let labels = self.scope.labels(cluster, endpoint, peer.map(|peer| &**peer), summary.facts);
        let series = self.metrics.series(labels);
        series.record(summary);
        let _cluster = cluster.map(Arc::downgrade);
        let _endpoint = endpoint.map(Arc::downgrade);
        let mut known = self.known.write().expect("no panic while handles are kept");
        if known.len() >= CAP {
            // Reloads leave keys that never occur again; the keys in use return with their next request.
            known.clear();
        }
        known.insert(key, KnownSeries { series, _cluster, _endpoint });
    }
}

impl Scope {
    fn labels(
        &self,
        cluster: Option<&Arc<ClusterPlan>>,
        endpoint: Option<&Arc<Endpoint>>,
        peer: Option<&str>,
        response: ResponseFacts,
    ) -> Vec<Label> {
        let inbound = self.direction == Direction::Inbound;
        let workload = |principal| Peer::of(&self.workload, principal);
        let service = service(cluster.map(|cluster| &**cluster), &self.service, inbound);
        let own = peer.map(|_| self.workload.spiffe_id());
        let labels = if inbound {
            RequestLabels {
                reporter: Reporter::Destination,
                source: Peer { principal: peer, namespace: peer.and_then(namespace), ..Peer::default() },
                destination: workload(own.as_deref()),
                service,
                response,
            }
        } else {
            RequestLabels {
                reporter: Reporter::Source,
                source: workload(None),
                destination: endpoint
                    .map_or_else(Peer::default, |endpoint| Peer::of_endpoint(endpoint, None)),
                service,
                response,
            }
        };
        labels.iter().map(|(name, value)| Label::new(name, value.into_owned())).collect()
    }
}

/// The labels of a service. The host of a call outside the registry is left out, because the caller chooses it (ME-4).
fn service<'a>(cluster: Option<&'a ClusterPlan>, own: &'a ServiceIdentity, inbound: bool) -> Service<'a> {
    let identity = cluster.map_or(own, |cluster| &cluster.service);
    match cluster.map(|cluster| &cluster.key) {
        Some(ClusterKey::Passthrough) => Service::passthrough(None),
        Some(ClusterKey::BlackHole) => Service::black_hole(None),
        _ if inbound && identity.name.is_empty() => Service::inbound_passthrough(),
        _ => Service {
            host: Some(&identity.host),
            name: Some(&identity.name),
            namespace: Some(&identity.namespace),
        },
    }
}

/// The namespace in `spiffe://<trust domain>/ns/<namespace>/sa/<account>`.
fn namespace(principal: &str) -> Option<&str> {
    principal.split_once("/ns/")?.1.split('/').next()
}
