//! An endpoint: one address that serves a destination.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::identity::{Labels, Locality, Topology};

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// An IP address and port.
    Socket(SocketAddr),
    /// A Unix domain socket.
    Unix(Arc<str>),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix://{path}"),
        }
    }
}

/// A cluster's place in its plan: dense, valid for that plan only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterId(pub u32);

impl ClusterId {
    /// A destination whose host or subset does not exist: 503, flag NC (VA-2).
    pub const UNKNOWN: Self = Self(u32::MAX);

    /// The place as an index; `None` for [`ClusterId::UNKNOWN`].
    #[must_use]
    pub const fn index(self) -> Option<usize> {
        if self.0 == u32::MAX { None } else { Some(self.0 as usize) }
    }
}

/// One member of a cluster. Its identity across updates is its address (LB-17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where to connect.
    pub address: Address,
    /// Share of traffic under weighted balancing; at least 1 (SE-6).
    pub weight: u32,
    /// Where it runs.
    pub locality: Locality,
    /// The node that it runs on, if known.
    pub node: Option<Arc<str>>,
    /// The network that it is on, if known.
    pub network: Option<Arc<str>>,
    /// Labels of the pod behind it.
    pub labels: Arc<Labels>,
    /// The workload behind it, for telemetry: name and namespace.
    pub workload: Option<(Arc<str>, Arc<str>)>,
    /// The name that a caller may choose it by, of a headless service's endpoint (SE-1).
    pub hostname: Option<Arc<str>>,
    /// The SPIFFE id it is expected to present.
    pub identity: Option<Arc<str>>,
}

impl Endpoint {
    /// An endpoint of weight 1 with nothing known but its address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address: Address::Socket(address),
            weight: 1,
            locality: Locality::default(),
            node: None,
            network: None,
            labels: Arc::default(),
            workload: None,
            hostname: None,
            identity: None,
        }
    }

    /// Where it runs.
    #[must_use]
    pub fn topology(&self) -> Topology<'_> {
        Topology {
            labels: &self.labels,
            locality: &self.locality,
            node: self.node.as_deref(),
            network: self.network.as_deref(),
        }
    }
}
