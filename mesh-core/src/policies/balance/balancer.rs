//! One worker's picks over the shared set.

use std::time::Instant;

use super::edf::Edf;
use super::{AvoidedPriorities, BalancePolicy, Group, HostSet};
use crate::rng::Rng;

/// Facts of the request that a pick depends on, besides the set and the hosts' load.
#[derive(Clone, Copy, Debug, Default)]
pub struct PickFacts {
    /// The time; needed where the set has a [`warm_at`](HostSet::warm_at).
    pub now: Option<Instant>,
    /// Priorities that earlier attempts have used up.
    pub avoid: AvoidedPriorities,
    /// The hash for a policy that goes by hash; without one, it picks by chance.
    pub hash: Option<u64>,
    /// How often at most another host is asked for in place of a poor one (RT-12).
    pub redraws: u32,
}

/// Picks hosts from a [`HostSet`]; private to a worker, so nothing is locked or shared.
#[derive(Clone, Debug)]
pub struct Balancer {
    policy: BalancePolicy,
    /// One for each group; most sets have one.
    cursors: Vec<Cursor>,
    /// The generation that `cursors` were made for.
    generation: Option<u64>,
}

/// Whose turn it is in a group.
#[derive(Clone, Debug)]
struct Cursor {
    /// Random start of the rotation; then the slot whose turn it is.
    next: u32,
    schedule: Edf,
    is_scheduled: bool,
}

impl Balancer {
    /// A balancer whose rotation starts at a random host.
    #[must_use]
    pub fn new(policy: BalancePolicy, rng: &mut impl Rng) -> Self {
        Self { policy, cursors: vec![Cursor::new(rng)], generation: None }
    }

    /// The policy in force.
    #[must_use]
    pub const fn policy(&self) -> BalancePolicy {
        self.policy
    }

    /// Picks a host: an index into [`HostSet::hosts`]. `load` gives how much a host has to do: how many
    /// requests are under way, or what its [`Latency`](super::Latency) says. `None` if there is no candidate
    /// (503 UH), and always under [`Passthrough`](BalancePolicy::Passthrough), which has no hosts to choose
    /// from.
    #[must_use]
    pub fn pick(&mut self, set: &HostSet, rng: &mut impl Rng, load: impl Fn(usize) -> u64) -> Option<usize> {
        self.pick_for(set, rng, &PickFacts::default(), load, |_| false)
    }

    /// The same for a request that asks for more. A host that is `poor`, because it was tried or cannot be
    /// reached, is taken only if there is no other after so many redraws (RT-12).
    #[must_use]
    pub fn pick_for(
        &mut self,
        set: &HostSet,
        rng: &mut impl Rng,
        facts: &PickFacts,
        load: impl Fn(usize) -> u64,
        poor: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        if self.policy.is_hash() && set.is_hashed() {
            let hash = facts.hash.unwrap_or_else(|| rng.next_u64());
            return set.pick_hashed(hash, facts.avoid, poor, facts.redraws);
        }
        let mut picked = self.draw(set, rng, facts, &load)?;
        for _ in 0..facts.redraws {
            if !poor(picked) {
                break;
            }
            picked = self.draw(set, rng, facts, &load)?;
        }
        Some(picked)
    }

    /// One pick by the policy.
    fn draw(
        &mut self,
        set: &HostSet,
        rng: &mut impl Rng,
        facts: &PickFacts,
        load: &impl Fn(usize) -> u64,
    ) -> Option<usize> {
        if self.policy == BalancePolicy::Passthrough {
            return None;
        }
        let group = set.priority_avoiding(facts.avoid, || rng.next_u64())?.group(|| rng.unit())?;
        let count = group.candidates();
        let host = |slot: u32| group.usable[slot as usize] as usize;
        if count == 1 {
            return Some(host(0));
        }
        let even = group.equal_weights && !set.is_warming(facts.now);
        let slot = match self.policy {
            BalancePolicy::Passthrough => return None,
            BalancePolicy::Random | BalancePolicy::RingHash { .. } | BalancePolicy::Maglev { .. } => {
                rng.below(count)
            }
            BalancePolicy::LeastRequest if even => {
                let (first, second) = (rng.below(count), rng.below(count));
                if load(host(second)) < load(host(first)) { second } else { first }
            }
            BalancePolicy::PeakEwma { .. } => {
                // Two different hosts: one that is drawn twice would be picked however slow it is.
                let first = rng.below(count);
                let second = rng.below(count - 1);
                let second = second + u32::from(second >= first);
                let cost = |slot| load(host(slot)) as f64 / set.weight(host(slot), facts.now);
                if cost(second) < cost(first) { second } else { first }
            }
            BalancePolicy::RoundRobin if even => self.cursor(set, group, rng).rotate(count),
            BalancePolicy::LeastRequest => self.cursor(set, group, rng).scheduled(count, rng, |slot| {
                set.weight(host(slot), facts.now) / (load(host(slot)) as f64 + 1.0)
            }),
            BalancePolicy::RoundRobin => {
                self.cursor(set, group, rng).scheduled(count, rng, |slot| set.weight(host(slot), facts.now))
            }
        };
        Some(host(slot))
    }

    /// The cursor of a group; schedules of another generation are dropped.
    fn cursor(&mut self, set: &HostSet, group: &Group, rng: &mut impl Rng) -> &mut Cursor {
        if self.generation != Some(set.generation) {
            self.generation = Some(set.generation);
            self.cursors.iter_mut().for_each(|cursor| cursor.is_scheduled = false);
            self.cursors.resize_with(set.groups.max(1), || Cursor::new(rng));
        }
        &mut self.cursors[group.id]
    }
}

impl Cursor {
    fn new(rng: &mut impl Rng) -> Self {
        Self { next: rng.below(u32::MAX), schedule: Edf::default(), is_scheduled: false }
    }

    fn rotate(&mut self, count: u32) -> u32 {
        let slot = self.next % count;
        self.next = slot + 1;
        slot
    }

    fn scheduled(&mut self, count: u32, rng: &mut impl Rng, weight: impl Fn(u32) -> f64) -> u32 {
        if !self.is_scheduled {
            self.schedule.rebuild(count, &weight, rng);
            self.is_scheduled = true;
        }
        self.schedule.pick(weight).expect("a schedule of at least two hosts")
    }
}

#[cfg(test)]
mod tests;
