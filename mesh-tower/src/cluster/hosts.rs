//! The endpoints of a running cluster at one moment.

use mesh_core::balance::{BalancePolicy, HostSet, host_key};
use mesh_core::health::in_service;

use super::Host;

/// A snapshot: replaced whole when endpoints come, go, or change their health.
#[derive(Debug, Default)]
pub struct Hosts {
    list: Vec<Host>,
    set: HostSet,
}

impl Hosts {
    /// `checked` says whether endpoints are asked how they are; else what was once found is no matter.
    pub(super) fn build(
        generation: u64,
        list: Vec<Host>,
        panic_threshold: u32,
        balance: BalancePolicy,
        checked: bool,
    ) -> Self {
        let weights: Vec<_> = list.iter().map(|host| host.endpoint().weight).collect();
        let mut healthy: Vec<_> = list.iter().map(|host| host.is_healthy()).collect();
        if checked {
            let states: Vec<_> = list.iter().map(Host::health).collect();
            for (healthy, in_service) in healthy.iter_mut().zip(in_service(&states)) {
                *healthy &= in_service;
            }
        }
        let set =
            HostSet::build(generation, &weights, &healthy, panic_threshold)
                .hashed(balance, &[], |index| host_key(&list[index].endpoint().address));
        Self { list, set }
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
