//! [`Admin`].

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tower_service::Service;

use super::answer::{no_such_path, not_allowed, page, text, value, with_status};
use super::{ListenerStatus, clusters, config_dump, listeners, logging, stats};
use crate::body::Body;
use crate::clock::now;
use crate::mesh::Mesh;

const INDEX: &str = include_str!("index.html");
const LOGGING: &str = "/logging";
const QUIT: &str = "/quitquitquit";

/// Whether the program serves requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Readiness {
    /// Not all listeners are open yet.
    Starting,
    /// It serves requests.
    Ready,
    /// The probe of the workload fails (HC-3).
    Unready,
    /// It is about to end.
    Draining,
}

/// Answers operators; see the [module](super).
#[derive(Clone)]
pub struct Admin(Arc<AdminParts>);

#[derive(Clone)]
struct AdminParts {
    mesh: Mesh,
    version: &'static str,
    started: Instant,
    metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    listeners: Option<Arc<dyn Fn() -> Vec<ListenerStatus> + Send + Sync>>,
    readiness: Option<Arc<dyn Fn() -> Readiness + Send + Sync>>,
    quit: Option<Arc<dyn Fn() + Send + Sync>>,
    logging: Option<Arc<logging::Change>>,
    status_only: bool,
}

impl Admin {
    /// Answers about `mesh`. Without further settings it is ready, has no listeners and shows no metrics.
    #[must_use]
    pub fn new(mesh: Mesh) -> Self {
        Self(Arc::new(AdminParts {
            mesh,
            version: env!("CARGO_PKG_VERSION"),
            started: now(),
            metrics: None,
            listeners: None,
            readiness: None,
            quit: None,
            logging: None,
            status_only: false,
        }))
    }

    /// Sets the version of the program.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.parts().version = version;
        self
    }

    /// Sets the source of the metrics, in Prometheus' text format. The gauges of clusters are set before each call.
    #[must_use]
    pub fn metrics(mut self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.parts().metrics = Some(Arc::new(render));
        self
    }

    /// Sets the source of the open listeners.
    #[must_use]
    pub fn listeners(mut self, list: impl Fn() -> Vec<ListenerStatus> + Send + Sync + 'static) -> Self {
        self.parts().listeners = Some(Arc::new(list));
        self
    }

    /// Sets the source of readiness. The probe of the workload ([`Mesh::is_ready`]) counts too.
    #[must_use]
    pub fn readiness(mut self, readiness: impl Fn() -> Readiness + Send + Sync + 'static) -> Self {
        self.parts().readiness = Some(Arc::new(readiness));
        self
    }

    /// Sets the action of `POST /quitquitquit`; without it the path does not exist.
    #[must_use]
    pub fn on_quit(mut self, quit: impl Fn() + Send + Sync + 'static) -> Self {
        self.parts().quit = Some(Arc::new(quit));
        self
    }

    /// Sets the function by which `POST /logging` reads and changes the filter of the log; without it the path does not
    /// exist.
    ///
    /// It gets a new filter in the syntax of `tracing_subscriber`'s `EnvFilter`, or `None` to read the present one. It
    /// returns the filter that is then in force, or the reason why the new filter is refused.
    #[must_use]
    pub fn logging(
        mut self,
        change: impl Fn(Option<&str>) -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        self.parts().logging = Some(Arc::new(change));
        self
    }

    /// Serves only readiness (`/healthz/ready`, `/ready`) and metrics (`/stats/prometheus`), for probes and Prometheus
    /// outside the host (OP-2).
    #[must_use]
    pub fn status_only(mut self) -> Self {
        self.parts().status_only = true;
        self
    }

    fn parts(&mut self) -> &mut AdminParts {
        Arc::make_mut(&mut self.0)
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let parts = &*self.0;
        let path = request.uri().path();
        let query = request.uri().query().unwrap_or_default();
        if parts.status_only && !matches!(path, "/healthz/ready" | "/ready" | "/stats/prometheus") {
            return with_status(StatusCode::NOT_FOUND, text("no such path\n"));
        }
        if path == QUIT
            && let Some(quit) = &parts.quit
        {
            if request.method() != Method::POST {
                return not_allowed("POST");
            }
            quit();
            return text("OK\n");
        }
        if path == LOGGING
            && let Some(change) = &parts.logging
        {
            if request.method() != Method::POST {
                return not_allowed("POST");
            }
            return match logging::answer(query, &**change) {
                Ok(filter) => text(format!("{filter}\n")),
                Err(reason) => with_status(StatusCode::BAD_REQUEST, text(format!("{reason}\n"))),
            };
        }
        if matches!(path, LOGGING | QUIT) {
            return no_such_path();
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return not_allowed("GET, HEAD");
        }
        let as_json = parameter(query, "format") == Some("json");
        match path {
            "/" => page(parts.index()),
            "/ready" | "/healthz/ready" => ready_answer(parts.readiness()),
            "/stats/prometheus" => text(parts.prometheus()),
            "/stats" if parameter(query, "format") == Some("prometheus") => text(parts.prometheus()),
            "/stats" => {
                text(stats::text(&parts.prometheus(), parameter(query, "filter").unwrap_or_default()))
            }
            "/config_dump" => value(&config_dump::json(&parts.mesh.plan(), &parts.mesh.status())),
            "/clusters" if as_json => value(&clusters::json(&parts.mesh.live())),
            "/clusters" => text(clusters::text(&parts.mesh.live())),
            "/listeners" if as_json => value(&listeners::json(&parts.list())),
            "/listeners" => text(listeners::text(&parts.list())),
            "/server_info" => value(&parts.info()),
            _ => no_such_path(),
        }
    }
}

impl AdminParts {
    /// The index page, with a row for each path that exists.
    fn index(&self) -> String {
        let lacks = [(LOGGING, self.logging.is_none()), (QUIT, self.quit.is_none())];
        let shown = |row: &&str| !lacks.iter().any(|(path, lacks)| *lacks && row.contains(path));
        INDEX.split_inclusive('\n').filter(shown).collect()
    }

    fn readiness(&self) -> Readiness {
        match self.readiness.as_ref().map_or(Readiness::Ready, |readiness| readiness()) {
            Readiness::Ready if !self.mesh.is_ready() => Readiness::Unready,
            readiness => readiness,
        }
    }

    fn list(&self) -> Vec<ListenerStatus> {
        self.listeners.as_ref().map(|list| list()).unwrap_or_default()
    }

    fn prometheus(&self) -> String {
        for cluster in self.mesh.live().clusters() {
            cluster.publish();
        }
        self.metrics.as_ref().map(|render| render()).unwrap_or_default()
    }

    fn info(&self) -> Value {
        let plan = self.mesh.plan();
        let state = match self.readiness() {
            Readiness::Starting => "INITIALIZING",
            // The program lives, whatever the probe of its workload says.
            Readiness::Ready | Readiness::Unready => "LIVE",
            Readiness::Draining => "DRAINING",
        };
        json!({
            "version": self.version,
            "state": state,
            "uptime_seconds": now().saturating_duration_since(self.started).as_secs(),
            "generation": plan.generation,
            "workload": format!("{}/{}", plan.workload.namespace, plan.workload.name),
            "role": if plan.workload.gateway { "gateway" } else { "sidecar" },
        })
    }
}

fn ready_answer(readiness: Readiness) -> Response<Body> {
    match readiness {
        Readiness::Ready => text("LIVE\n"),
        Readiness::Unready => {
            with_status(StatusCode::SERVICE_UNAVAILABLE, text("the workload is not ready\n"))
        }
        Readiness::Starting => with_status(StatusCode::SERVICE_UNAVAILABLE, text("INITIALIZING\n")),
        Readiness::Draining => with_status(StatusCode::SERVICE_UNAVAILABLE, text("DRAINING\n")),
    }
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

impl<B> Service<Request<B>> for Admin {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(&request)))
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("mesh", &self.0.mesh)
            .field("version", &self.0.version)
            .finish_non_exhaustive()
    }
}
