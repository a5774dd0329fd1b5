//! Balancing by hash: algorithm, key, and what both mean for a route (LB-5 to LB-8, RT-7).

use std::sync::Arc;

use crate::api::istio::ConsistentHashLb;
use crate::balance::{BalancePolicy, HashCookie, HashHeader, HashPolicy, HashSource, Maglev, Ring};
use crate::hash::xx_hash;
use crate::plan::compile::Compiler;
use crate::route::{Forward, Route};

/// The table that is asked for; a ring where none is (LB-7, LB-8).
pub(crate) fn algorithm(written: &ConsistentHashLb) -> BalancePolicy {
    let set = |size: Option<u64>| size.filter(|size| *size > 0);
    if let Some(maglev) = &written.maglev {
        return BalancePolicy::Maglev { size: set(maglev.table_size).unwrap_or(Maglev::DEFAULT_SIZE) };
    }
    let ring = written.ring_hash.as_ref();
    let minimum = ring.map_or(written.minimum_ring_size, |ring| ring.minimum_ring_size);
    BalancePolicy::RingHash { minimum: set(minimum).unwrap_or(Ring::DEFAULT_MINIMUM) }
}

/// The key that is asked for; `None` for `useSourceIp: false`, which has none.
pub(crate) fn source(written: &ConsistentHashLb) -> Option<HashSource> {
    if let Some(name) = &written.http_header_name {
        return HashHeader::new(name).map(HashSource::Header);
    }
    if let Some(cookie) = &written.http_cookie {
        let attributes = cookie.attributes.iter();
        return Some(HashSource::Cookie(HashCookie {
            name: cookie.name.clone(),
            path: cookie.path.clone(),
            ttl: cookie.ttl,
            attributes: attributes.map(|one| (one.name.clone(), one.value.clone())).collect(),
        }));
    }
    if let Some(name) = &written.http_query_parameter_name {
        return Some(HashSource::QueryParameter(name.clone()));
    }
    written.use_source_ip.filter(|used| *used).map(|_| HashSource::SourceIp)
}

impl Compiler<'_> {
    /// The same with the keys of its destinations. All rules of one `owner` choose alike for a key, so
    /// that a user does not meet the canary on one path only.
    pub(crate) fn keyed(&self, mut forward: Forward, owner: &str) -> Forward {
        let several = forward.destinations().len() > 1;
        let counted = forward.destinations().iter().filter(|one| !several || one.weight > 0);
        let keys: Vec<_> =
            counted.filter_map(|destination| self.clusters.key(destination.cluster).cloned()).collect();
        if !keys.is_empty() {
            forward.hash = Some(Arc::new(HashPolicy::new(keys)));
            forward.sticky = (several && !self.options.istio_runtime).then(|| xx_hash(owner.as_bytes(), 0));
        }
        forward
    }

    /// Lets retries go to the host of their key although that one was tried (RT-7): Istio does so where a
    /// rule has one destination, which balances by hash. `told` is whether the rule's own policy, if it
    /// has one, says something else.
    pub(crate) fn stay_with_key(&self, route: &mut Route, told: Option<bool>) {
        let is_hash = match route.destinations() {
            [lone] => self.clusters.node(lone.cluster).is_some_and(|node| node.policy.balance.is_hash()),
            _ => false,
        };
        if is_hash && !told.unwrap_or(self.mesh.retry_hosts_written) {
            Arc::make_mut(&mut route.retry).avoid_previous_hosts = false;
        }
    }
}
