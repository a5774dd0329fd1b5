//! Asks endpoints how they are (HC-1, HC-2).
//!
//! One task for each cluster that has a policy, on the runtime of the other background work: it
//! remembers when each endpoint is due, asks at most [`MAX_RUNNING`] of them at once, and hands the
//! answers to the cluster, where [`mesh_core::health`] decides their meaning.
//!
//! ```text
//!  due ─▶ dial (the mesh's connector, the cluster's TLS) ─▶ ask ─▶ finding ─▶ Cluster::checked ─▶ balancer
//!   ▲                                                                 │             └▶ outlier: taken back
//!   └──────────────── interval + jitter ◀─────────────────────────────┘
//! ```
//!
//! Every question has a connection of its own, which neither counts towards limits nor comes from the
//! pool: whether an endpoint still takes connections is half of the answer.
//!
//! Our own workload is checked in the same way where its WorkloadGroup has a probe
//! ([`readiness`](crate::mesh::readiness)).
//!
//! # Cancellation
//! The task holds the cluster weakly and ends with it.
//!
//! # Metrics
//! `envoy_cluster_health_check_{attempt,success,failure}`, gauge `envoy_cluster_health_check_healthy`.

mod probe;
mod task;

pub(crate) use probe::{Answer, IMMEDIATE_FAIL, Prober};
pub(crate) use task::follow;

/// Health checks under way at once, for each cluster.
pub(crate) const MAX_RUNNING: usize = 64;
