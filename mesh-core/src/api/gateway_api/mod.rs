//! The kinds of the Kubernetes Gateway API, field for field (GA-1).
//!
//! As with Istio's kinds, no behaviour lives here, but for what a label selector means by itself, and no
//! default is applied: `None` is "not written".
//! Groups and kinds of references stay optional for that reason: `group: ""` is the core of
//! Kubernetes, no group at all is the field's own default.

mod common;
mod gateway;
mod grpc_route;
mod http_filter;
mod http_route;
mod reference_grant;

pub use common::*;
pub use gateway::*;
pub use grpc_route::*;
pub use http_filter::*;
pub use http_route::*;
pub use reference_grant::*;
