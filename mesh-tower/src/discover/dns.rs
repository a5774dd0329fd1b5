//! DNS.
use std::sync::Arc;
use mesh_core::plan::DnsTarget;
use crate::cluster::Cluster;
pub(crate) fn follow(_cluster: &Arc<Cluster>, _targets: Vec<DnsTarget>) {}
