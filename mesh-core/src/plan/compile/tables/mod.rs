//! Tables and listeners: the routes of each port and host, certificates, probes, and the rules that stay from the
//! last good plan.

pub(super) mod certificates;
pub(super) mod draft;
pub(super) mod gateway;
pub(super) mod health;
pub(super) mod mesh_routes;
pub(super) mod outbound;
pub(super) mod readiness;
pub(super) mod retain;
pub(super) mod sidecar;
