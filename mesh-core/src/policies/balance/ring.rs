//! Ring hash: every host stands at many points of a ring, a request goes to the next one (LB-7).
//!
//! With a modulo, one host less moves nearly every key. On a ring the keys in front of the points that
//! went away move, `1/n` of them, each to the next point's host. A ring has a least number of points, so
//! that the others get a few more when one goes, and these take keys too: at most as many again. More
//! points make the shares more even: with 1,024 in all and 10 hosts, a share is off by about a tenth.
//!
//! Points and their order are Envoy's: host `10.0.0.1:80` stands at the hashes of `10.0.0.1:80_0`,
//! `10.0.0.1:80_1`, and so on. The lightest host gets a whole number of points. On a ring at the cap it may
//! not; there, as for the other hosts, the fractions are carried on: 4 equal hosts on at most 6 points have
//! 2, 1, 2, 1.
//!
//! # Memory
//! 12 bytes a point, at most [`Ring::MAX_POINTS`]: 100 MB for the largest ring, 12 kB for the default
//! one. It is made once for a set of hosts and shared by all workers; while it is made, as much again.

use std::fmt::Write as _;

use super::Share;
use crate::hash::xx_hash;

/// Hosts by their points on a ring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    /// Where the points are, rising.
    points: Box<[u64]>,
    /// Which host stands there.
    hosts: Box<[u32]>,
}

impl Ring {
    /// Most points that a ring may have.
    pub const MAX_POINTS: u64 = 8_388_608;
    /// How many points it has at least where nothing is written.
    pub const DEFAULT_MINIMUM: u64 = 1_024;

    /// Makes the ring of these hosts, with at least `minimum` points but never more than
    /// [`Ring::MAX_POINTS`], give or take one that floating point makes of fractions.
    #[must_use]
    pub fn build(minimum: u64, hosts: &[Share<'_>]) -> Self {
        Self::build_within(minimum, Self::MAX_POINTS, hosts)
    }

    fn build_within(minimum: u64, maximum: u64, hosts: &[Share<'_>]) -> Self {
        let lightest = hosts.iter().map(|host| host.part).fold(1.0, f64::min);
        let scale = f64::min((lightest * minimum as f64).ceil() / lightest, maximum as f64);
        let mut ring = Vec::with_capacity(if hosts.is_empty() { 0 } else { scale.ceil() as usize });
        let mut name = String::new();
        let (mut made, mut target) = (0.0, 0.0);
        for host in hosts {
            name.clear();
            name.push_str(&host.key);
            name.push('_');
            let stem = name.len();
            target += scale * host.part;
            let mut number = 0_u32;
            while made < target {
                name.truncate(stem);
                write!(name, "{number}").expect("a string takes all");
                ring.push((xx_hash(name.as_bytes(), 0), host.index));
                number += 1;
                made += 1.0;
            }
        }
        ring.sort_by_key(|(point, _)| *point);
        let (points, hosts): (Vec<_>, Vec<_>) = ring.into_iter().unzip();
        Self { points: points.into(), hosts: hosts.into() }
    }

    /// The host at the first point that is not before `hash`, `attempt` points on.
    #[must_use]
    pub fn pick(&self, hash: u64, attempt: u32) -> Option<u32> {
        let count = self.points.len();
        let first = self.points.partition_point(|point| *point < hash);
        self.hosts.get((first + attempt as usize).checked_rem(count)?).copied()
    }
}

#[cfg(test)]
impl Ring {
    /// How many points there are.
    const fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether no host stands on it.
    const fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::share::tests::{equal, keys, moved, shares, without};
    use super::*;

    fn counts(ring: &Ring, hosts: usize) -> Vec<usize> {
        let count = |host| ring.hosts.iter().filter(|stands| **stands as usize == host).count();
        (0..hosts).map(count).collect()
    }

    #[test]
    fn lb_7_points_are_at_the_hashes_of_numbered_names() {
        let ring = Ring::build(3, &shares(&[("10.0.0.1:80", 1)]));
        let mut expected: Vec<_> =
            (0..3).map(|number| xx_hash(format!("10.0.0.1:80_{number}").as_bytes(), 0)).collect();
        expected.sort_unstable();
        assert_eq!(*ring.points, *expected);
    }

    #[test]
    fn lb_7_the_lightest_host_has_a_whole_number_of_points() {
        assert_eq!(counts(&Ring::build(1_024, &equal(3)), 3), [342, 342, 342]);
        let weighted = shares(&[("a", 1), ("b", 2), ("c", 5)]);
        assert_eq!(counts(&Ring::build(1_024, &weighted), 3), [128, 256, 640]);
        // Two hosts of 1/3 and 2/3 and four points: two for the lightest, since 4/3 is not whole.
        assert_eq!(counts(&Ring::build(4, &shares(&[("a", 1), ("b", 2)])), 2), [2, 4]);
    }

    #[test]
    fn lb_7_no_ring_is_larger_than_the_cap() {
        // One point for the lightest of these would make four billion for the other.
        let hosts = shares(&[("a", 1), ("b", 4_000_000_000)]);
        assert_eq!(Ring::build_within(1_024, 5_000, &hosts).len(), 5_000);
        assert_eq!(counts(&Ring::build_within(8, 6, &equal(4)), 4), [2, 1, 2, 1]);
    }

    #[test]
    fn lb_7_a_key_goes_to_the_next_point_and_wraps() {
        let ring = Ring { points: [10, 20, 30].into(), hosts: [7, 8, 9].into() };
        for (hash, host) in [(0, 7), (10, 7), (11, 8), (20, 8), (30, 9), (31, 7), (u64::MAX, 7)] {
            assert_eq!(ring.pick(hash, 0), Some(host), "{hash}");
        }
    }

    #[test]
    fn lb_7_attempt_k_moves_k_points_on() {
        let ring = Ring { points: [10, 20, 30].into(), hosts: [7, 8, 9].into() };
        let picked: Vec<_> = (0..5).map(|attempt| ring.pick(15, attempt).unwrap()).collect();
        assert_eq!(picked, [8, 9, 7, 8, 9]);
        assert_eq!(ring.pick(31, 2), Some(9));
    }

    #[test]
    fn lb_4_a_ring_without_hosts_picks_nobody() {
        let ring = Ring::build(1_024, &[]);
        assert!(ring.is_empty());
        assert_eq!(ring.pick(1, 0), None);
    }

    #[test]
    fn lb_7_a_fallen_point_is_not_kept_for_a_lone_host() {
        assert!(keys(100).all(|key| Ring::build(1, &equal(1)).pick(key, 0) == Some(0)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// One host less moves its own keys, about 1/n; no other while all have as many points as before.
        #[test]
        fn lb_7_one_host_less_moves_its_own_keys(hosts in 2_usize..30, gone: prop::sample::Index) {
            let all = equal(hosts);
            let gone = gone.index(hosts);
            let points = |hosts: &[Share<'_>]| 150 * hosts.len() as u64;
            let rest = without(&all, gone);
            let (before, after) = (Ring::build(points(&all), &all), Ring::build(points(&rest), &rest));
            let gone = u32::try_from(gone).unwrap();
            let moved = moved(20_000, |key| before.pick(key, 0).unwrap(), |key| after.pick(key, 0).unwrap());
            prop_assert!(moved.iter().all(|(from, _)| *from == gone));
            let share = moved.len() as f64 / 20_000.0;
            prop_assert!(share < 1.5 / hosts as f64, "{} of {}", share, hosts);
        }

        /// On a ring of a fixed least size the others get more points, which take as many keys at most.
        #[test]
        fn lb_7_one_host_less_of_a_small_ring_moves_at_most_two_nths(
            hosts in 2_usize..30,
            gone: prop::sample::Index,
        ) {
            let all = equal(hosts);
            let rest = without(&all, gone.index(hosts));
            let (before, after) = (Ring::build(1_024, &all), Ring::build(1_024, &rest));
            let moved = moved(20_000, |key| before.pick(key, 0).unwrap(), |key| after.pick(key, 0).unwrap());
            let share = moved.len() as f64 / 20_000.0;
            // The share of one host is off by about one over the root of its points.
            let uneven = 1.0 + 4.0 / (1_024.0 / hosts as f64).sqrt();
            prop_assert!(share < uneven * 2.0 / hosts as f64, "{} of {}", share, hosts);
        }

        /// Points follow the weights, to one point each.
        #[test]
        fn lb_7_points_are_proportional_to_weights(weights in prop::collection::vec(1_u32..50, 1..12)) {
            let hosts: Vec<_> = weights.iter().map(|weight| ("h", *weight)).collect();
            let ring = Ring::build(1_024, &shares(&hosts));
            let sum = f64::from(weights.iter().sum::<u32>());
            prop_assert!(ring.len() >= 1_024);
            for (count, weight) in counts(&ring, weights.len()).into_iter().zip(&weights) {
                let expected = f64::from(*weight) / sum * ring.len() as f64;
                prop_assert!((count as f64 - expected).abs() <= 2.0, "{} {}", count, expected);
            }
        }
    }
}
