//! What the stack knows of HTTP itself, with no word of routes, endpoints or the mesh.

pub(crate) mod names;

/// Any error, as tower's middleware passes it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
