//! [`ServerLayer`].

use tower_layer::Layer;

use super::{Server, Unready};
use crate::mesh::Mesh;
use crate::stack::{self, ServerEdge};

/// Makes a server a member of the mesh.
#[derive(Clone, Debug)]
pub struct ServerLayer {
    edge: ServerEdge,
}

impl ServerLayer {
    pub(crate) fn new(mesh: &Mesh) -> Self {
        Self { edge: mesh.server_edge() }
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Server<S> {
        Server(stack::server(&self.edge, Unready::new(inner)))
    }
}
