//! x
#![allow(missing_docs)]
pub mod body;
pub mod clock;
pub mod cluster;
pub mod error;
pub mod fault;
mod future;
pub mod grpc;
pub mod live;
pub mod mesh;
pub mod mirror;
pub mod normalize;
pub mod pool;
pub mod record;
pub mod retry;
pub mod rewrite;
pub mod route;
pub mod split;
pub mod telemetry;
pub mod timeout;
pub mod tls;
mod upload;
pub mod worker;
mod discover;
pub use body::Body;
pub use error::{BoxError, Error};
