//! One worker's picks over the shared set.

use super::HostSet;
use super::edf::Edf;
use crate::rng::Rng;

/// How an endpoint is picked (LB-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BalancePolicy {
    /// The one with fewer requests under way.
    #[default]
    LeastRequest,
    /// In turn.
    RoundRobin,
    /// By chance.
    Random,
    /// By a hash of the request, on a [`Ring`](super::Ring) of at least so many points (LB-7).
    RingHash {
        /// Fewest points.
        minimum: u64,
    },
    /// By a hash of the request, in a [`Maglev`](super::Maglev) table of so many slots (LB-8).
    Maglev {
        /// Slots; a prime.
        size: u64,
    },
    /// None: the address that the caller dialled, or named.
    Passthrough,
}

impl BalancePolicy {
    /// Whether the same key goes to the same host.
    #[must_use]
    pub const fn is_hash(self) -> bool {
        matches!(self, Self::RingHash { .. } | Self::Maglev { .. })
    }
}

/// Picks hosts from a [`HostSet`]; private to a worker, so nothing is locked or shared.
#[derive(Clone, Debug)]
pub struct Balancer {
    policy: BalancePolicy,
    /// Random start of the rotation; then the slot whose turn it is.
    cursor: u32,
    schedule: Edf,
    /// The generation that `schedule` was made for.
    scheduled: Option<u64>,
}

impl Balancer {
    /// A balancer whose rotation starts at a random host.
    #[must_use]
    pub fn new(policy: BalancePolicy, rng: &mut impl Rng) -> Self {
        Self { policy, cursor: rng.below(u32::MAX), schedule: Edf::default(), scheduled: None }
    }

    /// The policy in force.
    #[must_use]
    pub const fn policy(&self) -> BalancePolicy {
        self.policy
    }

    /// Picks a host: an index into [`HostSet::hosts`]. `active` tells how many requests a host has
    /// under way. `None` if there is no candidate (503 UH), and always under
    /// [`Passthrough`](BalancePolicy::Passthrough), which has no hosts to choose from.
    #[must_use]
    pub fn pick(
        &mut self,
        set: &HostSet,
        rng: &mut impl Rng,
        active: impl Fn(usize) -> u32,
    ) -> Option<usize> {
        let count = set.candidates();
        if count <= 1 && self.policy != BalancePolicy::Passthrough {
            return set.usable.first().map(|index| *index as usize);
        }
        let slot = match self.policy {
            BalancePolicy::Passthrough => return None,
            BalancePolicy::RingHash { .. } | BalancePolicy::Maglev { .. } if set.is_hashed() => {
                return set.pick_hashed(rng.next_u64(), |_| false, 0);
            }
            BalancePolicy::Random | BalancePolicy::RingHash { .. } | BalancePolicy::Maglev { .. } => {
                rng.below(count)
            }
            BalancePolicy::LeastRequest if set.equal_weights => {
                let (first, second) = (rng.below(count), rng.below(count));
                let load = |slot: u32| active(set.usable[slot as usize] as usize);
                if load(second) < load(first) { second } else { first }
            }
            BalancePolicy::RoundRobin if set.equal_weights => self.rotate(count),
            BalancePolicy::LeastRequest => self.scheduled(set, count, rng, |index| {
                f64::from(set.hosts[index].weight) / (f64::from(active(index)) + 1.0)
            }),
            BalancePolicy::RoundRobin => {
                self.scheduled(set, count, rng, |index| f64::from(set.hosts[index].weight))
            }
        };
        Some(set.usable[slot as usize] as usize)
    }

    /// Picks a host that was not tried yet, asking again up to `attempts` times; then takes what
    /// it gets (RT-12).
    #[must_use]
    pub fn pick_avoiding(
        &mut self,
        set: &HostSet,
        rng: &mut impl Rng,
        active: impl Fn(usize) -> u32,
        tried: impl Fn(usize) -> bool,
        attempts: u32,
    ) -> Option<usize> {
        let mut picked = self.pick(set, rng, &active)?;
        for _ in 0..attempts {
            if !tried(picked) {
                break;
            }
            picked = self.pick(set, rng, &active)?;
        }
        Some(picked)
    }

    fn rotate(&mut self, count: u32) -> u32 {
        let slot = self.cursor % count;
        self.cursor = slot + 1;
        slot
    }

    fn scheduled(
        &mut self,
        set: &HostSet,
        count: u32,
        rng: &mut impl Rng,
        weight: impl Fn(usize) -> f64,
    ) -> u32 {
        let weight = |slot: u32| weight(set.usable[slot as usize] as usize);
        if self.scheduled != Some(set.generation) {
            self.schedule.rebuild(count, weight, rng);
            self.scheduled = Some(set.generation);
        }
        self.schedule.pick(weight).expect("a schedule of at least two hosts")
    }
}

#[cfg(test)]
mod tests;
