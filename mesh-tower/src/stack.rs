//! The onion: the one place where the order of layers is written.
//!
//! ```text
//!   request ─▶ telemetry ─▶ context ─▶ normalize ─▶ route ─▶ grpc-web ─▶ fault ─▶ cors ─▶ split ─▶ rewrite
//!                                                                                                 │
//!   wire ◀─ endpoint pool ◀─ cluster ◀─ retry ◀─ timeout ◀─ mirror ◀─────────────────────────────┘
//! ```
//!
//! What depends on connections is in [`cluster`], for each attempt anew: circuit limits
//! (`running.rs`), the balanced pick among healthy endpoints (`pool.rs`, of what `hosts.rs` arranged), outcomes for
//! outlier detection (`body.rs`, `running.rs`). The modules [`circuit`](crate::circuit), [`balance`](crate::balance)
//! and [`outlier`](crate::outlier) are the same decisions of mesh-core around services of one's own;
//! active checks are tasks, in `health`.
//!
//! The library client, the sidecar and the gateway run this same function; what differs is who is
//! asked for the route ([`RouteLayer`]) and what the edge may believe of the caller
//! ([`NormalizeLayer`]).

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use tower::ServiceBuilder;
use tower_service::Service;

use crate::body::Body;
use crate::cluster;
use crate::context::InheritLayer;
use crate::cors::CorsLayer;
use crate::error::BoxError;
use crate::fault::FaultLayer;
use crate::grpc_web::GrpcWebLayer;
use crate::mirror::MirrorLayer;
use crate::normalize::NormalizeLayer;
use crate::request::passage::{Passage, PassageLayer};
use crate::retry::RetryLayer;
use crate::rewrite::RewriteLayer;
use crate::route::RouteLayer;
use crate::split::SplitLayer;
use crate::telemetry::TelemetryLayer;
use crate::timeout::TimeoutLayer;
use crate::worker::Worker;

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

/// From a caller to an endpoint.
pub fn outbound(
    worker: &Arc<Worker>,
    telemetry: TelemetryLayer,
    normalize: NormalizeLayer,
    route: RouteLayer,
) -> impl Stack + use<> {
    let (timeout, retry) =
        (TimeoutLayer::per_route().judged_within(), RetryLayer::per_route().judged_within());
    over(tower::service_fn(cluster::attempt), timeout, retry, worker, telemetry, normalize, route)
}

/// The same stack over a service of one's own in the place of the clusters: what is decided is done,
/// but nothing is picked, limited or sent.
///
/// For measuring the stack alone, and for programs that have a transport already. The limit of a try is kept around
/// the service, from the end of the upload until response headers. The service finds the decided destination in the
/// passage's [`Matched`](crate::route::Matched); it also gets the copies for mirrors.
pub fn outbound_over<S: Transport>(
    endpoint: S,
    worker: &Arc<Worker>,
    telemetry: TelemetryLayer,
    normalize: NormalizeLayer,
    route: RouteLayer,
) -> impl Stack + use<S> {
    over(endpoint, TimeoutLayer::per_route(), RetryLayer::per_route(), worker, telemetry, normalize, route)
}

/// The layers, around what is asked for each attempt.
fn over<S: Transport>(
    endpoint: S,
    timeout: TimeoutLayer,
    retry: RetryLayer,
    worker: &Arc<Worker>,
    telemetry: TelemetryLayer,
    normalize: NormalizeLayer,
    route: RouteLayer,
) -> impl Stack + use<S> {
    let rng = worker.rng().clone();
    ServiceBuilder::new()
        // From here on a pointer is handed on, not a request.
        .layer(PassageLayer)
        // Sees everything below it, refusals and injected faults included.
        .layer(telemetry)
        // A request made by a handler carries on what that handler's request brought.
        .layer(InheritLayer::default())
        // Routing must see the normal form of a path, or two spellings would have two policies.
        .layer(normalize.follow(worker.view().paths()))
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
        .layer(MirrorLayer::new(endpoint.clone(), rng))
        // Around all attempts and the waits between them.
        .layer(timeout)
        .layer(retry.replay(worker.replay().clone()))
        // Limits, pick, pool, wire: for each attempt anew.
        .service(endpoint)
}
