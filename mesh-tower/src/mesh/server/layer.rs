//! [`ServerLayer`].

use mesh_core::plan::Direction;
use tower_layer::Layer;

use super::{Server, Unready};
use crate::mesh::Mesh;
use crate::stack::{self, Edge};

/// Makes a server a member of the mesh.
#[derive(Clone, Debug)]
pub struct ServerLayer {
    edge: Edge,
}

impl ServerLayer {
    pub(crate) fn new(mesh: &Mesh) -> Self {
        Self { edge: mesh.edge(mesh.worker(), Direction::Inbound) }
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Server<S> {
        Server(stack::server(&self.edge, Unready::new(inner)))
    }
}
