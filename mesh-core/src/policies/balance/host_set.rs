//! The hosts that may be picked (LB-4): hosts in priorities, priorities in groups, groups of candidates.

use std::time::Instant;

use super::priority::{self, Priority};
use super::{AvoidedPriorities, Choice, HostView, SetRules, WarmUp};

/// The hosts of a cluster and which of them are candidates. Immutable; a change makes a new one
/// with another generation.
///
/// ```text
/// HostSet ─ draw by load ─▶ Priority ─ draw by share ─▶ Group ─ the balancer's policy ─▶ host
/// ```
/// One priority with one group, which is what a cluster without locality rules has, costs two
/// comparisons and no draw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostSet {
    /// Differs from that of every other set of the cluster.
    pub generation: u64,
    /// All hosts, in the cluster's order.
    pub hosts: Vec<HostView>,
    /// The priorities, nearest first; also those without load. Empty only without hosts.
    pub priorities: Vec<Priority>,
    /// Whether a priority has so few healthy hosts that all of its hosts are candidates
    /// (`lb_healthy_panic`).
    pub panic: bool,
    /// When the last host will have warmed up; `None` if none had to when the set was built.
    pub warm_at: Option<Instant>,
    /// How hosts warm up.
    pub(super) warm_up: Option<WarmUp>,
    /// Weights of the groups.
    pub(super) shares: Vec<u32>,
    /// The only priority that has load.
    sole: Option<usize>,
    /// How many groups there are, over all priorities.
    pub(super) groups: usize,
}

impl HostSet {
    /// Makes a set of one priority from the weight (0 counts as 1) and health of each host.
    ///
    /// When fewer than `panic_threshold` percent are healthy, and these few cannot carry the whole
    /// load, all hosts are candidates; 0 turns this off. Without candidates a request is answered
    /// `no healthy upstream`.
    ///
    /// # Panics
    /// If the two slices differ in length, or are longer than 2³²−1.
    #[must_use]
    pub fn build(generation: u64, weights: &[u32], healthy: &[bool], panic_threshold: u32) -> Self {
        assert_eq!(weights.len(), healthy.len(), "every host has a weight and a health");
        let view = |(weight, healthy): (&u32, &bool)| HostView::new(*weight, *healthy);
        let hosts = weights.iter().zip(healthy).map(view).collect();
        Self::arrange(generation, hosts, &SetRules { panic_threshold, ..SetRules::default() }, None)
    }

    /// Makes a set: candidates and loads of every priority, by the health of its hosts (LB-13,
    /// LB-14). `now` counts only where hosts warm up.
    ///
    /// # Panics
    /// If there are more than 2³²−1 hosts, or a place names a share that is not there.
    #[must_use]
    pub fn arrange(generation: u64, hosts: Vec<HostView>, rules: &SetRules, now: Option<Instant>) -> Self {
        assert!(u32::try_from(hosts.len()).is_ok(), "more hosts than 32 bits can number");
        let mut priorities = priority::arrange(&hosts, rules);
        let mut groups = 0;
        for group in priorities.iter_mut().flat_map(|priority| &mut priority.groups) {
            group.id = groups;
            groups += 1;
        }
        let mut loaded = (0..priorities.len()).filter(|index| priorities[*index].load > 0);
        let sole = loaded.next().filter(|_| loaded.next().is_none());
        let warm = |host: &HostView| rules.warm_up?.warm_at(host.since?, now?);
        Self {
            generation,
            panic: priorities.iter().any(|priority| priority.panic),
            warm_at: hosts.iter().filter(|host| host.place.is_some()).filter_map(warm).max(),
            warm_up: rules.warm_up,
            shares: rules.shares.clone(),
            sole,
            groups,
            hosts,
            priorities,
        }
    }

    /// The priority that serves a draw of 64 random bits, or the hash of a request: the one in whose
    /// load `draw % 100` falls (LB-13). `None` without hosts.
    pub(super) fn priority(&self, draw: impl FnOnce() -> u64) -> Option<&Priority> {
        let index = match self.sole {
            Some(index) => index,
            None => priority::drawn(self.priorities.iter().map(|priority| priority.load), draw()),
        };
        self.priorities.get(index)
    }

    /// The same without the priorities that `avoid` names, while another one can serve (RT-12).
    pub(super) fn priority_avoiding(
        &self,
        avoid: AvoidedPriorities,
        draw: impl FnOnce() -> u64,
    ) -> Option<&Priority> {
        if avoid.is_empty() {
            return self.priority(draw);
        }
        let health = self.priorities.iter().enumerate();
        let health: Vec<_> =
            health.map(|(index, priority)| if avoid.names(index) { 0 } else { priority.health }).collect();
        match priority::loads(&health) {
            Some(loads) => self.priorities.get(priority::drawn(loads.into_iter(), draw())),
            None => self.priority(draw),
        }
    }

    /// Why the host of this index could be picked.
    #[must_use]
    pub fn choice(&self, index: usize) -> Choice {
        let place = self.hosts.get(index).and_then(|host| host.place).unwrap_or_default();
        let priority = self.priorities.get(place.priority as usize);
        Choice {
            priority: place.priority,
            load: priority.map_or(0, |priority| priority.load),
            panic: priority.is_some_and(|priority| priority.panic),
        }
    }

    /// How many hosts are healthy (`membership_healthy`).
    #[must_use]
    pub fn healthy(&self) -> usize {
        self.hosts.iter().filter(|host| host.healthy && host.place.is_some()).count()
    }

    /// How many hosts there are (`membership_total`), without those that the distribution leaves out.
    #[must_use]
    pub fn members(&self) -> usize {
        self.hosts.iter().filter(|host| host.place.is_some()).count()
    }

    /// Whether a host warms up now.
    pub(super) fn is_warming(&self, now: Option<Instant>) -> bool {
        self.warm_at.is_some_and(|warm| now.is_none_or(|now| now < warm))
    }

    /// The weight of a host now: less than written while it warms up.
    pub(super) fn weight(&self, index: usize, now: Option<Instant>) -> f64 {
        let host = &self.hosts[index];
        let weight = f64::from(host.weight);
        match (self.warm_at, self.warm_up, host.since, now) {
            (Some(_), Some(warm_up), Some(since), Some(now)) => weight * warm_up.factor(since, now),
            _ => weight,
        }
    }
}

#[cfg(test)]
mod tests;
