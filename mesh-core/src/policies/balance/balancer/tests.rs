use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::balance::{HostView, Place, SetRules, WarmUp};
use crate::rng::SeededRng;
use crate::tests::ManualClock;

fn equal(hosts: usize) -> HostSet {
    HostSet::build(1, &vec![1; hosts], &vec![true; hosts], 0)
}

fn weighted(weights: &[u32]) -> HostSet {
    HostSet::build(1, weights, &vec![true; weights.len()], 0)
}

/// Picks per host over `picks` picks with the given load.
fn spread(policy: BalancePolicy, set: &HostSet, picks: usize, load: &[u64]) -> Vec<u32> {
    let mut rng = SeededRng::new(17);
    let mut balancer = Balancer::new(policy, &mut rng);
    let mut counts = vec![0; set.hosts.len()];
    for _ in 0..picks {
        counts[balancer.pick(set, &mut rng, |host| load[host]).unwrap()] += 1;
    }
    counts
}

/// Draws the given numbers.
struct Script(Vec<u64>);
impl crate::rng::Rng for Script {
    fn next_u64(&mut self) -> u64 {
        self.0.remove(0)
    }
}

/// A draw that `below(count)` turns into `slot`.
fn draw(slot: u64, count: u64) -> u64 {
    ((slot << 32).div_ceil(count)) << 32
}

const ALL: [BalancePolicy; 6] = [
    BalancePolicy::LeastRequest,
    BalancePolicy::RoundRobin,
    BalancePolicy::Random,
    BalancePolicy::peak_ewma(),
    BalancePolicy::RingHash { minimum: 64 },
    BalancePolicy::Maglev { size: 101 },
];

/// The set with the tables that the policy goes by, as every product has it.
fn tabled(set: HostSet, policy: BalancePolicy) -> HostSet {
    set.hashed(policy, None, |index| format!("10.0.0.{index}:80").into())
}

#[test]
fn lb_4_no_candidates_no_pick() {
    let mut rng = SeededRng::new(1);
    for policy in ALL {
        let mut balancer = Balancer::new(policy, &mut rng);
        assert_eq!(balancer.pick(&HostSet::default(), &mut rng, |_| 0), None);
        let ill = tabled(HostSet::build(2, &[1, 2], &[false, false], 0), policy);
        assert_eq!(balancer.pick(&ill, &mut rng, |_| 0), None);
    }
}

#[test]
fn lb_1_passthrough_picks_nobody() {
    let mut rng = SeededRng::new(1);
    assert_eq!(Balancer::new(BalancePolicy::Passthrough, &mut rng).pick(&equal(1), &mut rng, |_| 0), None);
}

#[test]
fn lb_4_only_candidates_are_picked() {
    let set = HostSet::build(1, &[1, 1, 5, 1, 2], &[true, false, true, false, true], 0);
    for policy in ALL {
        let set = tabled(set.clone(), policy);
        let counts = spread(policy, &set, 1_000, &[0; 5]);
        assert_eq!((counts[1], counts[3]), (0, 0), "{policy:?}");
        assert!(counts[0] > 0 && counts[2] > 0 && counts[4] > 0, "{policy:?}");
    }
}

#[test]
fn lb_2_two_draws_with_replacement_ties_to_the_first() {
    let set = equal(4);
    let load = [3, 1, 1, 0];
    for (first, second, expected) in [(0, 1, 1), (1, 0, 1), (1, 2, 1), (2, 1, 2), (0, 0, 0), (0, 3, 3)] {
        let mut rng = Script(vec![0, draw(first, 4), draw(second, 4)]);
        let mut balancer = Balancer::new(BalancePolicy::LeastRequest, &mut rng);
        let picked = balancer.pick(&set, &mut rng, |host| load[host]);
        assert_eq!(picked, Some(expected), "{first} {second}");
    }
}

#[test]
fn lb_2_a_busy_host_gets_what_replacement_leaves_it() {
    // The busiest of four is picked only if both draws hit it: 1 in 16.
    let counts = spread(BalancePolicy::LeastRequest, &equal(4), 16_000, &[9, 0, 0, 0]);
    assert!((850..1_150).contains(&counts[0]), "{counts:?}");
}

#[test]
fn lb_2_unequal_weights_count_active_requests() {
    // Weight 4 with 3 requests under way is worth as much as weight 1 idle.
    let counts = spread(BalancePolicy::LeastRequest, &weighted(&[4, 1]), 1_000, &[3, 0]);
    assert!((499..=501).contains(&counts[0]), "{counts:?}");
    let counts = spread(BalancePolicy::LeastRequest, &weighted(&[4, 1]), 1_000, &[0, 0]);
    assert!((799..=801).contains(&counts[0]), "{counts:?}");
}

#[test]
fn lb_15_lb_2_lb_3_a_warming_host_gets_its_part_by_weight() {
    let start = ManualClock::default().now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let host = |since| HostView { since: Some(at(since)), ..HostView::new(1, true) };
    let rules = SetRules { warm_up: Some(WarmUp::new(Duration::from_secs(100))), ..SetRules::default() };
    let set = HostSet::arrange(1, vec![host(0), host(100)], &rules, Some(at(125)));
    let facts = PickFacts { now: Some(at(125)), ..PickFacts::default() };
    for policy in [BalancePolicy::LeastRequest, BalancePolicy::RoundRobin] {
        let mut rng = SeededRng::new(17);
        let mut balancer = Balancer::new(policy, &mut rng);
        let second = (0..1_000)
            .filter(|_| balancer.pick_for(&set, &mut rng, &facts, |_| 0, |_| false) == Some(1))
            .count();
        assert!((199..=201).contains(&second), "{policy:?}: {second}");
        // Warm at last: the same set, the same host, its full part.
        let warm = PickFacts { now: Some(at(200)), ..PickFacts::default() };
        let second = (0..1_000)
            .filter(|_| balancer.pick_for(&set, &mut rng, &warm, |_| 0, |_| false) == Some(1))
            .count();
        assert!((440..=560).contains(&second), "{policy:?}: {second}");
    }
}

#[test]
fn rt_12_a_pick_may_go_past_priorities() {
    let host = |priority| HostView { place: Some(Place { priority, share: 0 }), ..HostView::new(1, true) };
    let set = HostSet::arrange(1, vec![host(0), host(1)], &SetRules::default(), None);
    let mut rng = SeededRng::new(1);
    for policy in ALL {
        let set = tabled(set.clone(), policy);
        let mut balancer = Balancer::new(policy, &mut rng);
        assert_eq!(balancer.pick(&set, &mut rng, |_| 0), Some(0));
        let facts =
            PickFacts { avoid: AvoidedPriorities::after(&set.priorities, [0, 0]), ..PickFacts::default() };
        assert_eq!(balancer.pick_for(&set, &mut rng, &facts, |_| 0, |_| false), Some(1));
    }
}

#[test]
fn lb_3_rotation_starts_anywhere() {
    let set = equal(8);
    let mut starts = [0_u32; 8];
    for seed in 0..800 {
        let mut rng = SeededRng::new(seed);
        starts[Balancer::new(BalancePolicy::RoundRobin, &mut rng).pick(&set, &mut rng, |_| 0).unwrap()] += 1;
    }
    assert!(starts.iter().all(|count| (60..140).contains(count)), "{starts:?}");
}

#[test]
fn lb_3_equal_hosts_take_turns_in_their_order() {
    let mut rng = SeededRng::new(3);
    let mut balancer = Balancer::new(BalancePolicy::RoundRobin, &mut rng);
    let set = equal(7);
    let picks: Vec<_> = (0..21).map(|_| balancer.pick(&set, &mut rng, |_| 0).unwrap()).collect();
    assert!(picks.windows(2).all(|pair| pair[1] == (pair[0] + 1) % 7), "{picks:?}");
}

#[test]
fn lb_7_lb_8_without_a_table_chance_decides_and_a_table_is_for_those_who_hash() {
    for policy in [BalancePolicy::RingHash { minimum: 64 }, BalancePolicy::Maglev { size: 101 }] {
        let counts = spread(policy, &equal(4), 4_000, &[0; 4]);
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{policy:?}: {counts:?}");
        // A balancer that draws ignores the table that the set has for others.
        let counts = spread(BalancePolicy::RoundRobin, &tabled(equal(4), policy), 4_000, &[0; 4]);
        assert_eq!(counts, [1_000; 4], "{policy:?}");
    }
}

#[test]
fn lb_3_random_ignores_weights() {
    let counts = spread(BalancePolicy::Random, &weighted(&[100, 1]), 10_000, &[0, 0]);
    assert!((4_800..5_200).contains(&counts[0]), "{counts:?}");
}

#[test]
fn a_new_generation_is_picked_from_at_once() {
    let mut rng = SeededRng::new(5);
    let mut balancer = Balancer::new(BalancePolicy::RoundRobin, &mut rng);
    let before = weighted(&[1, 2, 3]);
    for _ in 0..10 {
        let _ = balancer.pick(&before, &mut rng, |_| 0);
    }
    let after = HostSet::build(2, &[1, 2, 3, 4], &[false, false, true, true], 0);
    for _ in 0..100 {
        assert!(balancer.pick(&after, &mut rng, |_| 0).unwrap() >= 2);
    }
}

#[test]
fn rt_12_tried_hosts_are_avoided_a_few_times() {
    let mut rng = SeededRng::new(5);
    let mut balancer = Balancer::new(BalancePolicy::RoundRobin, &mut rng);
    let set = equal(3);
    let facts = PickFacts { redraws: 5, ..PickFacts::default() };
    for _ in 0..30 {
        let picked = balancer.pick_for(&set, &mut rng, &facts, |_| 0, |host| host != 2);
        assert_eq!(picked, Some(2));
    }
    let asked = std::cell::Cell::new(0);
    let poor = |_| {
        asked.set(asked.get() + 1);
        true
    };
    let anyway = balancer.pick_for(&set, &mut rng, &facts, |_| 0, poor);
    assert!(anyway.is_some(), "all tried: one is used again");
    assert_eq!(asked.get(), 5);
    let _ = balancer.pick_for(&set, &mut rng, &PickFacts::default(), |_| 0, poor);
    assert_eq!(asked.get(), 5, "nobody asks for another one");
}

proptest! {
    #[test]
    fn lb_3_rotation_is_fair(hosts in 1_usize..40, picks in 1_usize..500, seed: u64) {
        let mut rng = SeededRng::new(seed);
        let mut balancer = Balancer::new(BalancePolicy::RoundRobin, &mut rng);
        let set = equal(hosts);
        let mut counts = vec![0_usize; hosts];
        for _ in 0..picks {
            counts[balancer.pick(&set, &mut rng, |_| 0).unwrap()] += 1;
        }
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        prop_assert!(most - least <= 1, "{counts:?}");
    }

    #[test]
    fn a_pick_is_always_a_candidate(
        hosts in prop::collection::vec((0_u32..5, any::<bool>()), 0..20),
        threshold in 0_u32..=100,
        seed: u64,
    ) {
        let (weights, healthy): (Vec<_>, Vec<_>) = hosts.into_iter().unzip();
        let set = HostSet::build(seed, &weights, &healthy, threshold);
        for policy in ALL {
            let set = tabled(set.clone(), policy);
            let mut rng = SeededRng::new(seed);
            let mut balancer = Balancer::new(policy, &mut rng);
            for _ in 0..20 {
                match balancer.pick(&set, &mut rng, |host| host as u64) {
                    Some(host) => prop_assert!(set.panic || set.hosts[host].healthy),
                    None => prop_assert!(set.priorities.iter().all(|priority| priority.groups.is_empty())),
                }
            }
        }
    }

    /// Requests that never end: no host runs away from the others.
    #[test]
    fn lb_2_least_request_bounds_the_longest_queue(seed: u64) {
        let mut rng = SeededRng::new(seed);
        let mut balancer = Balancer::new(BalancePolicy::LeastRequest, &mut rng);
        let set = equal(32);
        let mut active = vec![0_u64; 32];
        for _ in 0..32 * 50 {
            let host = balancer.pick(&set, &mut rng, |host| active[host]).unwrap();
            active[host] += 1;
        }
        // Two choices: the longest is above the mean by about log2 log2 n, not by sqrt(mean · log n).
        prop_assert!(*active.iter().max().unwrap() <= 50 + 8, "{active:?}");
    }
}
