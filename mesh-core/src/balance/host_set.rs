//! Who may be picked (LB-4, LB-14).

use super::HashTable;

/// One host as the balancer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostView {
    /// Share of traffic; at least 1.
    pub weight: u32,
    /// Whether it is in service: neither ejected nor failing its health check.
    pub healthy: bool,
}

/// The hosts of a cluster and which of them are candidates. Immutable; a change makes a new one
/// with another generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostSet {
    /// Differs from that of every other set of the cluster.
    pub generation: u64,
    /// All hosts, in the cluster's order.
    pub hosts: Vec<HostView>,
    /// Indices of the candidates, rising.
    pub usable: Vec<u32>,
    /// Whether all candidates weigh the same.
    pub equal_weights: bool,
    /// Whether so few are healthy that all are candidates (`lb_healthy_panic`).
    pub panic: bool,
    /// Who serves which hash, where the policy goes by hash.
    pub(super) table: Option<HashTable>,
}

impl HostSet {
    /// How much health over 100 % a host set is credited with (LB-13): 72 % healthy is enough.
    const OVERPROVISIONING: u64 = 140;

    /// Makes a set from the weight (0 counts as 1) and health of each host.
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
        let view =
            |(weight, healthy): (&u32, &bool)| HostView { weight: (*weight).max(1), healthy: *healthy };
        let hosts: Vec<_> = weights.iter().zip(healthy).map(view).collect();
        let total = hosts.len() as u64;
        let well = hosts.iter().filter(|host| host.healthy).count() as u64;
        let carries_all = total > 0 && Self::OVERPROVISIONING * well / total >= 100;
        let panic = total > 0 && !carries_all && 100 * well < u64::from(panic_threshold) * total;
        let candidates = (0_u32..).zip(&hosts).filter(|(_, host)| panic || host.healthy);
        let usable: Vec<_> = candidates.map(|(index, _)| index).collect();
        assert!(hosts.len() <= u32::MAX as usize, "more hosts than 32 bits can number");
        let mut weights = usable.iter().map(|index| hosts[*index as usize].weight);
        let first = weights.next();
        let equal_weights = weights.all(|weight| Some(weight) == first);
        Self { generation, hosts, usable, equal_weights, panic, table: None }
    }

    /// How many candidates there are.
    pub(super) fn candidates(&self) -> u32 {
        u32::try_from(self.usable.len()).expect("a host set is numbered in 32 bits")
    }

    /// How many hosts are healthy (`membership_healthy`).
    #[must_use]
    pub fn healthy(&self) -> usize {
        self.hosts.iter().filter(|host| host.healthy).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(healthy: &[bool], panic_threshold: u32) -> HostSet {
        HostSet::build(1, &vec![1; healthy.len()], healthy, panic_threshold)
    }

    #[test]
    fn lb_4_candidates_are_the_healthy() {
        let set = set(&[true, false, true], 0);
        assert_eq!((set.usable.as_slice(), set.panic, set.healthy()), ([0, 2].as_slice(), false, 2));
    }

    #[test]
    fn lb_14_without_a_threshold_nobody_healthy_means_nobody() {
        assert!(set(&[false, false], 0).usable.is_empty());
        assert!(set(&[], 50).usable.is_empty());
        assert!(!set(&[], 50).panic);
    }

    #[test]
    fn lb_14_panic_uses_all() {
        let low = set(&[true, false, false], 50);
        assert!(low.panic);
        assert_eq!(low.usable, [0, 1, 2]);
        let at_threshold = set(&[true, false], 50);
        assert!(!at_threshold.panic);
        assert_eq!(at_threshold.usable, [0]);
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
        assert!(HostSet::build(1, &[2, 2, 7], &[true, true, false], 0).equal_weights);
        assert!(!HostSet::build(1, &[2, 2, 7], &[true, true, true], 0).equal_weights);
        assert!(HostSet::build(1, &[0, 1], &[true, true], 0).equal_weights);
    }
}
