//! [`TelemetryLayer`].

use std::sync::Arc;

use mesh_core::identity::Workload;
use mesh_core::plan::{Direction, ServiceIdentity};
use tower_layer::Layer;

use super::series::{Handles, Scope};
use super::{AccessLog, Metrics, Telemetry};

/// Counts and logs requests; see the [module](super).
#[derive(Clone, Debug)]
pub struct TelemetryLayer {
    scope: Arc<Scope>,
    metrics: Metrics,
    log: AccessLog,
}

impl TelemetryLayer {
    /// Reports as `workload`: as the client of outbound requests and at a gateway, as the server of inbound requests.
    /// Metrics are on, the access log is off.
    #[must_use]
    pub fn new(direction: Direction, workload: Arc<Workload>) -> Self {
        let service = ServiceIdentity::default();
        Self {
            scope: Arc::new(Scope { direction, workload, service }),
            metrics: Metrics::default(),
            log: AccessLog::default(),
        }
    }

    /// Names the service of requests without a cluster, for example of those that an in-process server answers itself.
    #[must_use]
    pub fn service(mut self, service: ServiceIdentity) -> Self {
        let Scope { direction, workload, .. } = &*self.scope;
        self.scope = Arc::new(Scope { direction: *direction, workload: workload.clone(), service });
        self
    }

    /// Shares the cap on series with the other layers of these metrics.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Writes the access log to `log`.
    #[must_use]
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.log = log;
        self
    }
}

impl<S> Layer<S> for TelemetryLayer {
    type Service = Telemetry<S>;

    fn layer(&self, inner: S) -> Telemetry<S> {
        let handles = Arc::new(Handles::new(self.scope.clone(), self.metrics.clone()));
        Telemetry { inner, handles, log: self.log.clone() }
    }
}
