//! How load is spread over priorities, and over the groups of one (LB-12, LB-13, LB-14).
//!
//! A priority that has lost hosts is credited with 140 % of what is left, so that a few ejections
//! move nothing: at 72 % healthy it still carries all. Below that, the rest goes to the next.
//!
//! Worked example: of the first priority half is healthy, so its health is 140 · 0.5 = 70; the second
//! is whole. 70 % of the requests stay near, 30 % go on.

use std::sync::Arc;

use super::table::PriorityTable;
use super::{HostView, SetRules};

/// How much health over 100 % a host set is credited with.
const OVERPROVISIONING: u64 = 140;

/// Hosts that are equally far away.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Priority {
    /// How many hosts it has, without those that [wait for their first check](HostView::awaited).
    pub total: u32,
    /// How many of them are healthy.
    pub healthy: u32,
    /// The load that it can carry, 0 to 100.
    pub health: u32,
    /// Its share of the requests, 0 to 100; all shares together are 100.
    pub load: u32,
    /// Whether all of its hosts are candidates, for too few are healthy.
    pub panic: bool,
    /// Its candidates, apart by share; none is empty. No groups: no candidates.
    pub groups: Vec<Group>,
    /// Which candidate serves which hash, where the policy goes by hash.
    pub(super) table: Option<Arc<PriorityTable>>,
}

/// Candidates among which the policy picks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// Counts the groups of the set; the key of a balancer's cursor.
    pub id: usize,
    /// Indices of the candidates, rising.
    pub usable: Vec<u32>,
    /// Whether all candidates weigh the same.
    pub equal_weights: bool,
    /// The end of its part of `0.0..1.0`, by share and health.
    upto: f64,
}

impl Priority {
    /// The group that serves a draw from `0.0..1.0`; `None` without candidates.
    #[must_use]
    pub fn group(&self, draw: impl FnOnce() -> f64) -> Option<&Group> {
        match &self.groups[..] {
            [only] => Some(only),
            [.., last] => {
                let draw = draw();
                Some(self.groups.iter().find(|group| draw < group.upto).unwrap_or(last))
            }
            [] => None,
        }
    }
}

impl Group {
    fn new(hosts: &[HostView], usable: Vec<u32>) -> Self {
        let mut weights = usable.iter().map(|index| hosts[*index as usize].weight);
        let first = weights.next();
        let equal_weights = weights.all(|weight| Some(weight) == first);
        Self { id: 0, usable, equal_weights, upto: 1.0 }
    }

    /// How many candidates there are.
    pub(super) fn candidates(&self) -> u32 {
        u32::try_from(self.usable.len()).expect("a host set is numbered in 32 bits")
    }
}

/// The priorities of these hosts.
pub(super) fn arrange(hosts: &[HostView], rules: &SetRules) -> Vec<Priority> {
    let places = || (0_u32..).zip(hosts).filter_map(|(index, host)| Some((index, host, host.place?)));
    let count = places().map(|(.., place)| place.priority as usize + 1).max().unwrap_or_default();
    let mut priorities = vec![Priority::default(); count];
    for (_, host, place) in places() {
        let priority = &mut priorities[place.priority as usize];
        priority.total += u32::from(!host.awaited);
        priority.healthy += u32::from(host.healthy);
    }
    for priority in &mut priorities {
        priority.health = health(priority.healthy, priority.total);
    }
    spread(&mut priorities, rules.panic_threshold);
    let mut members = vec![Vec::new(); count];
    for (index, _, place) in places() {
        members[place.priority as usize].push(index);
    }
    for (priority, members) in priorities.iter_mut().zip(members) {
        priority.groups = groups(hosts, members, priority.panic, &rules.shares);
    }
    priorities
}

fn health(healthy: u32, total: u32) -> u32 {
    let health = (OVERPROVISIONING * u64::from(healthy)).checked_div(u64::from(total)).unwrap_or_default();
    u32::try_from(health.min(100)).expect("at most 100")
}

/// Sets each priority's load, and whether it panics.
fn spread(priorities: &mut [Priority], panic_threshold: u32) {
    let health: Vec<_> = priorities.iter().map(|priority| priority.health).collect();
    let carries_all = health.iter().sum::<u32>() >= 100;
    for priority in priorities.iter_mut() {
        let (healthy, total) = (u64::from(priority.healthy), u64::from(priority.total));
        priority.panic = !carries_all && 100 * healthy < u64::from(panic_threshold) * total;
    }
    let all: u64 = priorities.iter().map(|priority| u64::from(priority.total)).sum();
    let loads = if all > 0 && priorities.iter().all(|p| p.panic || p.total == 0) {
        // Health no longer distinguishes the priorities: by size.
        let part = |priority: &Priority| {
            u32::try_from(100 * u64::from(priority.total) / all).expect("a part of 100")
        };
        let mut loads: Vec<_> = priorities.iter().map(part).collect();
        let first = priorities.iter().position(|priority| priority.total > 0);
        loads[first.expect("there is a host")] += 100 - loads.iter().sum::<u32>();
        Some(loads)
    } else {
        loads(&health)
    };
    match loads {
        Some(loads) => {
            priorities.iter_mut().zip(loads).for_each(|(priority, load)| priority.load = load);
        }
        // No priority is healthy and none panics: the first gets all requests and has no candidate.
        None => priorities.iter_mut().take(1).for_each(|priority| priority.load = 100),
    }
}

/// The load of each priority by its health (LB-13); `None` if none has any. What rounding leaves goes
/// to the first that is healthy.
pub(super) fn loads(health: &[u32]) -> Option<Vec<u32>> {
    let first = health.iter().position(|health| *health > 0)?;
    let total = health.iter().sum::<u32>().min(100);
    let mut rest = 100;
    let mut loads: Vec<_> = health
        .iter()
        .map(|health| {
            let load = rest.min(health * 100 / total);
            rest -= load;
            load
        })
        .collect();
    loads[first] += rest;
    Some(loads)
}

/// The index in whose load `draw % 100` falls.
pub(super) fn drawn(loads: impl Iterator<Item = u32>, draw: u64) -> usize {
    let draw = u32::try_from(draw % 100).expect("below 100");
    let mut upto = 0;
    for (index, load) in loads.enumerate() {
        upto += load;
        if draw < upto {
            return index;
        }
    }
    0
}

/// The groups of a priority: one, or one for each share that has a healthy host.
fn groups(hosts: &[HostView], members: Vec<u32>, panic: bool, shares: &[u32]) -> Vec<Group> {
    let is_healthy = |index: &u32| hosts[*index as usize].healthy;
    if panic || shares.is_empty() {
        let usable: Vec<_> = members.into_iter().filter(|index| panic || is_healthy(index)).collect();
        return if usable.is_empty() { Vec::new() } else { vec![Group::new(hosts, usable)] };
    }
    let mut totals = vec![0_u32; shares.len()];
    let mut usable = vec![Vec::new(); shares.len()];
    for index in members {
        let share = hosts[index as usize].place.map_or(0, |place| place.share as usize);
        totals[share] += u32::from(!hosts[index as usize].awaited);
        if is_healthy(&index) {
            usable[share].push(index);
        }
    }
    let mut groups = Vec::new();
    let mut upto = 0.0;
    for ((total, usable), share) in totals.into_iter().zip(usable).zip(shares) {
        if usable.is_empty() || *share == 0 {
            continue;
        }
        let mut group = Group::new(hosts, usable);
        // A locality that has lost hosts gives of its share to the others, as a priority does.
        let healthy = f64::from(group.candidates()) / f64::from(total);
        upto += f64::from(*share) * (OVERPROVISIONING as f64 / 100.0 * healthy).min(1.0);
        group.upto = upto;
        groups.push(group);
    }
    groups.iter_mut().for_each(|group| group.upto /= upto);
    groups
}
