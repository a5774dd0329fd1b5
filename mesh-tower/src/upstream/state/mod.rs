//! A destination at work: circuit limits, pick of an endpoint, the outcome's record.
//!
//! ```text
//!  request ─▶ limits (Cluster, process-wide) ─▶ pick (ClusterPool, per worker) ─▶ EndpointPool ─▶ wire
//!                                                                                      │
//!  outlier detector, retry budget, counters  ◀──────── outcome ◀── headers, or trailers; a body that breaks off
//! ```
//!
//! State is kept in two places on purpose. The *facts about a destination* (how many requests run, which
//! endpoints are ejected, how full the retry budget is) are process-wide, in [`Cluster`]: padded atomics, a
//! lock only when the set of endpoints changes. The *machinery* (connections, balancer cursor) is the
//! worker's own, in `ClusterPool` of [`pool`](super::pool).
//!
//! # Metrics
//! Envoy's cluster counters (ME-7), under `envoy_cluster_`, label `cluster_name`. A cluster has membership
//! gauges from the start, and the rest from the first request that uses it.

mod authorities;
mod health_check_trigger;
mod host;
mod hosts;
mod running;
mod stats;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use authorities::{Authorities, Authority, Policy};
pub(crate) use health_check_trigger::HealthCheckTrigger;
pub use host::Host;
pub use hosts::Hosts;
pub use running::Cluster;
pub(crate) use running::{ConnectionPermit, Retrying};
pub use stats::Stats;
