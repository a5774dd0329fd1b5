//! The record of attempts at the endpoints that were picked for them.

mod attempt;
mod body;
mod future;
mod service;

pub use body::PerRouteBody;
pub use future::PerRouteFuture;
pub use service::{PerRoute, PerRouteLayer};
