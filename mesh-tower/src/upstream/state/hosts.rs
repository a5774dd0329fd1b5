//! The endpoints of a running cluster at one moment.

use std::sync::Arc;

use mesh_core::balance::{HostSet, HostView, Layout, SetRules, host_key};
use mesh_core::health::{State as Health, in_service};
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
    /// The snapshot of these endpoints, which follows `before`.
    pub(super) fn build(generation: u64, list: Vec<Host>, plan: &ClusterPlan, before: &Self) -> Self {
        let layout = plan
            .locality
            .as_ref()
            .map(|policy| Arc::new(policy.layout(list.iter().map(|host| host.endpoint().as_ref()))));
        let same = list.len() == before.list.len()
            && list
                .iter()
                .zip(&before.list)
                .all(|(host, before)| host.endpoint().address == before.endpoint().address);
        Self::arrange(generation, list, layout.unwrap_or_default(), plan, same.then_some(&before.set))
    }

    /// The snapshot of the same endpoints with their health as it is now.
    pub(super) fn rebuild(&self, generation: u64, plan: &ClusterPlan) -> Self {
        Self::arrange(generation, self.list.clone(), self.layout.clone(), plan, Some(&self.set))
    }

    /// `before` is a set of endpoints with the same addresses.
    fn arrange(
        generation: u64,
        list: Vec<Host>,
        layout: Arc<Layout>,
        plan: &ClusterPlan,
        before: Option<&HostSet>,
    ) -> Self {
        let view = |(index, host): (usize, &Host)| HostView {
            place: layout.place(index),
            since: plan.warm_up.map(|_| host.since()),
            ..HostView::new(host.endpoint().weight, !host.is_ejected())
        };
        let mut hosts: Vec<_> = list.iter().enumerate().map(view).collect();
        // Without checks, earlier findings do not count.
        if plan.health.is_some() {
            // Hosts outside the locality split get no traffic: ignore their health.
            let state = |(host, view): (&Host, &HostView)| match view.place {
                Some(_) => host.health(),
                None => Health::Unchecked,
            };
            let states: Vec<_> = list.iter().zip(&hosts).map(state).collect();
            for ((host, state), in_service) in hosts.iter_mut().zip(&states).zip(in_service(&states)) {
                host.healthy &= in_service;
                host.awaited = *state == Health::Unchecked && !in_service;
            }
        }
        let rules = SetRules {
            panic_threshold: plan.panic_threshold,
            shares: layout.shares.clone(),
            warm_up: plan.warm_up,
        };
        let key = |index: usize| host_key(&list[index].endpoint().address);
        let set = HostSet::arrange(generation, hosts, &rules, plan.warm_up.map(|_| now()));
        let set = set.hashed(plan.balance, before, key);
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
