//! Hosts that the registry does not know, under `ALLOW_ANY` (H-8): the authority itself is dialled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mesh_core::balance::BalancePolicy;
use mesh_core::circuit::CircuitPolicy;
use mesh_core::endpoint::Endpoint;
use mesh_core::error::Origin;
use mesh_core::plan::{self, ClusterPlan, ServiceIdentity, UpstreamProtocol};

use super::{Cluster, ClusterPool};
use crate::clock::{FastRng, now};
use crate::error::BoxError;
use crate::pool::Connect;
use crate::tls::ClientTls;

/// How many authorities are kept; beyond, an arbitrary one is forgotten with its idle connections.
const MAX_AUTHORITIES: usize = 1024;

/// How long an address is used before the name is resolved again.
const RESOLVE_AGAIN: Duration = Duration::from_secs(30);

/// The authorities called so far, one cluster each.
#[derive(Debug)]
pub(crate) struct Passthrough {
    connector: Arc<dyn Connect>,
    known: Mutex<HashMap<(String, bool), (Arc<ClusterPool>, Instant)>>,
}

impl Passthrough {
    pub(crate) fn new(connector: Arc<dyn Connect>) -> Self {
        Self { connector, known: Mutex::default() }
    }

    /// The pool for `authority`, with or without TLS; resolves its name if that is due.
    pub(crate) async fn pool(&self, authority: &str, https: bool) -> Result<Arc<ClusterPool>, BoxError> {
        let key = (authority.to_ascii_lowercase(), https);
        let known = self.lock().get(&key).cloned();
        if let Some((pool, at)) = &known
            && now().saturating_duration_since(*at) < RESOLVE_AGAIN
        {
            return Ok(pool.clone());
        }
        let host = mesh_core::route::host_of(authority);
        let port = authority.get(host.len() + 1..).and_then(|port| port.parse().ok());
        let port = port.unwrap_or(if https { 443 } else { 80 });
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = match tokio::net::lookup_host((bare, port)).await {
            Ok(addresses) => addresses.map(|address| Arc::new(Endpoint::new(address))).collect::<Vec<_>>(),
            // A resolver that fails does not take away what is known.
            Err(_) if known.is_some() => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let pool = match known {
            Some((pool, _)) => {
                if !addresses.is_empty() {
                    pool.cluster().update_endpoints(&addresses);
                }
                pool
            }
            None => Arc::new(self.make(bare, port, https, &addresses)),
        };
        let mut known = self.lock();
        if known.len() >= MAX_AUTHORITIES
            && !known.contains_key(&key)
            && let Some(victim) = known.keys().next().cloned()
        {
            known.remove(&victim);
        }
        known.insert(key, (pool.clone(), now()));
        Ok(pool)
    }

    /// Closes connections that have been idle for too long.
    pub(crate) fn sweep(&self) {
        for (pool, _) in self.lock().values() {
            pool.sweep();
        }
    }

    fn make(&self, host: &str, port: u16, https: bool, addresses: &[Arc<Endpoint>]) -> ClusterPool {
        let service = ServiceIdentity {
            host: host.into(),
            name: "PassthroughCluster".into(),
            namespace: "unknown".into(),
            external: true,
        };
        let plan = ClusterPlan {
            name: "PassthroughCluster".into(),
            service,
            port,
            subset: "".into(),
            subset_labels: Default::default(),
            protocol: UpstreamProtocol::Downstream,
            balance: BalancePolicy::RoundRobin,
            panic_threshold: 0,
            locality: None,
            warm_up: None,
            circuit: CircuitPolicy::default(),
            outlier: None,
            health: None,
            tls: https.then(plan::ClientTls::default),
            origin: Origin::default(),
        };
        let tls = plan.tls.as_ref().map(|tls| ClientTls::new(tls, host));
        let cluster = Arc::new(Cluster::new(Arc::new(plan), addresses, false));
        ClusterPool::new(cluster, self.connector.clone(), tls, FastRng::new())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(String, bool), (Arc<ClusterPool>, Instant)>> {
        self.known.lock().expect("no panic while the map is held")
    }
}
