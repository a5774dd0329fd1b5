//! Keeping what worked: the last good rules of a host, with their clusters (Y-12).

use std::sync::Arc;

use crate::endpoint::ClusterId;
use crate::plan::compile::Compiler;
use crate::plan::compile::destinations::callable::discovery_of;
use crate::plan::{ClusterNode, Plan};
use crate::route::{Action, Destination, Forward, Mirror, Route, RouteTable, VirtualHost, VirtualHostKey};

impl Compiler<'_> {
    /// The routes of this virtual host in the last good plan, if all they lead to existed then.
    pub(crate) fn keep(
        &mut self,
        table: &RouteTable,
        virtual_host: &VirtualHostKey,
    ) -> Option<Vec<Arc<Route>>> {
        if self.options.istio_runtime {
            return None;
        }
        let last = self.last_good?;
        let host = last_host(table, virtual_host)?;
        if host.routes.is_empty() || host.routes.iter().any(|route| leads_nowhere(route)) {
            return None;
        }
        let routes = host.routes.iter().map(|route| Arc::new(self.carried(route, last))).collect();
        self.stale.insert(virtual_host.to_string());
        Some(routes)
    }

    fn carried(&mut self, route: &Route, last: &Plan) -> Route {
        let mut route = route.clone();
        if let Action::Forward(forward) = &route.action {
            let destinations = forward.destinations().iter().map(|destination| Destination {
                cluster: self.carried_cluster(destination.cluster, last),
                ..destination.clone()
            });
            let mut carried = Forward::new(destinations.collect()).expect("the weights made a split before");
            carried.unknown_cluster = forward.unknown_cluster;
            carried.hash.clone_from(&forward.hash);
            carried.sticky = forward.sticky;
            route.action = Action::Forward(carried);
        }
        route.mirrors = route
            .mirrors
            .iter()
            .map(|mirror| Mirror { cluster: self.carried_cluster(mirror.cluster, last), ..*mirror })
            .collect();
        route
    }

    /// The cluster as its service and that one's rules are now; where there is none any more, the last good one, with
    /// the endpoints that its service has now, if it still has any.
    ///
    /// What stays of one host must not decide how others are called: those who ask for the cluster later get this one.
    fn carried_cluster(&mut self, id: ClusterId, last: &Plan) -> ClusterId {
        let Some(node) = last.cluster(id) else { return ClusterId::UNKNOWN };
        let policy = &node.policy;
        let host = &policy.service.host;
        let is_seen = |index: usize| self.registry.get(index).visible;
        if policy.key.is_outbound()
            && self.registry.exact(host).is_some_and(is_seen)
            && let Ok(id) = self.find_cluster(host, policy.port, &policy.subset)
        {
            return id;
        }
        if let Some(id) = self.clusters.get(&policy.key) {
            return id;
        }
        let service = self.registry.exact(host).map(|index| self.registry.get(index));
        let port = service.and_then(|service| service.port(policy.port));
        let discovery = port.map_or_else(
            || node.discovery.clone(),
            |port| discovery_of(policy.balance, port, Some(&policy.subset_labels)),
        );
        self.clusters.insert(ClusterNode { policy: Arc::clone(policy), discovery })
    }
}

/// The virtual host of this key. Mostly its name is a domain of it, so the index finds it.
pub(crate) fn last_host<'t>(table: &'t RouteTable, key: &VirtualHostKey) -> Option<&'t VirtualHost> {
    let is_it = |host: &&VirtualHost| host.key == *key;
    let indexed = key.domain().and_then(|domain| table.host(domain)).filter(is_it);
    indexed.or_else(|| table.hosts().iter().find(is_it))
}

fn leads_nowhere(route: &Route) -> bool {
    match &route.action {
        Action::Forward(forward) => {
            forward.destinations().iter().any(|destination| destination.cluster == ClusterId::UNKNOWN)
        }
        Action::Refused(_) => true,
        Action::Passthrough | Action::Redirect(_) | Action::DirectResponse(_) => false,
    }
}
