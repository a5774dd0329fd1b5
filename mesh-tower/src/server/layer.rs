//! [`ServerLayer`].

use mesh_core::plan::Direction;
use tower_layer::Layer;

use super::{Server, Unready};
use crate::context::ScopeLayer;
use crate::mesh::Mesh;
use crate::normalize::NormalizeLayer;
use crate::telemetry::TelemetryLayer;

/// Makes a server a member of the mesh.
#[derive(Clone, Debug)]
pub struct ServerLayer {
    telemetry: TelemetryLayer,
    normalize: NormalizeLayer,
}

impl ServerLayer {
    pub(crate) fn new(mesh: &Mesh) -> Self {
        let plan = mesh.plan();
        let telemetry = TelemetryLayer::new(Direction::Inbound, plan.workload.clone())
            .metrics(mesh.metrics().clone())
            .access_log(mesh.access_log().clone());
        let normalize = NormalizeLayer::new(Direction::Inbound)
            .rng(mesh.own_rng())
            .max_fields(plan.settings.max_fields)
            .http10(plan.settings.http10)
            .request_id(plan.settings.request_id)
            .follow(mesh.live().paths());
        Self { telemetry, normalize }
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Server<S> {
        // A handler sees the normal form; what is refused before it is counted and logged too.
        Server(self.telemetry.layer(self.normalize.layer(ScopeLayer::default().layer(Unready::new(inner)))))
    }
}
