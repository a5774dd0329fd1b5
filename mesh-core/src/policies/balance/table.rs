//! The table of a set of hosts, by the algorithm asked for.

use super::{BalancePolicy, Maglev, Ring, Share};

/// Picks the same host for the same hash as long as the hosts are the same (LB-7, LB-8).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashTable {
    /// A ring.
    Ring(Ring),
    /// A Maglev table.
    Maglev(Maglev),
}

impl HashTable {
    /// The table that `policy` asks for; `None` if it does not balance by hash.
    #[must_use]
    pub fn build(policy: BalancePolicy, hosts: &[Share<'_>]) -> Option<Self> {
        match policy {
            BalancePolicy::RingHash { minimum } => Some(Self::Ring(Ring::build(minimum, hosts))),
            BalancePolicy::Maglev { size } => Some(Self::Maglev(Maglev::build(size, hosts))),
            _ => None,
        }
    }

    /// The index of the host for `hash`; a later `attempt` asks for another one, which may be the same
    /// host. `None` without hosts.
    #[must_use]
    pub fn pick(&self, hash: u64, attempt: u32) -> Option<u32> {
        match self {
            Self::Ring(ring) => ring.pick(hash, attempt),
            Self::Maglev(table) => table.pick(hash, attempt),
        }
    }
}

/// The table of a priority, and what it was made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PriorityTable {
    /// The candidates, each with its part of the weight.
    pub(super) parts: Vec<(u32, f64)>,
    pub(super) hosts: HashTable,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::share::tests::{equal, keys};

    #[test]
    fn lb_7_lb_8_only_hash_policies_have_a_table() {
        let hosts = equal(3);
        assert!(HashTable::build(BalancePolicy::Random, &hosts).is_none());
        let ring = HashTable::build(BalancePolicy::RingHash { minimum: 10 }, &hosts).unwrap();
        let maglev = HashTable::build(BalancePolicy::Maglev { size: 11 }, &hosts).unwrap();
        for hash in keys(50) {
            let expected = (Ring::build(10, &hosts).pick(hash, 1), Maglev::build(11, &hosts).pick(hash, 1));
            assert_eq!((ring.pick(hash, 1), maglev.pick(hash, 1)), expected);
        }
    }
}
