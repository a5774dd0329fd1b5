//! Every stack: the one place where the order of layers is written.
//!
//! ```text
//!   edge     ─▶ snapshot ─▶ telemetry ─▶ context ─▶ normalize
//!   routed   ─▶ route ─▶ grpc-web ─▶ fault ─▶ cors ─▶ split ─▶ rewrite ─▶ mirror ─▶ timeout ─▶ retry
//!   attempt  ─▶ circuit limits ─▶ pick ─▶ endpoint pool ─▶ wire
//!
//!   client, inbound, gateway = edge + routed + attempt
//!   server ─▶ snapshot ─▶ telemetry ─▶ normalize ─▶ scope ─▶ your service
//! ```
//!
//! The attempt is in [`attempt`](crate::attempt). It asks, for each attempt anew: the cluster for its circuit limits
//! (`upstream/state/running.rs`), the worker's pool of that cluster for a pick among healthy endpoints
//! (`upstream/pool/cluster.rs`, of what `hosts.rs` arranged), and again the cluster to record the outcome. The modules [`circuit`](crate::circuit), [`balance`](crate::balance) and
//! [`outlier`](crate::outlier) are the same decisions of mesh-core around services of one's own; active checks are
//! tasks, in `health`.
//!
//! The library's client, the sidecar's listeners and the gateway's differ in what their [`Edge`] believes of a
//! caller, and in which table of the plan it routes by. All the rest is the same code.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use mesh_core::plan::{Direction, ListenerKey, Plan};
use tower::ServiceBuilder;
use tower_service::Service;

use crate::attempt::attempt;
use crate::body::Body;
use crate::clock::SharedRng;
use crate::context::{InheritLayer, Scope, ScopeLayer};
use crate::cors::CorsLayer;
use crate::error::BoxError;
use crate::fault::FaultLayer;
use crate::grpc_web::GrpcWebLayer;
use crate::mirror::MirrorLayer;
use crate::normalize::{Normalize, NormalizeLayer};
use crate::request::passage::{Passage, PassageLayer};
use crate::request::snapshot::{InForce, Snapshot, SnapshotLayer};
use crate::retry::RetryLayer;
use crate::rewrite::RewriteLayer;
use crate::route::RouteLayer;
use crate::split::SplitLayer;
use crate::telemetry::{AccessLog, Metrics, Telemetry, TelemetryLayer};
use crate::timeout::TimeoutLayer;
use crate::upstream::worker::Worker;

/// What can stand in the place of the clusters.
pub trait Transport:
    Service<Passage, Response = Response<Self::Body>, Error = BoxError, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
    /// The body of its responses, and of those that are made on the way.
    type Body: http_body::Body<Data = Bytes, Error = BoxError> + From<Bytes> + Send + Sync + 'static;
}

impl<S, B> Transport for S
where
    S: Service<Passage, Response = Response<B>, Error = BoxError, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: http_body::Body<Data = Bytes, Error = BoxError> + From<Bytes> + Send + Sync + 'static,
{
    type Body = B;
}

/// What a caller hands its requests to.
///
/// The future is not boxed: the proxy hands it to hyper as it is, the library boxes it once at its edge.
pub trait Stack:
    Service<Request<Body>, Response = Response<Self::Body>, Error = BoxError, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
    /// The body of its responses.
    type Body: http_body::Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static;
}

impl<S, B> Stack for S
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: http_body::Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
{
    type Body = B;
}

/// Where requests enter: what every stack begins with.
///
/// [`Mesh::edge`](crate::Mesh::edge) makes it, so that no stack can forget the seed, the registry of metrics or the
/// access log. What Istio fixes when a proxy or a listener starts is fixed here: the workload that metrics and log
/// name, HTTP/1.0, the limit of fields, request ids, trusted proxies and the server's name. Path normalization, the
/// rules and all that hangs on them are of the snapshot of each request. The log is the mesh's, and changes with it.
///
/// # Clone
/// Clones share the worker, the metrics and the log.
#[derive(Clone, Debug)]
pub struct Edge {
    worker: Arc<Worker>,
    front: Front,
    route: RouteLayer,
}

/// Where requests enter a server of this process.
#[derive(Clone, Debug)]
pub(crate) struct ServerEdge {
    plan: InForce,
    front: Front,
}

/// What every edge has.
#[derive(Clone, Debug)]
struct Front {
    telemetry: TelemetryLayer,
    normalize: NormalizeLayer,
}

impl Front {
    fn new(plan: &Plan, direction: Direction, rng: SharedRng, metrics: Metrics, log: AccessLog) -> Self {
        let settings = &plan.settings;
        let normalize = NormalizeLayer::new(direction)
            .rng(rng)
            .http10(settings.http10)
            .max_fields(settings.max_fields)
            .request_id(settings.request_id)
            .trusted_proxies(settings.trusted_proxies);
        let telemetry = TelemetryLayer::new(direction, plan.workload.clone());
        Self { telemetry: telemetry.metrics(metrics).access_log(log), normalize }
    }
}

impl ServerEdge {
    pub(crate) fn new(plan: InForce, rng: SharedRng, metrics: Metrics, log: AccessLog) -> Self {
        let front = Front::new(&plan.load(), Direction::Inbound, rng, metrics, log);
        Self { plan, front }
    }
}

impl Edge {
    pub(crate) fn new(worker: Arc<Worker>, direction: Direction, metrics: Metrics, log: AccessLog) -> Self {
        let front = Front::new(worker.view().plan(), direction, worker.rng().clone(), metrics, log);
        let route = RouteLayer::outbound(worker.clone());
        Self { worker, front, route }
    }

    /// Routes by the plan's listener of this key; unless this is set, by the port of the authority.
    #[must_use]
    pub fn listener(mut self, key: ListenerKey) -> Self {
        self.route = RouteLayer::listener(self.worker.clone(), key);
        self
    }

    /// Overwrites `server` of responses (HD-3).
    #[must_use]
    pub fn server_name(mut self, name: HeaderValue) -> Self {
        self.front.normalize = self.front.normalize.server(name);
        self
    }

    /// Counts here, in place of the mesh's own registry.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.front.telemetry = self.front.telemetry.metrics(metrics);
        self
    }

    /// Logs here, in place of the mesh's log.
    #[must_use]
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.front.telemetry = self.front.telemetry.access_log(log);
        self
    }
}

/// From an application to endpoints: in its process, or through its sidecar.
pub fn client(edge: Edge) -> impl Stack + use<> {
    to_clusters(edge)
}

/// From callers of a workload to its application, behind a sidecar.
pub fn inbound(edge: Edge) -> impl Stack + use<> {
    to_clusters(edge)
}

/// From callers outside to endpoints.
pub fn gateway(edge: Edge) -> impl Stack + use<> {
    to_clusters(edge)
}

/// A client over a service of one's own in the place of the clusters: what is decided is done, but nothing is
/// picked, limited or sent.
///
/// For measuring the stack alone, and for programs that have a transport already. The retry layer keeps the limit of
/// a try around the service, from the end of the upload until response headers. The service finds the decided
/// destination in the passage's [`Matched`](crate::route::Matched); it also gets the copies for mirrors.
pub fn client_over<S: Transport>(transport: S, edge: Edge) -> impl Stack + use<S> {
    routed(transport, TimeoutLayer::per_route(), RetryLayer::per_route(), edge)
}

/// From callers to a handler in this process.
pub(crate) fn server<S>(edge: &ServerEdge, service: S) -> ServerStack<S> {
    let ServerEdge { plan, front: Front { telemetry, normalize } } = edge;
    ServiceBuilder::new()
        // Once, and before all that reads a setting.
        .layer(SnapshotLayer::plan(plan.clone()))
        // Counts and logs what is refused below it, too.
        .layer(telemetry.clone())
        // A handler sees the normal form.
        .layer(normalize.clone())
        // The calls of a handler carry on what its request brought.
        .layer(ScopeLayer::default())
        .service(service)
}

/// What [`server`] makes.
pub(crate) type ServerStack<S> = Snapshot<Telemetry<Normalize<Scope<S>>>>;

/// All layers around the clusters of the plan.
fn to_clusters(edge: Edge) -> impl Stack + use<> {
    // The attempt keeps the limit of a try, and judges its answer by the time that the endpoint had.
    let (timeout, retry) =
        (TimeoutLayer::per_route().judged_within(), RetryLayer::per_route().judged_within());
    routed(tower::service_fn(attempt), timeout, retry, edge)
}

/// All layers, around what is asked for each attempt.
fn routed<S: Transport>(
    attempt: S,
    timeout: TimeoutLayer,
    retry: RetryLayer,
    edge: Edge,
) -> impl Stack + use<S> {
    let Edge { worker, front: Front { telemetry, normalize }, route } = edge;
    let rng = worker.rng().clone();
    let retry = retry.replay(worker.replay().clone());
    ServiceBuilder::new()
        // From here on a pointer is handed on, not a request.
        .layer(PassageLayer)
        // Once, and before all that reads a setting: a request keeps one plan.
        .layer(SnapshotLayer::new(worker))
        // Sees everything below it, refusals and injected faults included.
        .layer(telemetry)
        // A request made by a handler carries on what that handler's request brought.
        .layer(InheritLayer::default())
        // Routing must see the normal form of a path, or two spellings would have two policies.
        .layer(normalize)
        // All that follows acts by the route. Redirects and direct responses end here.
        .layer(route)
        // Within routing, which knows the port, and goes by the request as it came. Outside all that reads
        // or makes a gRPC status, injected ones included.
        .layer(GrpcWebLayer::per_route())
        // Before the split and outside every timeout: an aborted request is nobody's traffic.
        .layer(FaultLayer::per_route().rng(rng.clone()))
        // Within faults: a page may not read an injected failure, as in Envoy. Outside the split: a
        // preflight is nobody's traffic either.
        .layer(CorsLayer::per_route())
        // Outside retries: they stay in the chosen cluster.
        .layer(SplitLayer::new(rng.clone()))
        // Knows the destination, whose header operations it applies; once, not for each attempt.
        .layer(RewriteLayer::per_route())
        // Copies what is really sent, once, and not the retries of it.
        .layer(MirrorLayer::new(attempt.clone(), rng))
        // Around all attempts and the waits between them.
        .layer(timeout)
        .layer(retry)
        // Limits, pick, pool, wire: for each attempt anew.
        .service(attempt)
}
