//! Counts of the live load.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use http::StatusCode;

use super::rules::{Faults, Rules, Weights};
use super::traffic::{Kind, Route};

/// After new weights are in force, requests that were already under way may still follow the old ones.
const SETTLING: Duration = Duration::from_secs(1);
/// Latencies above this one count as this one.
const LONGEST: Duration = Duration::from_secs(60);

/// The service, the method, and the version of the api-server that answered (`-`: none).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) service: &'static str,
    pub(super) method: &'static str,
    pub(super) version: String,
}

/// Counts of one [`Key`].
#[derive(Debug)]
pub(super) struct Line {
    pub(super) requests: u64,
    pub(super) failures: u64,
    /// By status; `error` where no answer came.
    pub(super) outcomes: BTreeMap<String, u64>,
    pub(super) latency: Histogram<u64>,
}

/// How one answer looked to the user.
#[derive(Debug)]
pub(super) struct Answer {
    /// Nothing where no answer came.
    pub(super) status: Option<StatusCode>,
    pub(super) version: Option<String>,
    pub(super) latency: Duration,
}

/// A stretch of the run in which one pair of weights was configured.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) route: Route,
    pub(super) from: Duration,
    pub(super) configured: Weights,
    pub(super) observed: BTreeMap<String, u64>,
    faults: Faults,
    /// Requests sent before this are not held against the weights; `None` while the weights are on their way
    /// to the mesh.
    settled: Option<Duration>,
}

/// How many faults of one kind were to be expected.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chance {
    pub(super) requests: u64,
    pub(super) mean: f64,
    pub(super) variance: f64,
}

impl Chance {
    fn add(&mut self, percent: f64) {
        let probability = (percent / 100.0).clamp(0.0, 1.0);
        self.requests += 1;
        self.mean += probability;
        self.variance += probability * (1.0 - probability);
    }
}

/// All counts of a run.
#[derive(Debug)]
pub(super) struct Tally {
    began: Instant,
    lines: BTreeMap<Key, Line>,
    phases: Vec<Phase>,
    latency: Histogram<u64>,
    pub(super) delays: Chance,
    pub(super) aborts: Chance,
    /// Requests that were due while too many were open, and not sent.
    pub(super) skipped: u64,
}

fn histogram() -> Histogram<u64> {
    let longest = u64::try_from(LONGEST.as_micros()).expect("a minute is few microseconds");
    Histogram::new_with_bounds(1, longest, 2).expect("the bounds are in order")
}

fn observe(histogram: &mut Histogram<u64>, latency: Duration) {
    histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
}

impl Tally {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            lines: BTreeMap::new(),
            phases: Vec::new(),
            latency: histogram(),
            delays: Chance::default(),
            aborts: Chance::default(),
            skipped: 0,
        }
    }

    /// From `now` on, `rules` are on their way to the mesh; see [`settle`](Self::settle).
    pub(super) fn configure(&mut self, now: Instant, route: Route, rules: Rules) {
        let Rules { weights: configured, faults } = rules;
        if self.current(route).is_some_and(|phase| phase.configured == configured && phase.faults == faults) {
            return;
        }
        let from = now.saturating_duration_since(self.began);
        // Nothing is under way at the beginning.
        let settled = from.is_zero().then_some(from);
        self.phases.push(Phase { route, from, configured, observed: BTreeMap::new(), faults, settled });
    }

    /// The last edit is in force by `now`.
    pub(super) fn settle(&mut self, now: Instant) {
        let settled = now.saturating_duration_since(self.began) + SETTLING;
        for phase in &mut self.phases {
            phase.settled.get_or_insert(settled);
        }
    }

    fn current(&mut self, route: Route) -> Option<&mut Phase> {
        self.phases.iter_mut().rev().find(|phase| phase.route == route)
    }

    /// Counts one answer to a request that was sent at `sent`.
    pub(super) fn record(&mut self, sent: Instant, kind: &Kind, answer: Answer) {
        let Answer { status, version, latency } = answer;
        let sent = sent.saturating_duration_since(self.began);
        let mut faults = Faults::default();
        if let Some(phase) = self.current(kind.route) {
            faults = phase.faults;
            if let Some(version) = &version
                && phase.settled.is_some_and(|settled| sent >= settled)
            {
                *phase.observed.entry(version.clone()).or_default() += 1;
            }
        }
        if kind.write {
            self.aborts.add(faults.abort_writes)
        } else {
            self.delays.add(faults.delay_reads)
        }
        let method = if kind.write { "POST" } else { "GET" };
        let key = Key { service: kind.service, method, version: version.unwrap_or_else(|| "-".to_owned()) };
        let line = self.lines.entry(key).or_insert_with(|| Line {
            requests: 0,
            failures: 0,
            outcomes: BTreeMap::new(),
            latency: histogram(),
        });
        line.requests += 1;
        line.failures += u64::from(!status.is_some_and(|status| kind.succeeded(status)));
        let outcome = status.map_or_else(|| "error".to_owned(), |status| status.as_u16().to_string());
        *line.outcomes.entry(outcome).or_default() += 1;
        observe(&mut line.latency, latency);
        observe(&mut self.latency, latency);
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = (&Key, &Line)> {
        self.lines.iter()
    }

    pub(super) fn phases(&self) -> &[Phase] {
        &self.phases
    }

    pub(super) fn latency(&self) -> &Histogram<u64> {
        &self.latency
    }

    /// Requests and failures, of one method or of all.
    pub(super) fn count(&self, method: Option<&str>) -> (u64, u64) {
        let wanted = self.lines.iter().filter(|(key, _)| method.is_none_or(|method| key.method == method));
        wanted.fold((0, 0), |(requests, failures), (_, line)| {
            (requests + line.requests, failures + line.failures)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::traffic::KINDS;

    const READ: &Kind = &KINDS[0];
    const WRITE: &Kind = &KINDS[2];

    fn answer(status: u16, version: Option<&str>) -> Answer {
        let status = Some(StatusCode::from_u16(status).unwrap());
        Answer { status, version: version.map(str::to_owned), latency: Duration::from_millis(3) }
    }

    fn weights(v1: u32, v2: u32) -> Rules {
        let faults = Faults { delay_reads: 2.0, abort_writes: 50.0 };
        Rules { weights: [("v1".to_owned(), v1), ("v2".to_owned(), v2)].into(), faults }
    }

    #[test]
    fn failures_are_what_the_user_did_not_want() {
        let now = Instant::now();
        let mut tally = Tally::new(now);
        tally.record(now, READ, answer(200, Some("v1")));
        tally.record(now, READ, answer(503, None));
        tally.record(now, WRITE, answer(303, Some("v1")));
        tally.record(now, WRITE, answer(200, Some("v1")));
        tally.record(now, WRITE, Answer { status: None, version: None, latency: Duration::ZERO });
        assert_eq!(
            (tally.count(Some("GET")), tally.count(Some("POST")), tally.count(None)),
            ((2, 1), (3, 2), (5, 3))
        );
        let lost = tally.lines().find(|(key, _)| key.method == "POST" && key.version == "-").unwrap().1;
        assert_eq!(lost.outcomes, BTreeMap::from([("error".to_owned(), 1)]));
    }

    #[test]
    fn chance_is_what_was_configured_at_the_time() {
        let began = Instant::now();
        let mut tally = Tally::new(began);
        tally.configure(began, Route::Inside, weights(90, 10));
        for _ in 0..100 {
            tally.record(began, READ, answer(200, Some("v1")));
            tally.record(began, WRITE, answer(303, Some("v1")));
        }
        let rounded = |chance: Chance| (chance.requests, chance.mean.round(), chance.variance.round());
        assert_eq!((rounded(tally.delays), rounded(tally.aborts)), ((100, 2.0, 2.0), (100, 50.0, 25.0)));
    }

    #[test]
    fn new_weights_begin_a_phase_and_stragglers_are_left_out() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut tally = Tally::new(began);
        tally.configure(began, Route::Inside, weights(90, 10));
        tally.record(at(0), READ, answer(200, Some("v1")));
        tally.configure(at(5), Route::Inside, weights(90, 10));
        tally.configure(at(5), Route::Inside, weights(50, 50));
        tally.record(at(5), READ, answer(200, Some("v1")));
        tally.settle(at(6));
        tally.record(at(6), READ, answer(200, Some("v1")));
        tally.record(at(8), READ, answer(200, Some("v2")));
        let observed: Vec<_> = tally.phases().iter().map(|phase| phase.observed.clone()).collect();
        assert_eq!(
            observed,
            [BTreeMap::from([("v1".to_owned(), 1)]), BTreeMap::from([("v2".to_owned(), 1)])]
        );
    }
}
