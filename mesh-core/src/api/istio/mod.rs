//! Istio's own kinds, field for field.
//!
//! No behaviour lives here and no default is applied: `None` is "not written". What a value means is
//! decided where the plan is compiled.

mod connection_pool;
mod destination_rule;
mod gateway;
mod load_balancer;
mod mesh_config;
mod mesh_providers;
mod proxy_config;
mod service_entry;
mod sidecar;
mod virtual_service;
mod virtual_service_actions;
mod workload_entry;
mod workload_group;

/// The API group of these kinds.
pub(crate) const GROUP: &str = "networking.istio.io";

pub use connection_pool::*;
pub use destination_rule::*;
pub use gateway::*;
pub use load_balancer::*;
pub use mesh_config::*;
pub use mesh_providers::*;
pub use proxy_config::*;
pub use service_entry::*;
pub use sidecar::*;
pub use virtual_service::*;
pub use virtual_service_actions::*;
pub use workload_entry::*;
pub use workload_group::*;
