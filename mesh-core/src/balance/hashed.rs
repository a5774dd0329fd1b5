//! Picks by hash from a [`HostSet`].

use std::borrow::Cow;

use super::{BalancePolicy, HashTable, HostSet, Share};

impl HostSet {
    /// The same set with the table that `policy` asks for; `key` tells what a host
    /// [is hashed by](super::host_key). A policy that does not balance by hash changes nothing.
    #[must_use]
    pub fn hashed<'a>(mut self, policy: BalancePolicy, key: impl Fn(usize) -> Cow<'a, str>) -> Self {
        if policy.is_hash() {
            let weight = |index: &u32| f64::from(self.hosts[*index as usize].weight);
            let whole: f64 = self.usable.iter().map(weight).sum();
            let share =
                |index: &u32| Share { index: *index, key: key(*index as usize), part: weight(index) / whole };
            let shares: Vec<_> = self.usable.iter().map(share).collect();
            self.table = HashTable::build(policy, &shares);
        }
        self
    }

    /// Whether picks go by a table.
    #[must_use]
    pub const fn is_hashed(&self) -> bool {
        self.table.is_some()
    }

    /// Picks the host of `hash`: an index into [`HostSet::hosts`]. While that is one to `avoid`, asks
    /// again up to `attempts` times, each time a step further, then takes what it gets (RT-12).
    #[must_use]
    pub fn pick_hashed(&self, hash: u64, avoid: impl Fn(usize) -> bool, attempts: u32) -> Option<usize> {
        let table = self.table.as_ref()?;
        let mut picked = table.pick(hash, 0)? as usize;
        for attempt in 1..=attempts {
            if !avoid(picked) {
                break;
            }
            picked = table.pick(hash, attempt)? as usize;
        }
        Some(picked)
    }
}
