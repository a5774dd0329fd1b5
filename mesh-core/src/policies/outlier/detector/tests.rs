use std::time::Duration;

use http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::tests::ManualClock;

fn status(code: u16) -> Outcome {
    Outcome::status(StatusCode::from_u16(code).unwrap())
}

fn grpc(code: u8, in_trailers: bool) -> Outcome {
    Outcome::Response { status: StatusCode::OK, grpc: Some(code), in_trailers }
}

const fn reset(reset: Reset) -> Outcome {
    Outcome::Reset { reset, written: true }
}

/// A cluster of hosts under a clock.
struct Cluster {
    clock: ManualClock,
    detector: Detector,
    hosts: Vec<HostState>,
}

impl Cluster {
    fn new(hosts: usize, policy: OutlierPolicy) -> Self {
        let hosts = (0..hosts).map(|_| HostState::new()).collect();
        Self { clock: ManualClock::default(), detector: Detector::new(policy), hosts }
    }

    fn record(&self, host: usize, outcome: Outcome) -> Option<Event> {
        self.detector.record(&self.hosts[host], &outcome, self.hosts.len(), self.clock.now())
    }

    /// Records until an event, at most `limit` times; how many it took.
    fn until_ejected(&self, host: usize, outcome: Outcome, limit: usize) -> Option<usize> {
        (1..=limit).find(|_| matches!(self.record(host, outcome), Some(Event::Ejected { .. })))
    }

    fn tick_after(&self, time: Duration) -> usize {
        self.clock.advance(time);
        self.detector.tick(&self.hosts, self.clock.now())
    }
}

fn half() -> OutlierPolicy {
    OutlierPolicy { consecutive_5xx: 3, max_ejection_percent: 50, ..OutlierPolicy::default() }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn od_2_errors_must_be_consecutive() {
    let cluster = Cluster::new(2, half());
    for outcome in [status(500), status(503), status(404), status(500), status(500)] {
        assert_eq!(cluster.record(0, outcome), None);
    }
    let event = cluster.record(0, status(502));
    let until = cluster.clock.now() + 30 * SECOND;
    assert_eq!(event, Some(Event::Ejected { until, reason: Reason::Consecutive5xx, multiplier: 1 }));
    assert!(cluster.hosts[0].is_ejected());
    assert_eq!(cluster.hosts[0].ejected_until(), Some(until));
    assert_eq!(cluster.hosts[0].reason(), Some(Reason::Consecutive5xx));
    assert_eq!((cluster.detector.active(), cluster.detector.total()), (1, 1));
    assert!(!cluster.hosts[1].is_ejected());
}

#[test]
fn od_5_exactly_on_the_third_error_in_every_cycle() {
    let cluster = Cluster::new(2, half());
    for cycle in 1..=12 {
        assert_eq!(cluster.until_ejected(0, status(503), 10), Some(3), "{cycle}");
        assert_eq!(cluster.tick_after(300 * SECOND), 1, "{cycle}");
        assert!(!cluster.hosts[0].is_ejected());
    }
    assert_eq!(cluster.hosts[0].ejections(), 12);
}

#[test]
fn od_2_local_failures_count_as_codes() {
    let failures =
        [reset(Reset::ConnectFailure), Outcome::PerTryTimeout, Outcome::Timeout, reset(Reset::RemoteReset)];
    for failure in failures {
        assert_eq!(Cluster::new(2, half()).until_ejected(0, failure, 5), Some(3), "{failure:?}");
        let gateway = OutlierPolicy { consecutive_5xx: 0, consecutive_gateway: 2, ..half() };
        assert_eq!(Cluster::new(2, gateway).until_ejected(0, failure, 5), Some(2), "{failure:?}");
    }
}

#[test]
fn od_2_what_says_nothing_changes_nothing() {
    let cluster = Cluster::new(2, half());
    cluster.record(0, status(500));
    cluster.record(0, status(500));
    for _ in 0..10 {
        assert_eq!(cluster.record(0, Outcome::Cancelled), None);
        assert_eq!(cluster.record(0, reset(Reset::LocalReset)), None);
    }
    assert_eq!(cluster.hosts[0].errors(), [2, 0, 0]);
}

#[test]
fn od_2_the_gateway_counter_is_reset_by_another_5xx() {
    let policy = OutlierPolicy { consecutive_5xx: 0, consecutive_gateway: 2, ..half() };
    let cluster = Cluster::new(2, policy);
    for code in [502, 500, 503, 501, 504] {
        assert_eq!(cluster.record(0, status(code)), None);
    }
    let Some(Event::Ejected { reason, .. }) = cluster.record(0, status(502)) else { panic!("not ejected") };
    assert_eq!(reason, Reason::ConsecutiveGateway);
}

#[test]
fn od_2_split_counts_local_failures_apart() {
    let policy = OutlierPolicy { split_local_origin: true, consecutive_local: 2, ..half() };
    let cluster = Cluster::new(2, policy);
    let connect = reset(Reset::ConnectFailure);
    cluster.record(0, status(500));
    cluster.record(0, status(500));
    cluster.record(0, connect);
    assert_eq!(cluster.hosts[0].errors(), [2, 0, 1]);
    // A connection, or any response, ends the row of local failures.
    cluster.detector.record_connected(&cluster.hosts[0]);
    assert_eq!(cluster.hosts[0].errors(), [2, 0, 0]);
    cluster.record(0, connect);
    cluster.record(0, status(200));
    assert_eq!(cluster.hosts[0].errors(), [0, 0, 0]);
    cluster.record(0, connect);
    let Some(Event::Ejected { reason, .. }) = cluster.record(0, Outcome::PerTryTimeout) else {
        panic!("not ejected")
    };
    assert_eq!(reason, Reason::ConsecutiveLocal);
}

#[test]
fn od_3_grpc_failures_count_wherever_the_status_stands() {
    for in_trailers in [false, true] {
        for code in [2, 4, 12, 13, 14, 15] {
            let cluster = Cluster::new(2, half());
            assert_eq!(cluster.until_ejected(0, grpc(code, in_trailers), 5), Some(3), "{code}");
        }
        for code in [0, 1, 3, 5, 6, 7, 8, 9, 10, 11, 16] {
            let cluster = Cluster::new(2, half());
            assert_eq!(cluster.until_ejected(0, grpc(code, in_trailers), 5), None, "{code}");
        }
    }
}

#[test]
fn od_1_error_codes_say_what_an_error_is() {
    let policy = OutlierPolicy { error_codes: vec![429..=429], ..half() };
    assert_eq!(Cluster::new(2, policy.clone()).until_ejected(0, status(429), 5), Some(3));
    assert_eq!(Cluster::new(2, policy.clone()).until_ejected(0, status(500), 9), None);
    // No answer at all is an error whatever the statuses.
    assert_eq!(Cluster::new(2, policy).until_ejected(0, reset(Reset::ConnectFailure), 5), Some(3));
}

#[test]
fn od_1_zero_is_off() {
    let policy = OutlierPolicy { consecutive_5xx: 0, consecutive_gateway: 0, ..half() };
    assert_eq!(Cluster::new(2, policy).until_ejected(0, status(503), 50), None);
}

#[test]
fn od_6_no_more_than_the_share_is_out() {
    let cluster = Cluster::new(4, half());
    assert_eq!(cluster.until_ejected(0, status(500), 3), Some(3));
    assert_eq!(cluster.until_ejected(1, status(500), 3), Some(3));
    cluster.record(2, status(500));
    cluster.record(2, status(500));
    assert_eq!(cluster.record(2, status(500)), Some(Event::Overflow { reason: Reason::Consecutive5xx }));
    assert!(!cluster.hosts[2].is_ejected());
    assert_eq!(cluster.hosts[2].errors(), [0; 3], "restarts although not ejected (OD-5)");
    assert_eq!((cluster.detector.active(), cluster.detector.overflow()), (2, 1));
    // One comes back: there is room again.
    assert!(cluster.detector.take_back(&cluster.hosts[0], cluster.clock.now()));
    assert_eq!(cluster.until_ejected(2, status(500), 3), Some(3));
}

#[test]
fn od_6_a_small_cluster_never_ejects_by_default() {
    let nine = Cluster::new(9, OutlierPolicy::default());
    assert_eq!(nine.until_ejected(0, status(503), 50), None);
    assert_eq!(nine.detector.overflow(), 10);
    let ten = Cluster::new(10, OutlierPolicy::default());
    assert_eq!(ten.until_ejected(0, status(503), 50), Some(5));
}

#[test]
fn od_7_each_ejection_lasts_longer_up_to_the_cap() {
    let cluster = Cluster::new(2, half());
    let mut times = Vec::new();
    for _ in 0..13 {
        cluster.until_ejected(0, status(500), 3).unwrap();
        let until = cluster.hosts[0].ejected_until().unwrap();
        let time = until - cluster.clock.now();
        times.push(time.as_secs());
        assert_eq!(cluster.tick_after(time), 1);
    }
    assert_eq!(times, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300, 300]);
    assert_eq!(cluster.hosts[0].history().multiplier, 11, "stops at max + base");
}

#[test]
fn od_8_only_a_tick_takes_back() {
    let cluster = Cluster::new(2, half());
    cluster.until_ejected(0, status(500), 3).unwrap();
    assert_eq!(cluster.tick_after(29 * SECOND), 0);
    cluster.clock.advance(5 * SECOND);
    assert!(cluster.hosts[0].is_ejected(), "34 s have passed, but no tick");
    assert_eq!(cluster.tick_after(Duration::ZERO), 1);
    assert!(!cluster.hosts[0].is_ejected());
    assert_eq!((cluster.hosts[0].ejected_until(), cluster.detector.active()), (None, 0));
}

#[test]
fn od_8_errors_while_ejected_are_forgotten() {
    let cluster = Cluster::new(2, half());
    cluster.until_ejected(0, status(500), 3).unwrap();
    for _ in 0..5 {
        assert_eq!(cluster.record(0, status(500)), None, "in flight, or used in panic (OD-9)");
    }
    cluster.tick_after(30 * SECOND);
    assert_eq!(cluster.until_ejected(0, status(500), 5), Some(3));
}

#[test]
fn od_8_time_in_service_lowers_the_multiplier() {
    let cluster = Cluster::new(2, half());
    let multiplier = || cluster.hosts[0].history().multiplier;
    for _ in 0..3 {
        cluster.until_ejected(0, status(500), 3).unwrap();
        cluster.tick_after(300 * SECOND);
    }
    assert_eq!(multiplier(), 3, "kept when taken back");
    assert_eq!(cluster.tick_after(9 * SECOND), 0);
    assert_eq!(multiplier(), 3, "not a whole interval in service yet");
    for expected in [2, 1, 0, 0] {
        cluster.tick_after(10 * SECOND);
        assert_eq!(multiplier(), expected);
    }
}

#[test]
fn hc_2_a_health_check_takes_back_at_once() {
    let cluster = Cluster::new(2, half());
    cluster.until_ejected(0, status(500), 3).unwrap();
    assert!(cluster.detector.take_back(&cluster.hosts[0], cluster.clock.now()));
    assert!(!cluster.detector.take_back(&cluster.hosts[0], cluster.clock.now()));
    assert_eq!(cluster.detector.active(), 0);
    cluster.record(0, status(500));
    assert!(!cluster.detector.take_back(&cluster.hosts[0], cluster.clock.now()));
    assert_eq!(cluster.hosts[0].errors(), [0; 3]);
}

#[test]
fn lb_17_a_host_that_left_no_longer_counts() {
    let mut cluster = Cluster::new(4, half());
    cluster.until_ejected(0, status(500), 3).unwrap();
    cluster.until_ejected(1, status(500), 3).unwrap();
    cluster.detector.forget(&cluster.hosts[0]);
    assert_eq!(cluster.detector.active(), 1);
    cluster.hosts.remove(0);
    cluster.tick_after(SECOND);
    assert_eq!(cluster.detector.active(), 1, "a tick counts those who are there");
}

#[test]
fn od_6_a_new_policy_counts_the_ejections_it_inherits() {
    let cluster = Cluster::new(4, half());
    cluster.until_ejected(0, status(500), 3).unwrap();
    let policy = OutlierPolicy { max_ejection_percent: 25, consecutive_5xx: 1, ..half() };
    let next = Detector::new(policy);
    next.adopt(&cluster.hosts);
    assert_eq!(next.active(), 1);
    let event = next.record(&cluster.hosts[1], &status(500), 4, cluster.clock.now());
    assert_eq!(event, Some(Event::Overflow { reason: Reason::Consecutive5xx }));
    cluster.clock.advance(30 * SECOND);
    assert_eq!(next.tick(&cluster.hosts, cluster.clock.now()), 1);
}

proptest! {
    /// Against a model that is written as the rules are: one host, single-threaded.
    #[test]
    fn od_cycles_follow_the_rules(steps in prop::collection::vec(0_u8..5, 1..400), threshold in 1_u32..6) {
        let cluster = Cluster::new(1, OutlierPolicy {
            consecutive_5xx: threshold,
            max_ejection_percent: 100,
            ..OutlierPolicy::default()
        });
        let (mut errors, mut multiplier, mut out_for, mut since) = (0, 0_u32, None, 0_u64);
        let mut ever_returned = false;
        for step in steps {
            match step {
                0 => {
                    let event = cluster.record(0, status(200));
                    prop_assert_eq!(event, None);
                    errors = 0;
                }
                1..=3 => {
                    let event = cluster.record(0, status(500));
                    errors += 1;
                    if errors == threshold {
                        errors = 0;
                        if out_for.is_none() {
                            if u64::from(multiplier) * 30 < 330 { multiplier += 1; }
                            out_for = Some((u64::from(multiplier) * 30).min(300));
                            since = 0;
                            let ejected = matches!(event, Some(Event::Ejected { .. }));
 prop_assert!(ejected);
                        } else {
                            prop_assert_eq!(event, None);
                        }
                    } else {
                        prop_assert_eq!(event, None);
                    }
                }
                _ => {
                    since += 10;
                    let returned = cluster.tick_after(10 * SECOND);
                    match out_for {
                        Some(time) if since >= time => {
                            prop_assert_eq!(returned, 1);
                            (out_for, since, errors, ever_returned) = (None, 0, 0, true);
                        }
                        Some(_) => prop_assert_eq!(returned, 0),
                        None => {
                            prop_assert_eq!(returned, 0);
                            if ever_returned && since >= 10 { multiplier = multiplier.saturating_sub(1); }
                        }
                    }
                }
            }
            prop_assert_eq!(cluster.hosts[0].is_ejected(), out_for.is_some());
            prop_assert_eq!(cluster.hosts[0].history().multiplier, multiplier);
            prop_assert_eq!(cluster.detector.active(), usize::from(out_for.is_some()));
        }
    }
}

#[test]
fn od_6_threads_never_eject_more_than_the_share() {
    let cluster = Cluster::new(10, OutlierPolicy { consecutive_5xx: 1, max_ejection_percent: 30, ..half() });
    let (detector, hosts, now) = (&cluster.detector, &cluster.hosts, cluster.clock.now());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                for host in hosts {
                    let _ = detector.record(host, &status(500), hosts.len(), now);
                }
            });
        }
    });
    assert_eq!(hosts.iter().filter(|host| host.is_ejected()).count(), 3);
    assert_eq!((detector.active(), detector.total()), (3, 3));
}
