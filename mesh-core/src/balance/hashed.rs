//! Picks by hash from a [`HostSet`].

use std::borrow::Cow;

use super::{BalancePolicy, HashTable, HostSet, Share};

impl HostSet {
    /// The same set with the tables that `policy` asks for, one for each priority; `key` tells what a host
    /// [is hashed by](super::host_key). A policy that does not balance by hash changes nothing.
    #[must_use]
    pub fn hashed<'a>(mut self, policy: BalancePolicy, key: impl Fn(usize) -> Cow<'a, str>) -> Self {
        if policy.is_hash() {
            for priority in &mut self.priorities {
                let share = |(index, part)| Share { index, key: key(index as usize), part };
                let shares: Vec<_> = priority.weighted(&self.hosts).map(share).collect();
                priority.table = HashTable::build(policy, &shares);
            }
        }
        self
    }

    /// Whether picks go by a table.
    #[must_use]
    pub fn is_hashed(&self) -> bool {
        self.priorities.iter().any(|priority| priority.table.is_some())
    }

    /// Picks the host of `hash`, which also chooses the priority, as in Envoy: an index into
    /// [`HostSet::hosts`]. While that is one to `avoid`, asks
    /// again up to `attempts` times, each time a step further, then takes what it gets (RT-12).
    #[must_use]
    pub fn pick_hashed(&self, hash: u64, avoid: impl Fn(usize) -> bool, attempts: u32) -> Option<usize> {
        let table = self.priority(|| hash)?.table.as_ref()?;
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
