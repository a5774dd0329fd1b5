//! What the stack knows of HTTP itself, with no word of routes, endpoints or the mesh.

pub(crate) mod names;
