//! The endpoints of a running cluster at one moment.

use std::sync::Arc;

use mesh_core::balance::{HostSet, HostView, Layout, SetRules, host_key};
use mesh_core::health::in_service;
use mesh_core::plan::ClusterPlan;

use super::Host;
use crate::clock::now;

/// A snapshot: replaced whole when endpoints come, go, or change their health.
#[derive(Debug, Default)]
pub struct Hosts {
    list: Vec<Host>,
    /// Where they stand; kept while only their health changes.
    layout: Arc<Layout>,
    set: HostSet,
}

impl Hosts {
    /// The snapshot of these endpoints.
    pub(super) fn build(generation: u64, list: Vec<Host>, plan: &ClusterPlan) -> Self {
        let layout = plan
            .locality
            .as_ref()
            .map(|policy| Arc::new(policy.layout(list.iter().map(|host| host.endpoint().as_ref()))));
        Self::arrange(generation, list, layout.unwrap_or_default(), plan)
    }

    /// The snapshot of the same endpoints with their health as it is now.
    pub(super) fn rebuild(&self, generation: u64, plan: &ClusterPlan) -> Self {
        Self::arrange(generation, self.list.clone(), self.layout.clone(), plan)
    }

    fn arrange(generation: u64, list: Vec<Host>, layout: Arc<Layout>, plan: &ClusterPlan) -> Self {
        let view = |(index, host): (usize, &Host)| HostView {
            place: layout.place(index),
            since: plan.warm_up.map(|_| host.since()),
            ..HostView::new(host.endpoint().weight, host.is_healthy())
        };
        let mut hosts: Vec<_> = list.iter().enumerate().map(view).collect();
        // Without checks, what was once found is no matter.
        if plan.health.is_some() {
            let states: Vec<_> = list.iter().map(Host::health).collect();
            for (host, in_service) in hosts.iter_mut().zip(in_service(&states)) {
                host.healthy &= in_service;
            }
        }
        let rules = SetRules {
            panic_threshold: plan.panic_threshold,
            shares: layout.shares.clone(),
            warm_up: plan.warm_up,
        };
        let key = |index: usize| host_key(&list[index].endpoint().address);
        let set = HostSet::arrange(generation, hosts, &rules, plan.warm_up.map(|_| now())).hashed(
            plan.balance,
            &rules.shares,
            key,
        );
        Self { list, layout, set }
    }

    /// The endpoints, in the order of discovery.
    #[must_use]
    pub fn list(&self) -> &[Host] {
        &self.list
    }

    /// What the balancer picks from.
    #[must_use]
    pub fn set(&self) -> &HostSet {
        &self.set
    }
}
