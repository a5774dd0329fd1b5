//! Picks by hash from a [`HostSet`]: a table for each priority.
//!
//! Shares of localities fold into the weights of their hosts (LB-12): a table is of all candidates of its
//! priority. A locality that has lost hosts keeps its whole share here, as in Envoy, and all localities
//! do in panic: the fewer keys move, the better.

use std::borrow::Cow;
use std::sync::Arc;

use super::table::PriorityTable;
use super::{AvoidedPriorities, BalancePolicy, HashTable, HostSet, Share};

/// The members of a share while parts are found.
#[derive(Clone, Debug, Default)]
struct Members {
    /// Whether there is one, be it a candidate or not.
    any: bool,
    /// The sum of the candidates' weights.
    weight: f64,
    candidates: Vec<(u32, u32)>,
}

impl HostSet {
    /// The same set with the tables that `policy` asks for, one for each priority; `key` gives the text that a host
    /// [is hashed by](super::host_key). A policy that does not balance by hash changes nothing.
    ///
    /// `before` is an earlier set of the same policy, and of hosts with the same keys in the same order: of
    /// a priority whose candidates and weights are as they were then, the table is kept. A large one takes
    /// milliseconds to make.
    #[must_use]
    pub fn hashed<'a>(
        mut self,
        policy: BalancePolicy,
        before: Option<&Self>,
        key: impl Fn(usize) -> Cow<'a, str>,
    ) -> Self {
        if policy.is_hash() {
            for number in 0..self.priorities.len() {
                let parts = self.parts(number);
                let known = before.and_then(|before| before.priorities.get(number)?.table.as_ref());
                self.priorities[number].table = match known.filter(|table| table.parts == parts) {
                    Some(table) => Some(table.clone()),
                    None => {
                        let host =
                            |&(index, part): &(u32, f64)| Share { index, key: key(index as usize), part };
                        let hosts: Vec<_> = parts.iter().map(host).collect();
                        HashTable::build(policy, &hosts).map(|hosts| Arc::new(PriorityTable { parts, hosts }))
                    }
                };
            }
        }
        self
    }

    /// The candidates of a priority, each with its part of the weight, by share. Multiplied and divided in
    /// Envoy's order: the last bit may decide about a point of the ring.
    fn parts(&self, number: usize) -> Vec<(u32, f64)> {
        let priority = &self.priorities[number];
        let mut shares = vec![Members::default(); self.shares.len().max(1)];
        for (index, host) in (0_u32..).zip(&self.hosts) {
            let Some(place) = host.place.filter(|place| place.priority as usize == number) else { continue };
            let share = if self.shares.is_empty() { 0 } else { place.share as usize };
            let members = &mut shares[share];
            members.any = true;
            if priority.panic || host.healthy {
                members.weight += f64::from(host.weight);
                members.candidates.push((index, host.weight));
            }
        }
        let share = |number: usize| self.shares.get(number).map_or(1.0, |share| f64::from(*share));
        let here = || shares.iter().enumerate().filter(|(_, members)| members.any);
        let whole: f64 = here().map(|(number, _)| share(number)).sum();
        let parts = here().filter(|(number, _)| share(*number) > 0.0).flat_map(|(number, members)| {
            let of_share = share(number) / whole;
            let part = move |weight: u32| f64::from(weight) * of_share / members.weight;
            members.candidates.iter().map(move |(index, weight)| (*index, part(*weight)))
        });
        parts.collect()
    }

    /// Whether picks go by a table.
    #[must_use]
    pub fn is_hashed(&self) -> bool {
        self.priorities.first().is_some_and(|priority| priority.table.is_some())
    }

    /// Picks the host of `hash`, which also chooses the priority: an index into [`HostSet::hosts`]. While
    /// that host is `poor`, asks again up to `attempts` times, each time a step further, then takes what
    /// it gets (RT-12).
    #[must_use]
    pub fn pick_hashed(
        &self,
        hash: u64,
        avoid: AvoidedPriorities,
        poor: impl Fn(usize) -> bool,
        attempts: u32,
    ) -> Option<usize> {
        let table = &self.priority_avoiding(avoid, || hash)?.table.as_ref()?.hosts;
        let mut picked = table.pick(hash, 0)? as usize;
        for attempt in 1..=attempts {
            if !poor(picked) {
                break;
            }
            picked = table.pick(hash, attempt)? as usize;
        }
        Some(picked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::{HostView, Place, SetRules};

    const RING: BalancePolicy = BalancePolicy::RingHash { minimum: 1_024 };

    fn host(place: (u32, u32), weight: u32, healthy: bool) -> HostView {
        let (priority, share) = place;
        HostView { place: Some(Place { priority, share }), ..HostView::new(weight, healthy) }
    }

    fn set(hosts: Vec<HostView>, shares: &[u32], panic_threshold: u32) -> HostSet {
        let rules = SetRules { panic_threshold, shares: shares.to_vec(), ..SetRules::default() };
        HostSet::arrange(1, hosts, &rules, None).hashed(RING, None, key)
    }

    fn key(index: usize) -> Cow<'static, str> {
        index.to_string().into()
    }

    /// The hosts that are picked over many hashes.
    fn met(set: &HostSet) -> Vec<usize> {
        let picks = crate::balance::share::tests::keys(3_000)
            .filter_map(|hash| set.pick_hashed(hash, AvoidedPriorities::default(), |_| false, 0));
        let mut met: Vec<_> = picks.collect();
        met.sort_unstable();
        met.dedup();
        met
    }

    #[test]
    fn lb_12_shares_fold_into_weights() {
        let hosts = || vec![host((0, 0), 1, true), host((0, 0), 3, true), host((0, 1), 1, true)];
        assert_eq!(set(hosts(), &[80, 20], 0).parts(0), [(0, 0.8 / 4.0), (1, 3.0 * 0.8 / 4.0), (2, 0.2)]);
        assert_eq!(set(hosts(), &[], 0).parts(0), [(0, 0.2), (1, 0.6), (2, 0.2)]);
        // A locality that lost its host keeps its share, and a share of 0 has no host.
        let lost = vec![host((0, 0), 1, true), host((0, 1), 1, false), host((0, 2), 1, true)];
        assert_eq!(set(lost, &[60, 40, 0], 0).parts(0), [(0, 0.6)]);
    }

    #[test]
    fn lb_13_each_priority_has_a_table_and_the_hash_chooses_it() {
        let hosts = vec![host((0, 0), 1, true), host((1, 0), 1, true), host((0, 0), 1, false)];
        // Half of the first is healthy: 70 and 30 percent.
        let set = set(hosts, &[], 0);
        assert_eq!(met(&set), [0, 1]);
        let near = |hash| set.pick_hashed(hash, AvoidedPriorities::default(), |_| false, 0) == Some(0);
        assert!((0..70).all(near) && !(70..100).any(near) && near(100));
        let avoiding = AvoidedPriorities::after(&set.priorities, [0, 0]);
        assert!((0..100).all(|hash| set.pick_hashed(hash, avoiding, |_| false, 0) == Some(1)));
    }

    #[test]
    fn lb_7_a_priority_whose_hosts_are_as_before_keeps_its_table() {
        let hosts = |healthy: [bool; 4], weight: u32| {
            let places = [(0, 0), (0, 0), (1, 0), (1, 0)];
            let hosts = places.into_iter().zip(healthy).zip([1, 1, 1, weight]);
            hosts.map(|((place, healthy), weight)| host(place, weight, healthy)).collect::<Vec<_>>()
        };
        let next = |hosts: Vec<HostView>, before: &HostSet| {
            let made = HostSet::arrange(2, hosts.clone(), &SetRules::default(), None);
            let made = made.hashed(RING, Some(before), key);
            let anew = HostSet::arrange(2, hosts, &SetRules::default(), None).hashed(RING, None, key);
            assert_eq!(made, anew);
            let table = |set: &HostSet, number: usize| set.priorities[number].table.clone().unwrap();
            let kept = [0, 1].map(|number| Arc::ptr_eq(&table(&made, number), &table(before, number)));
            (made, kept)
        };
        let whole = set(hosts([true; 4], 1), &[], 0);
        let (ejected, kept) = next(hosts([false, true, true, true], 1), &whole);
        assert_eq!(kept, [false, true]);
        assert_eq!(next(hosts([false, true, true, true], 1), &ejected).1, [true, true]);
        assert_eq!(next(hosts([true; 4], 1), &ejected).1, [false, true]);
        assert_eq!(next(hosts([true; 4], 2), &whole).1, [true, false], "another weight");
    }

    #[test]
    fn lb_14_in_panic_the_table_is_of_all_hosts() {
        let hosts = || vec![host((0, 0), 1, true), host((0, 0), 1, false), host((0, 0), 1, false)];
        assert_eq!(met(&set(hosts(), &[], 50)), [0, 1, 2]);
        assert_eq!(met(&set(hosts(), &[], 0)), [0]);
        let nobody = vec![host((0, 0), 1, false)];
        assert_eq!(set(nobody, &[], 0).pick_hashed(1, AvoidedPriorities::default(), |_| false, 0), None);
    }

    #[test]
    fn rt_12_a_poor_host_is_passed_by_as_often_as_allowed() {
        let set = set((0..10).map(|_| host((0, 0), 1, true)).collect(), &[], 0);
        let HashTable::Ring(ring) = &set.priorities[0].table.as_ref().unwrap().hosts else {
            panic!("a ring")
        };
        let home = ring.pick(42, 0).unwrap() as usize;
        let pick = |attempts| {
            set.pick_hashed(42, AvoidedPriorities::default(), |host| host == home, attempts).unwrap()
        };
        assert_eq!(pick(0), home);
        let away = (1..).find_map(|attempt| ring.pick(42, attempt).filter(|host| *host as usize != home));
        assert_eq!(pick(100), away.unwrap() as usize);
        let all_poor = set.pick_hashed(42, AvoidedPriorities::default(), |_| true, 3);
        assert_eq!(all_poor, ring.pick(42, 3).map(|host| host as usize));
    }
}
