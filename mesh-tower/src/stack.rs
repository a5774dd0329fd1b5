//! Every stack: the one place where the order of layers is written.
//!
//! ```text
//!   edge     ─▶ snapshot ─▶ telemetry ─▶ context ─▶ normalize
//!   admit    ─▶ (no layer yet: authentication, authorization and rate limits have their place here)
//!   routed   ─▶ route ─▶ grpc-web ─▶ fault ─▶ cors ─▶ split ─▶ rewrite ─▶ mirror ─▶ timeout ─▶ retry
//!   attempt  ─▶ circuit ─▶ balance ─▶ attempt faults ─▶ outlier ─▶ exchange ─▶ endpoint pool ─▶ wire
//!
//!   client           = edge + routed + attempt
//!   inbound, gateway = edge + admit + routed + attempt
//!   server           = edge + admit + your service
//! ```
//!
//! Each piece is a function, and takes the service within unless it is the innermost. So another stack (of TCP
//! connections, say) is another line of this kind. Every layer is public, with the same constructor as here; `examples/stack_by_hand.rs` composes the
//! client from them, and a test compares the decisions of the two.
//!
//! The library's client, the sidecar's listeners and the gateway's differ in what their [`Edge`] believes of a
//! caller, and in which table of the plan it routes by. All the rest is the same code.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use mesh_core::plan::{Direction, ListenerKey, Plan};
use tower::ServiceBuilder;
use tower_service::Service;

use crate::balance::BalanceLayer;
use crate::body::Body;
use crate::circuit::CircuitLayer;
use crate::clock::SharedRng;
use crate::context::{InheritLayer, Scope, ScopeLayer};
use crate::cors::CorsLayer;
use crate::error::BoxError;
use crate::exchange::Exchange;
use crate::fault::FaultLayer;
use crate::grpc_web::GrpcWebLayer;
use crate::mirror::MirrorLayer;
use crate::normalize::{Normalize, NormalizeLayer};
use crate::outlier::OutlierLayer;
use crate::request::boxed_request::{BoxRequestLayer, BoxedRequest};
use crate::request::snapshot::{InForce, Snapshot, SnapshotLayer};
use crate::retry::RetryLayer;
use crate::rewrite::RewriteLayer;
use crate::route::RouteLayer;
use crate::split::SplitLayer;
use crate::telemetry::{AccessLog, Metrics, Telemetry, TelemetryLayer};
use crate::timeout::TimeoutLayer;
use crate::upstream::worker::Worker;

/// What a caller hands its requests to; within a stack, what a layer hands a [`BoxedRequest`] to.
///
/// The future is not boxed: the proxy hands it to hyper as it is, the library boxes it once at its edge.
pub trait Stack<R = Request<Body>>:
    Service<R, Response = Response<Self::Body>, Error = BoxError, Future: Send> + Clone + Send + Sync + 'static
{
    /// The body of its responses.
    type Body: http_body::Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static;
}

impl<S, R, B> Stack<R> for S
where
    S: Service<R, Response = Response<B>, Error = BoxError, Future: Send> + Clone + Send + Sync + 'static,
    B: http_body::Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
{
    type Body = B;
}

/// What can stand in the place of the clusters: its body is also that of responses that are made on the way.
pub trait Transport: Stack<BoxedRequest, Body: From<Bytes>> {}

impl<S: Stack<BoxedRequest, Body: From<Bytes>>> Transport for S {}

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
    listener: Option<ListenerKey>,
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
        Self { worker, front, listener: None }
    }

    /// Routes by the plan's listener of this key; unless this is set, by the port of the authority.
    #[must_use]
    pub fn listener(mut self, key: ListenerKey) -> Self {
        self.listener = Some(key);
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

    /// What runs by the plan: endpoints, connections, the source of chance, the budget of kept bodies.
    #[must_use]
    pub const fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    /// The snapshot layer of its worker.
    #[must_use]
    pub fn snapshot(&self) -> SnapshotLayer {
        SnapshotLayer::new(self.worker.clone())
    }

    /// The telemetry layer, with its metrics and its log.
    #[must_use]
    pub fn telemetry(&self) -> TelemetryLayer {
        self.front.telemetry.clone()
    }

    /// The normalize layer, with what was fixed at the start.
    #[must_use]
    pub fn normalize(&self) -> NormalizeLayer {
        self.front.normalize.clone()
    }

    /// The route layer: by its listener, or by the port of the authority.
    #[must_use]
    pub fn route(&self) -> RouteLayer {
        match &self.listener {
            Some(key) => RouteLayer::listener(self.worker.clone(), key.clone()),
            None => RouteLayer::outbound(self.worker.clone()),
        }
    }
}

/// From an application to endpoints: in its process, or through its sidecar.
pub fn client(edge: Edge) -> impl Stack + use<> {
    let within = tried(&edge);
    entered(edge, within)
}

/// From callers of a workload to its application, behind a sidecar.
pub fn inbound(edge: Edge) -> impl Stack + use<> {
    let within = admit(tried(&edge));
    entered(edge, within)
}

/// From callers outside to endpoints.
pub fn gateway(edge: Edge) -> impl Stack + use<> {
    let within = admit(tried(&edge));
    entered(edge, within)
}

/// A client over a service of one's own in the place of the clusters: what is decided is done, but nothing is
/// picked, limited or sent.
///
/// For measuring the stack alone, and for programs that have a transport already. The retry layer keeps the limit of
/// a try around the service, from the end of the upload until response headers. The service finds the decided
/// destination in the boxed request's [`Matched`](crate::route::Matched); it also gets the copies for mirrors.
pub fn client_over<S: Transport>(transport: S, edge: Edge) -> impl Stack + use<S> {
    let within = routed(&edge, TimeoutLayer::per_route(), RetryLayer::per_route(), transport);
    entered(edge, within)
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
        .service(admit(service))
}

/// What [`server`] makes.
pub(crate) type ServerStack<S> = Snapshot<Telemetry<Normalize<Scope<S>>>>;

/// The edge of all stacks that send requests on.
fn entered<S: Stack<BoxedRequest>>(edge: Edge, within: S) -> impl Stack + use<S> {
    let Edge { worker, front: Front { telemetry, normalize }, .. } = edge;
    ServiceBuilder::new()
        // From here on a pointer is handed on, not a request.
        .layer(BoxRequestLayer)
        // Once, and before all that reads a setting: a request keeps one plan.
        .layer(SnapshotLayer::new(worker))
        // Sees everything below it, refusals and injected faults included.
        .layer(telemetry)
        // A request made by a handler carries on what that handler's request brought.
        .layer(InheritLayer::default())
        // Routing must see the normal form of a path, or two spellings would have two policies.
        .layer(normalize)
        .service(within)
}

/// Who may call: no layer decides it yet. Within the edge, which knows the caller; outside the route, of which a caller
/// that is refused learns nothing.
const fn admit<S>(within: S) -> S {
    within
}

/// [`routed`] over the plan's clusters.
fn tried(edge: &Edge) -> impl Stack<BoxedRequest> + use<> {
    // The attempt keeps the limit of a try, and judges its answer by the time that the endpoint had.
    let (timeout, retry) =
        (TimeoutLayer::per_route().judged_within(), RetryLayer::per_route().judged_within());
    routed(edge, timeout, retry, attempt())
}

/// What the matched rule says, around each attempt.
fn routed<S: Transport>(
    edge: &Edge,
    timeout: TimeoutLayer,
    retry: RetryLayer,
    attempt: S,
) -> impl Stack<BoxedRequest> + use<S> {
    let rng = edge.worker.rng();
    ServiceBuilder::new()
        // All that follows acts by the route. Redirects and direct responses end here.
        .layer(edge.route())
        // Within routing, which knows the port, and goes by the request as it came. Outside all that reads
        // or makes a gRPC status, injected ones included.
        .layer(GrpcWebLayer::per_route())
        // Before the split and outside every timeout: an aborted request has no destination yet.
        .layer(FaultLayer::per_route().rng(rng.clone()))
        // Within faults: a page may not read an injected failure, as in Envoy. Outside the split: a
        // preflight has no destination either.
        .layer(CorsLayer::per_route())
        // Outside retries: they stay in the chosen cluster.
        .layer(SplitLayer::new(rng.clone()))
        // Knows the destination, whose header operations it applies; once, not for each attempt.
        .layer(RewriteLayer::per_route())
        // Copies what is really sent, once, and not the retries of it.
        .layer(MirrorLayer::new(attempt.clone(), rng.clone()))
        // Around all attempts and the waits between them.
        .layer(timeout)
        .layer(retry.replay(edge.worker.replay().clone()))
        // For each attempt anew.
        .service(attempt)
}

/// One attempt, from its admission to the wire.
fn attempt() -> impl Transport {
    ServiceBuilder::new()
        // Outermost: a request over the limit takes no endpoint's turn.
        .layer(CircuitLayer::per_route())
        // Anew for each attempt, which avoids the endpoints of earlier ones.
        .layer(BalanceLayer::per_route())
        // In place of the endpoint that was picked, which learns nothing of it.
        .layer(FaultLayer::per_attempt())
        // Knows the endpoint, and sees how the exchange with it ends.
        .layer(OutlierLayer::per_route())
        // The endpoint's pool, then the wire.
        .service(Exchange::new())
}
