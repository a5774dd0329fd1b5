//! As compiled: the plan, our only intermediate form.
//!
//! Files, the builder and (later) a control plane all produce a [`Plan`]; nothing downstream knows
//! where it came from. It is immutable and shared; a request keeps the plan it began with. Every
//! node that can decide something remembers its [`Origin`](crate::error::Origin).
//!
//! ```text
//! Plan ── outbound: port -> RouteTable -> VirtualHost -> Route ──ClusterId──┐
//!      ── listeners (gateway servers, sidecar listeners) -> RouteTable ─────┤
//!      ── clusters[ClusterId]: ClusterPlan (policy) + Discovery (endpoints) <┘
//! ```

pub mod builder;
mod cluster;
mod compile;
mod key;
mod listener;
mod load;
mod settings;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub use cluster::{
    ClientTls, ClusterNode, ClusterPlan, Discovery, DnsTarget, ServiceIdentity, UpstreamProtocol,
};
pub use compile::{
    CompileOptions, Compiled, Condition, PartStatus, ResourceStatus, WorkloadSource, compile,
    complete_by_pod_info, gateway_status, workload_of_environment,
};
pub use key::{ClusterKey, Direction, ListenerKey};
pub use listener::{
    CipherSuite, Listener, ListenerProtocol, ListenerRoutes, Material, ServerTls, TlsTerms, TlsVersion,
};
pub use load::{Loaded, load};
pub use settings::{AccessLogTarget, OutboundMode, ServerHeader, Settings};

use crate::endpoint::ClusterId;
use crate::hash::WordHash;
use crate::health::ReadinessPolicy;
use crate::identity::Workload;
use crate::route::RouteTable;

/// Everything that one workload needs to decide, compiled.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Counts the plans of this process, from 1.
    pub generation: u64,
    /// Who we are.
    pub workload: Arc<Workload>,
    /// How our workload tells that it is ready, if its group says so (HC-3).
    pub readiness: Option<Arc<ReadinessPolicy>>,
    /// Mesh-wide settings.
    pub settings: Settings,
    /// What a sidecar or an in-process client knows: a route table for each service port. The port
    /// of a request's authority chooses the table (80 or, for https, 443 where there is none).
    pub outbound: BTreeMap<u16, Arc<RouteTable>>,
    /// Where calls to unknown hosts go instead of to themselves, under `ALLOW_ANY` (SC-4).
    pub egress_proxy: Option<ClusterId>,
    /// What the proxy binds, in the order of creation.
    pub listeners: Vec<Listener>,
    /// Their places.
    pub listener_ids: HashMap<ListenerKey, usize, WordHash>,
    /// Destinations, indexed by [`ClusterId`].
    pub clusters: Vec<ClusterNode>,
    /// Their places.
    pub cluster_ids: Arc<ClusterIds>,
}

/// The places of clusters, by key.
pub type ClusterIds = HashMap<ClusterKey, ClusterId, WordHash>;

impl Plan {
    /// The cluster of this id; `None` for [`ClusterId::UNKNOWN`].
    #[must_use]
    pub fn cluster(&self, id: ClusterId) -> Option<&ClusterNode> {
        self.clusters.get(id.index()?)
    }

    /// The id of the cluster of this key.
    #[must_use]
    pub fn cluster_id(&self, key: &ClusterKey) -> Option<ClusterId> {
        self.cluster_ids.get(key).copied()
    }

    /// The listener of this key.
    #[must_use]
    pub fn listener(&self, key: &ListenerKey) -> Option<&Listener> {
        self.listeners.get(*self.listener_ids.get(key)?)
    }

    /// The cluster that is shown so.
    #[cfg(test)]
    pub(crate) fn cluster_named(&self, name: &str) -> Option<&ClusterNode> {
        self.clusters.iter().find(|node| *node.policy.name == *name)
    }
}
