//! [`ServerLayer`].

use mesh_core::plan::Direction;
use tower_layer::Layer;

use super::Server;
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
        let workload = mesh.plan().workload.clone();
        let telemetry =
            TelemetryLayer::new(Direction::Inbound, workload).access_log(mesh.access_log().clone());
        let normalize = NormalizeLayer::new(Direction::Inbound).follow(mesh.live().paths());
        Self { telemetry, normalize }
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Server<S> {
        // A handler sees the normal form; what is refused before it is counted and logged too.
        Server(self.telemetry.layer(self.normalize.layer(ScopeLayer::default().layer(inner))))
    }
}
