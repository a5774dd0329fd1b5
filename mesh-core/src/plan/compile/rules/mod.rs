//! Which rule serves a request, and its action: VirtualServices and the Gateway API.

pub(super) mod actions;
pub(super) mod gateway_api;
pub(super) mod known;
pub(super) mod matches;
pub(super) mod place;
pub(super) mod references;
pub(super) mod routes;
pub(super) mod virtual_services;
