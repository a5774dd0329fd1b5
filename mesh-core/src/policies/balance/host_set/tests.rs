use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::balance::Place;
use crate::tests::ManualClock;

fn set(healthy: &[bool], panic_threshold: u32) -> HostSet {
    HostSet::build(1, &vec![1; healthy.len()], healthy, panic_threshold)
}

/// The candidates of a set of one group.
fn usable(set: &HostSet) -> &[u32] {
    match set.priority(|| 0).and_then(|priority| priority.group(|| 0.0)) {
        Some(group) => &group.usable,
        None => &[],
    }
}

#[test]
fn lb_4_candidates_are_the_healthy() {
    let set = set(&[true, false, true], 0);
    assert_eq!((usable(&set), set.panic, set.healthy()), ([0, 2].as_slice(), false, 2));
}

#[test]
fn lb_14_without_a_threshold_nobody_healthy_means_nobody() {
    assert!(usable(&set(&[false, false], 0)).is_empty());
    assert!(usable(&set(&[], 50)).is_empty());
    assert!(!set(&[], 50).panic);
}

#[test]
fn lb_14_panic_uses_all() {
    let low = set(&[true, false, false], 50);
    assert!(low.panic);
    assert_eq!(usable(&low), [0, 1, 2]);
    let at_threshold = set(&[true, false], 50);
    assert!(!at_threshold.panic);
    assert_eq!(usable(&at_threshold), [0]);
    assert!(set(&[false, false], 1).panic);
}

#[test]
fn lb_14_no_panic_while_the_healthy_carry_all() {
    // Three of four: 140 · 3/4 ≥ 100, so even a threshold of 80 % is not looked at.
    assert!(!set(&[true, true, true, false], 80).panic);
    assert!(set(&[true, true, false, false], 80).panic);
}

#[test]
fn equal_weights_are_those_of_the_candidates() {
    let equal = |weights: &[u32], healthy: &[bool]| {
        HostSet::build(1, weights, healthy, 0).priorities[0].groups[0].equal_weights
    };
    assert!(equal(&[2, 2, 7], &[true, true, false]));
    assert!(!equal(&[2, 2, 7], &[true, true, true]));
    assert!(equal(&[0, 1], &[true, true]));
}

#[test]
fn one_whole_priority_draws_nothing() {
    let set = set(&[true; 3], 50);
    let priority = set.priority(|| panic!("no draw is needed")).unwrap();
    assert_eq!(priority.group(|| panic!("nor here")).unwrap().usable, [0, 1, 2]);
}

/// Hosts by priority: for each, whether its hosts are healthy.
fn layered(priorities: &[&[bool]], panic_threshold: u32) -> HostSet {
    let place = |priority: usize| Place { priority: u32::try_from(priority).unwrap(), share: 0 };
    let hosts = priorities.iter().enumerate().flat_map(|(priority, healthy)| {
        healthy
            .iter()
            .map(move |healthy| HostView { place: Some(place(priority)), ..HostView::new(1, *healthy) })
    });
    HostSet::arrange(1, hosts.collect(), &SetRules { panic_threshold, ..SetRules::default() }, None)
}

fn loads(set: &HostSet) -> Vec<u32> {
    set.priorities.iter().map(|priority| priority.load).collect()
}

const ON: bool = true;
const OFF: bool = false;

#[test]
fn lb_13_half_of_the_first_keeps_seventy_percent() {
    let set = layered(&[&[ON, OFF], &[ON, ON]], 0);
    assert_eq!(loads(&set), [70, 30]);
    let share = (0..100).filter(|draw| set.priority(|| *draw).unwrap() == &set.priorities[1]).count();
    assert_eq!(share, 30);
}

#[test]
fn lb_13_what_is_lost_is_shared_by_health() {
    // 35 and 35 of 70: half each. 0 and 46: all to the second.
    assert_eq!(loads(&layered(&[&[ON, OFF, OFF, OFF], &[ON, OFF, OFF, OFF]], 0)), [50, 50]);
    assert_eq!(loads(&layered(&[&[OFF, OFF], &[ON, OFF, OFF]], 0)), [0, 100]);
    assert_eq!(loads(&layered(&[&[OFF], &[OFF]], 0)), [100, 0]);
    // 46 + 46 + 46 is over 100, so the third gets what is left.
    assert_eq!(loads(&layered(&[&[ON, OFF, OFF], &[ON, OFF, OFF], &[ON, OFF, OFF]], 0)), [46, 46, 8]);
}

/// Ten hosts, of which so many are well, and twenty that were not checked yet.
fn scaled_up(well: usize, panic_threshold: u32) -> HostSet {
    let known = (0..10).map(|index| HostView::new(1, index < well));
    let new = (0..20).map(|_| HostView { awaited: true, ..HostView::new(1, false) });
    let far =
        (0..3).map(|_| HostView { place: Some(Place { priority: 1, share: 0 }), ..HostView::new(1, true) });
    let rules = SetRules { panic_threshold, ..SetRules::default() };
    HostSet::arrange(1, known.chain(new).chain(far).collect(), &rules, None)
}

#[test]
fn lb_13_hosts_that_nobody_has_asked_yet_move_no_load() {
    let set = scaled_up(10, 50);
    assert_eq!((loads(&set), set.panic), (vec![100, 0], false));
    assert_eq!(set.priorities[0].groups[0].usable.len(), 10, "nor do they serve");
    assert_eq!((set.members(), set.healthy()), (33, 13), "but they are members");
    assert_eq!(loads(&scaled_up(5, 0)), [70, 30], "the others count as ever");
}

#[test]
fn lb_14_panic_counts_without_those_that_nobody_has_asked_yet_and_then_uses_them_too() {
    let at = |well| {
        let hosts = (0..10).map(|index| HostView::new(1, index < well));
        let new = (0..20).map(|_| HostView { awaited: true, ..HostView::new(1, false) });
        let rules = SetRules { panic_threshold: 50, ..SetRules::default() };
        HostSet::arrange(1, hosts.chain(new).collect(), &rules, None)
    };
    assert!(!at(5).panic);
    let panics = at(4);
    assert_eq!((panics.panic, usable(&panics).len()), (true, 30));
}

#[test]
fn lb_12_a_locality_gives_nothing_of_its_share_for_hosts_that_nobody_has_asked_yet() {
    let host = |share, healthy, awaited| HostView {
        place: Some(Place { priority: 0, share }),
        awaited,
        ..HostView::new(1, healthy)
    };
    let hosts = vec![host(0, true, false), host(0, false, true), host(0, false, true), host(1, true, false)];
    let rules = SetRules { shares: vec![80, 20], ..SetRules::default() };
    let parts = parts(&HostSet::arrange(1, hosts, &rules, None));
    assert!((parts[0] - 0.8).abs() < 0.002, "{parts:?}");
    // No host at all: none can serve, and there is nothing to divide by.
    let awaited = HostView { awaited: true, ..HostView::new(1, false) };
    let rules = SetRules { panic_threshold: 50, ..SetRules::default() };
    assert!(usable(&HostSet::arrange(1, vec![awaited], &rules, None)).is_empty());
}

#[test]
fn lb_14_only_the_priority_below_the_threshold_panics() {
    // Healths 28 and 56 of 84; the first is at 20 % and panics under a threshold of 30.
    let set = layered(&[&[ON, OFF, OFF, OFF, OFF], &[ON, ON, OFF, OFF, OFF]], 30);
    let panics: Vec<_> = set.priorities.iter().map(|priority| priority.panic).collect();
    assert_eq!((panics, loads(&set), set.panic), (vec![ON, OFF], vec![34, 66], true));
    let usable = |index: usize| set.priorities[index].groups[0].usable.len();
    assert_eq!((usable(0), usable(1)), (5, 2));
}

#[test]
fn lb_14_when_all_panic_load_goes_by_size() {
    let set = layered(&[&[OFF], &[OFF, OFF]], 50);
    assert_eq!(loads(&set), [34, 66]);
}

#[test]
fn rt_12_remote_localities_are_next_after_two_attempts() {
    let set = layered(&[&[ON, ON], &[ON], &[ON]], 0);
    let next = |attempts: &[u32]| {
        let avoid = AvoidedPriorities::after(&set.priorities, attempts.iter().copied());
        let priority = set.priority_avoiding(avoid, || 99).unwrap();
        set.priorities.iter().position(|known| std::ptr::eq(known, priority)).unwrap()
    };
    assert_eq!([next(&[]), next(&[0]), next(&[0, 0]), next(&[0, 0, 1])], [0, 0, 1, 1]);
    assert_eq!(next(&[0, 0, 1, 1]), 2);
    assert_eq!(next(&[0, 0, 1, 1, 2, 2]), 0, "all tried: it starts over");
    let mut avoid = AvoidedPriorities::default();
    for attempt in 0..30 {
        let priority = set.priority_avoiding(avoid, || 99).unwrap();
        let priority = set.priorities.iter().position(|known| std::ptr::eq(known, priority)).unwrap();
        assert_eq!(priority, attempt / 2 % 3, "attempt {attempt}");
        avoid.attempted(&set.priorities, u32::try_from(priority).unwrap());
    }
    let alone = layered(&[&[ON], &[OFF]], 0);
    assert_eq!(
        AvoidedPriorities::after(&alone.priorities, [0, 0]),
        AvoidedPriorities::default(),
        "nobody else can serve"
    );
}

/// Hosts by share, all of one priority.
fn shared(shares: &[(u32, &[bool])], panic_threshold: u32) -> HostSet {
    let hosts = shares.iter().enumerate().flat_map(|(share, (_, healthy))| {
        let place = Place { priority: 0, share: u32::try_from(share).unwrap() };
        healthy.iter().map(move |healthy| HostView { place: Some(place), ..HostView::new(1, *healthy) })
    });
    let shares = shares.iter().map(|(share, _)| *share).collect();
    HostSet::arrange(1, hosts.collect(), &SetRules { panic_threshold, shares, warm_up: None }, None)
}

/// Which part of the draws goes to each group of the first priority, also to one that no draw met.
fn parts(set: &HostSet) -> Vec<f64> {
    let mut parts = vec![0.0; set.priorities[0].groups.len()];
    for draw in 0..1_000 {
        let group = set.priorities[0].group(|| f64::from(draw) / 1_000.0).unwrap();
        parts[group.id] += 0.001;
    }
    parts
}

#[test]
fn lb_12_groups_get_their_share_whatever_their_size() {
    let set = shared(&[(80, &[ON]), (20, &[ON, ON, ON])], 0);
    let parts = parts(&set);
    assert!((parts[0] - 0.8).abs() < 0.002 && (parts[1] - 0.2).abs() < 0.002, "{parts:?}");
}

#[test]
fn lb_12_a_group_that_lost_hosts_gives_of_its_share() {
    // 80 · 0.7 and 20: 56 of 76.
    let parts = parts(&shared(&[(80, &[ON, OFF]), (20, &[ON])], 0));
    assert!((parts[0] - 56.0 / 76.0).abs() < 0.002, "{parts:?}");
    assert_eq!(self::parts(&shared(&[(80, &[OFF]), (20, &[ON])], 0)).len(), 1);
}

#[test]
fn lb_12_a_part_may_be_too_small_to_be_drawn() {
    check_parts(&[(27, 1, 1), (1, 18, 1), (83, 1, 1)]).unwrap();
}

/// LB-12's formula, over localities of so much share, so many hosts and so many healthy ones.
fn check_parts(shares: &[(u32, usize, usize)]) -> Result<(), TestCaseError> {
    let groups: Vec<_> = shares
        .iter()
        .map(|(share, total, healthy)| {
            (*share, (0..*total).map(|index| index < *healthy).collect::<Vec<_>>())
        })
        .collect();
    let set = shared(&groups.iter().map(|(share, hosts)| (*share, &hosts[..])).collect::<Vec<_>>(), 0);
    let effective: Vec<_> = groups
        .iter()
        .map(|(share, hosts)| {
            let healthy = hosts.iter().filter(|healthy| **healthy).count() as f64;
            f64::from(*share) * (1.4 * healthy / hosts.len() as f64).min(1.0)
        })
        .filter(|weight| *weight > 0.0)
        .collect();
    let sum: f64 = effective.iter().sum();
    prop_assert_eq!(set.priorities[0].groups.len(), effective.len());
    if effective.is_empty() {
        return Ok(());
    }
    let parts = parts(&set);
    prop_assert_eq!(parts.len(), effective.len());
    for (part, weight) in parts.into_iter().zip(&effective) {
        prop_assert!((part - weight / sum).abs() < 0.002, "{} {}", part, weight / sum);
    }
    Ok(())
}

#[test]
fn lb_14_panic_does_not_look_at_shares() {
    let set = shared(&[(80, &[OFF]), (20, &[OFF, OFF])], 50);
    assert_eq!(usable(&set), [0, 1, 2]);
}

#[test]
fn lb_12_hosts_without_a_place_are_no_members() {
    let out = HostView { place: None, ..HostView::new(1, true) };
    let set = HostSet::arrange(1, vec![out, HostView::new(1, false)], &SetRules::default(), None);
    assert_eq!((set.members(), set.healthy(), usable(&set).len()), (1, 0, 0));
}

#[test]
fn lb_15_a_set_knows_when_it_is_warm() {
    let start = ManualClock::default().now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let host = |since| HostView { since: Some(at(since)), ..HostView::new(4, true) };
    let rules = SetRules { warm_up: Some(WarmUp::new(Duration::from_secs(10))), ..SetRules::default() };
    let set = HostSet::arrange(1, vec![host(0), host(6)], &rules, Some(at(12)));
    assert_eq!(set.warm_at, Some(at(16)));
    assert!(set.is_warming(Some(at(15))) && !set.is_warming(Some(at(16))));
    assert_eq!((set.weight(0, Some(at(12))), set.weight(1, Some(at(11)))), (4.0, 2.0));
    assert_eq!(HostSet::arrange(1, vec![host(0)], &rules, Some(at(10))).warm_at, None);
}

proptest! {
    /// LB-13's formula, in rational numbers: what integers round off is less than the number of
    /// priorities.
    #[test]
    fn lb_13_loads_follow_the_formula(hosts in prop::collection::vec((1_u32..40, 0_u32..40), 1..6)) {
        let hosts: Vec<_> = hosts.into_iter().map(|(total, healthy)| (total, healthy.min(total))).collect();
        let layers: Vec<Vec<bool>> =
            hosts.iter().map(|(total, healthy)| (0..*total).map(|index| index < *healthy).collect()).collect();
        let set = layered(&layers.iter().map(Vec::as_slice).collect::<Vec<_>>(), 0);
        let loads = loads(&set);
        prop_assert_eq!(loads.iter().sum::<u32>(), 100);
        let health = |(total, healthy): &(u32, u32)| (1.4 * f64::from(*healthy) / f64::from(*total)).min(1.0);
        let sum = hosts.iter().map(health).sum::<f64>().min(1.0);
        if sum < 0.05 {
            return Ok(());
        }
        let mut rest = 1.0;
        for (host, load) in hosts.iter().zip(loads) {
            let expected = f64::min(rest, health(host) / sum);
            rest -= expected;
            let slack = hosts.len() as f64 * (0.01 / sum + 0.01);
            prop_assert!((f64::from(load) / 100.0 - expected).abs() <= slack, "{} {}", load, expected);
        }
    }

    /// A priority that can carry all keeps all, however ill the others are.
    #[test]
    fn lb_13_a_first_priority_of_72_percent_keeps_all(total in 1_u32..100, ill in 0_u32..28) {
        let ill = total * ill / 100;
        let first: Vec<_> = (0..total).map(|index| index >= ill).collect();
        let set = layered(&[&first, &[OFF, ON]], 50);
        prop_assert_eq!(loads(&set), [100, 0]);
    }

    #[test]
    fn lb_12_parts_follow_the_formula(
        shares in prop::collection::vec((1_u32..=100, 1_usize..20, 0_usize..20), 1..6),
    ) {
        check_parts(&shares)?;
    }
}
