use std::collections::BinaryHeap;

use super::*;
use crate::balance::{BalancePolicy, Balancer, HostSet};
use crate::rng::{Rng, SeededRng};
use crate::tests::ManualClock;

const DECAY: Duration = Latency::DECAY;
const MS: Duration = Duration::from_millis(1);

#[test]
fn a_peak_counts_at_once_and_fades() {
    let (meter, start) = (Latency::new(), ManualClock::default().now());
    let at = |seconds| start + Duration::from_secs(seconds);
    meter.answered(MS, DECAY, start);
    meter.answered(500 * MS, DECAY, start);
    assert_eq!(meter.load(0, DECAY, start), 500_000_000);
    assert_eq!(meter.load(1, DECAY, start), 1_000_000_000);
    let after = meter.load(0, DECAY, at(10));
    assert_eq!(after / 1_000_000, 183, "a part of e is left: {after}");
    // A fast answer weighs as much as the time since the last one.
    meter.answered(MS, DECAY, at(10));
    let expected = 500.0 * (-1.0_f64).exp() + (1.0 - (-1.0_f64).exp());
    // To the microsecond: the whole of an answer and its part differ by a third of a millisecond.
    assert_eq!(meter.load(0, DECAY, at(10)) / 1_000, (expected * 1_000.0) as u64);
}

#[test]
fn the_fastest_answer_that_can_be_told_is_an_answer() {
    let (meter, now) = (Latency::new(), ManualClock::default().now());
    meter.answered(Duration::from_nanos(1), DECAY, now);
    assert_eq!(meter.load(1, DECAY, now), 2);
}

#[test]
fn a_host_that_never_answered_is_tried_by_one() {
    let (meter, now) = (Latency::new(), ManualClock::default().now());
    assert_eq!(meter.load(0, DECAY, now), 0);
    assert!(meter.load(1, DECAY, now) > meter.load(0, DECAY, now) + 1_000_000_000_000);
    assert!(meter.load(2, DECAY, now) > meter.load(1, DECAY, now));
}

#[test]
fn a_failure_is_no_fast_answer() {
    let (meter, now) = (Latency::new(), ManualClock::default().now());
    meter.failed(Duration::ZERO, DECAY, now);
    assert_eq!(meter.load(0, DECAY, now), 1_000_000_000);
    meter.answered(5_000 * MS, DECAY, now);
    meter.failed(MS, DECAY, now);
    assert_eq!(meter.load(0, DECAY, now), 5_000_000_000, "nor does it lower a peak");
}

/// Arrivals by chance at a rate, served after `latency(host)`; how many requests each host got.
fn simulate(
    policy: BalancePolicy,
    hosts: usize,
    requests: usize,
    every: Duration,
    latency: impl Fn(usize, &mut SeededRng) -> Duration,
) -> Vec<u32> {
    let mut rng = SeededRng::new(11);
    let set = HostSet::build(1, &vec![1; hosts], &vec![true; hosts], 0);
    let mut balancer = Balancer::new(policy, &mut rng);
    let meters: Vec<_> = (0..hosts).map(|_| Latency::new()).collect();
    let (mut active, mut counts) = (vec![0_u32; hosts], vec![0_u32; hosts]);
    let mut now = ManualClock::default().now();
    let mut done: BinaryHeap<std::cmp::Reverse<(Instant, usize, Duration)>> = BinaryHeap::new();
    for _ in 0..requests {
        now += every.mul_f64(-(1.0 - rng.unit()).ln());
        while let Some(std::cmp::Reverse((at, host, took))) =
            done.peek().copied().filter(|next| next.0.0 <= now)
        {
            done.pop();
            active[host] -= 1;
            meters[host].answered(took, DECAY, at);
        }
        let load = |host: usize| match policy {
            BalancePolicy::PeakEwma { decay } => meters[host].load(active[host], decay, now),
            _ => u64::from(active[host]),
        };
        let host = balancer.pick(&set, &mut rng, load).unwrap();
        active[host] += 1;
        counts[host] += 1;
        let took = latency(host, &mut rng);
        done.push(std::cmp::Reverse((now + took, host, took)));
    }
    counts
}

const PEAK: BalancePolicy = BalancePolicy::PeakEwma { decay: DECAY };

/// Wish 5: one of ten is a hundred times slower. docs/locality.md publishes these shares.
#[test]
fn wish_5_a_slow_endpoint_gets_next_to_nothing() {
    let share = |policy, every| {
        let slow = |host: usize, _: &mut SeededRng| if host == 3 { 1_000 * MS } else { 10 * MS };
        let counts = simulate(policy, 10, 60_000, every, slow);
        f64::from(counts[3]) / 60_000.0
    };
    // Five hundred requests a second, and ten, when the slow one is often as idle as the others.
    for (every, published) in [(2 * MS, 0.01), (100 * MS, 0.05)] {
        let (peak, least, turns) = (
            share(PEAK, every),
            share(BalancePolicy::LeastRequest, every),
            share(BalancePolicy::RoundRobin, every),
        );
        assert!(peak <= 0.01, "{peak}");
        assert!((turns - 0.1).abs() < 0.001, "{turns}");
        assert!((least - published).abs() < published / 5.0, "{least}");
    }
}

/// Wish 5: over twenty equal endpoints the busiest gets at most 1.3 times the mean.
#[test]
fn wish_5_equal_endpoints_get_equal_shares() {
    for policy in [PEAK, BalancePolicy::LeastRequest, BalancePolicy::RoundRobin] {
        let jitter = |_: usize, rng: &mut SeededRng| MS.mul_f64(5.0 + 10.0 * rng.unit());
        let mut counts = simulate(policy, 20, 40_000, MS / 2, jitter);
        counts.sort_unstable();
        // With twenty endpoints the 99th percentile is the busiest.
        let imbalance = f64::from(counts[19]) / 2_000.0;
        assert!(imbalance <= 1.3, "{policy:?}: {imbalance}");
    }
}

#[test]
fn a_host_that_was_slow_returns() {
    let (meters, start) = ([Latency::new(), Latency::new()], ManualClock::default().now());
    meters[0].answered(1_000 * MS, DECAY, start);
    meters[1].answered(10 * MS, DECAY, start);
    let set = HostSet::build(1, &[1, 1], &[true, true], 0);
    let mut rng = SeededRng::new(3);
    let mut balancer = Balancer::new(PEAK, &mut rng);
    let mut pick = |now| balancer.pick(&set, &mut rng, |host| meters[host].load(0, DECAY, now)).unwrap();
    assert!((0..50).all(|_| pick(start) == 1));
    // The fast one goes on answering, the slow one's peak fades: 1 s · e^(-5) < 10 ms.
    let later = start + Duration::from_secs(50);
    meters[1].answered(10 * MS, DECAY, later);
    assert!((0..50).all(|_| pick(later) == 0));
}

#[test]
fn a_heavier_host_takes_more() {
    let now = ManualClock::default().now();
    let set = HostSet::build(1, &[4, 1], &[true, true], 0);
    let mut rng = SeededRng::new(3);
    let mut balancer = Balancer::new(PEAK, &mut rng);
    let meters = [Latency::new(), Latency::new()];
    meters.iter().for_each(|meter| meter.answered(MS, DECAY, now));
    let pick = |active: [u32; 2], balancer: &mut Balancer, rng: &mut SeededRng| {
        balancer.pick(&set, rng, |host| meters[host].load(active[host], DECAY, now)).unwrap()
    };
    assert_eq!(pick([2, 0], &mut balancer, &mut rng), 0, "3 of weight 4 is less than 1 of weight 1");
    assert_eq!(pick([4, 0], &mut balancer, &mut rng), 1);
}
