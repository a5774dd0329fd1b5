//! The mesh that is called: a few services, each with one feature in its rule.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, USER_AGENT};
use http::{Request, Response};
use mesh_core::plan::Direction;
use mesh_core::plan::builder::{MeshSpec, Protocol, Rule, Service};
use mesh_core::telemetry::access_log::Format;
use mesh_tower::Body;
use mesh_tower::boxed_request::BoxedRequest;
use mesh_tower::mesh::{Mesh, MeshBuilder};
use mesh_tower::normalize::NormalizeLayer;
use mesh_tower::route::RouteLayer;
use mesh_tower::stack::Edge;
use mesh_tower::telemetry::{AccessLog, TelemetryLayer};
use mesh_tower::upstream::pool::Connect;
use mesh_tower::upstream::worker::Worker;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::runtime::Runtime;

/// Nothing but defaults.
pub(super) const PLAIN: &str = "plain";
/// Two versions, 90 to 10.
pub(super) const SPLIT: &str = "split";
/// A new path, and a header each way.
pub(super) const REWRITE: &str = "rewrite";
/// Two seconds.
pub(super) const TIMEOUT: &str = "timeout";
/// A fault that never strikes.
pub(super) const FAULT: &str = "fault";
/// Written retries.
pub(super) const RETRY: &str = "retry";
/// Several of these at once, behind two rules that do not match, with outlier detection.
pub(super) const FULL: &str = "full";
/// Nothing but defaults, over HTTP/2.
pub(super) const PLAIN_H2: &str = "plain-h2";

const PORT: u16 = 9080;

/// A runtime, a mesh on it, and the metrics recorder that a program would have.
#[derive(Debug)]
pub struct World {
    runtime: Runtime,
    metrics: PrometheusHandle,
    endpoints: [SocketAddr; 2],
    started: OnceCell<(Arc<Worker>, Edge)>,
}

impl World {
    /// Installs the process's metrics recorder; for once in a process.
    ///
    /// # Panics
    /// If there is no loopback address to listen on, or a recorder is installed already.
    #[must_use]
    pub fn new() -> Rc<Self> {
        let names = ["istio_request_duration_milliseconds", "istio_request_bytes", "istio_response_bytes"];
        let recorder = names.into_iter().fold(PrometheusBuilder::new(), |builder, name| {
            let bounds = [0.5, 1.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1e3, 5e3, 1e4, 6e4, 6e5];
            builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), &bounds).expect("there are bounds")
        });
        let recorder = recorder.build_recorder();
        let metrics = recorder.handle();
        metrics::set_global_recorder(recorder).expect("the first world of this process");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let endpoints =
            runtime.block_on(async { [super::server::listen().await, super::server::listen().await] });
        Rc::new(Self { runtime, metrics, endpoints, started: OnceCell::new() })
    }

    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    pub(super) const fn endpoint(&self) -> SocketAddr {
        self.endpoints[0]
    }

    /// The work that a program does every few seconds: samples become sums.
    pub fn upkeep(&self) {
        self.metrics.run_upkeep();
    }

    /// A mesh that is like any other but for its connector.
    pub(super) fn mesh(&self, connector: Option<Arc<dyn Connect>>, log: AccessLog) -> Mesh {
        let builder: MeshBuilder =
            Mesh::from_documents(documents(self.endpoints)).seed(1).access_log(log).strict(true);
        let builder = match connector {
            Some(connector) => builder.connector(connector),
            None => builder,
        };
        self.block_on(builder.start()).expect("the mesh is sound")
    }

    /// The worker that layers and stacks are made for.
    pub(super) fn worker(&self) -> &Arc<Worker> {
        &self.started().0
    }

    /// Where the stacks of that worker begin.
    pub(super) fn edge(&self) -> Edge {
        self.started().1.clone()
    }

    fn started(&self) -> &(Arc<Worker>, Edge) {
        self.started.get_or_init(|| {
            let mesh = self.mesh(None, AccessLog::off());
            let worker = self.block_on(async { mesh.worker() });
            (worker.clone(), mesh.edge(worker, Direction::Outbound))
        })
    }

    pub(super) fn route(&self) -> RouteLayer {
        RouteLayer::outbound(self.worker().clone())
    }
}

pub(super) fn telemetry() -> TelemetryLayer {
    TelemetryLayer::new(Direction::Outbound, Arc::default())
}

pub(super) fn normalize() -> NormalizeLayer {
    NormalizeLayer::new(Direction::Outbound).rng(mesh_tower::clock::SharedRng::seeded(1))
}

/// Lines in JSON that go nowhere.
pub(super) fn json_log() -> AccessLog {
    AccessLog::to_writer(Format::default_json(), std::io::sink()).expect("a thread can be started")
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, mesh_tower::BoxError>> + Send>>;

/// A service that answers at once; its future is boxed, as an attempt's is in the real stack.
pub(super) fn no_op()
-> impl tower::Service<Request<Body>, Response = Response<Body>, Error = mesh_tower::BoxError, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    tower::service_fn(|request: Request<Body>| -> Answering {
        drop(request);
        Box::pin(std::future::ready(Ok(Response::new(Body::from("hello, world")))))
    })
}

/// The no-op in the place of the stack's clusters.
pub(super) fn endpoint()
-> impl tower::Service<BoxedRequest, Response = Response<Body>, Error = mesh_tower::BoxError, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    tower::service_fn(|boxed: BoxedRequest| -> Answering {
        drop(boxed);
        Box::pin(std::future::ready(Ok(Response::new(Body::from("hello, world")))))
    })
}

/// A request as browsers and services send them, but short.
pub(super) fn request(host: &str) -> Request<()> {
    Request::get(format!("http://{host}:{PORT}/reviews/7?page=2"))
        .header(USER_AGENT, "bench/1.0")
        .header(ACCEPT, "*/*")
        .header("x-tenant", "blue")
        .body(())
        .expect("a sound request")
}

fn documents([first, second]: [SocketAddr; 2]) -> mesh_core::api::Documents {
    let service = |name: &str, protocol| {
        Service::new(name)
            .port(PORT, protocol)
            .endpoint(first, [("version", "v1")])
            .endpoint(second, [("version", "v2")])
    };
    let retries = "connect-failure,refused-stream,503";
    let full = Rule::to(FULL).weighted("v1", 90).weighted("v2", 10).timeout(Duration::from_secs(2));
    let http = [PLAIN, SPLIT, REWRITE, TIMEOUT, FAULT, RETRY];
    let spec =
        http.into_iter().fold(MeshSpec::new(), |spec, name| spec.service(service(name, Protocol::Http)));
    spec.service(service(PLAIN_H2, Protocol::Http2))
        .service(
            service(FULL, Protocol::Http)
                .outlier_detection(mesh_core::api::istio::OutlierDetection::default()),
        )
        .rule(Rule::to(SPLIT).weighted("v1", 90).weighted("v2", 10))
        .rule(Rule::to(REWRITE).prefix("/reviews").rewrite("/v2/reviews").with(|route| {
            let headers = route.headers.get_or_insert_default();
            headers.request.get_or_insert_default().set.insert("x-stage".to_owned(), "canary".to_owned());
            headers.response.get_or_insert_default().set.insert("x-served".to_owned(), "mesh".to_owned());
        }))
        .rule(Rule::to(TIMEOUT).timeout(Duration::from_secs(2)))
        .rule(Rule::to(FAULT).abort(503, 0.0))
        .rule(Rule::to(RETRY).retries(2, retries))
        .rule(Rule::to(FULL).prefix("/admin"))
        .rule(Rule::to(FULL).prefix("/reviews").header("x-tenant", "green"))
        .rule(full.retries(2, retries))
        .build()
        .expect("the mesh is sound")
}
