//! The endpoints of a running cluster at one moment.

use mesh_core::balance::{BalancePolicy, HostSet, host_key};

use super::Host;

/// A snapshot: replaced whole when endpoints come, go, or change their health.
#[derive(Debug, Default)]
pub struct Hosts {
    list: Vec<Host>,
    set: HostSet,
}

impl Hosts {
    pub(super) fn build(
        generation: u64,
        list: Vec<Host>,
        panic_threshold: u32,
        balance: BalancePolicy,
    ) -> Self {
        let weights: Vec<_> = list.iter().map(|host| host.endpoint().weight).collect();
        let healthy: Vec<_> = list.iter().map(|host| host.is_healthy()).collect();
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
