//! The outcome of a run, as it is shown and as it is written to a file.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::check::Check;
use super::rules::Weights;
use super::scrape::Deeds;
use super::tally::{Chance, Phase, Tally};
use super::traffic::Route;

/// Fewest percentage points that a share may be off; chance needs that much room.
const POINTS: f64 = 2.0;
/// How many standard deviations it may be off, where they are more.
const SIGMAS: f64 = 4.0;
/// Fewest requests that say something about a share.
const JUDGED: u64 = 100;
/// Injected faults that may be more or fewer in any case: where few are expected, standard deviations say little.
const FEW: f64 = 4.0;

/// Everything about one run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) seconds: f64,
    pub(super) seed: u64,
    pub(super) requests: Requests,
    pub(super) by: Vec<Row>,
    pub(super) latency_ms: Latency,
    pub(super) weights: Vec<Share>,
    pub(super) faults: Vec<Fault>,
    pub(super) mesh: Mesh,
    pub(super) signups: Signups,
    pub(super) events: Vec<Event>,
    pub(super) checks: Vec<Check>,
}

/// Totals over all services.
#[derive(Debug, Serialize)]
pub(super) struct Requests {
    pub(super) total: u64,
    pub(super) failed: u64,
    pub(super) failed_get: u64,
    pub(super) failed_post: u64,
    pub(super) skipped: u64,
}

/// Requests of one service, method and answering version.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) service: &'static str,
    pub(super) method: &'static str,
    pub(super) version: String,
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) outcomes: BTreeMap<String, u64>,
    pub(super) latency_ms: Latency,
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) max: f64,
}

/// A configured share of one version beside the observed one, in percent.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Share {
    pub(super) virtual_service: &'static str,
    pub(super) from_second: f64,
    pub(super) version: String,
    pub(super) weight: u32,
    pub(super) configured: f64,
    pub(super) observed: f64,
    /// Answered requests that the observed share is taken of.
    pub(super) requests: u64,
    /// How far off it may be.
    pub(super) tolerance: f64,
    /// Nothing where too few requests were answered to tell.
    pub(super) within: Option<bool>,
}

/// A configured fault beside how often it was injected.
#[derive(Debug, Serialize)]
pub(super) struct Fault {
    pub(super) kind: &'static str,
    pub(super) method: &'static str,
    pub(super) configured: f64,
    pub(super) injected: u64,
    pub(super) requests: u64,
    pub(super) observed: f64,
    /// How far off it may be.
    pub(super) tolerance: f64,
    pub(super) within: bool,
}

/// Counts of the mesh's members.
#[derive(Debug, Serialize)]
pub(super) struct Mesh {
    pub(super) total: Deeds,
    pub(super) by_member: BTreeMap<String, Deeds>,
}

/// Sign-ups that were confirmed to users, beside those that are stored.
#[derive(Debug, Serialize)]
pub(super) struct Signups {
    pub(super) acknowledged: u64,
    pub(super) stored: u64,
    pub(super) stored_twice: u64,
}

/// Something that the launcher did during the run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Event {
    pub(super) second: f64,
    pub(super) what: String,
}

impl Report {
    /// Brings the parts together.
    pub(super) fn new(run: Run, tally: &Tally) -> Self {
        let Run { length, seed, members, signups, events } = run;
        let ((total, failed), (_, failed_get), (_, failed_post)) =
            (tally.count(None), tally.count(Some("GET")), tally.count(Some("POST")));
        let row = |(key, line): (&super::tally::Key, &super::tally::Line)| Row {
            service: key.service,
            method: key.method,
            version: key.version.clone(),
            requests: line.requests,
            failures: line.failures,
            outcomes: line.outcomes.clone(),
            latency_ms: Latency::of(&line.latency),
        };
        let all = members.values().copied().fold(Deeds::default(), Deeds::plus);
        Self {
            seconds: length.as_secs_f64(),
            seed,
            requests: Requests { total, failed, failed_get, failed_post, skipped: tally.skipped },
            by: tally.lines().map(row).collect(),
            latency_ms: Latency::of(tally.latency()),
            weights: tally.phases().iter().flat_map(phase).collect(),
            faults: vec![
                Fault::new("delay", "GET", all.delays, tally.delays),
                Fault::new("abort", "POST", all.aborts, tally.aborts),
            ],
            mesh: Mesh { total: all, by_member: members },
            signups,
            events,
            checks: Vec::new(),
        }
    }
}

/// Inputs of a report besides the tally.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) length: Duration,
    pub(super) seed: u64,
    pub(super) members: BTreeMap<String, Deeds>,
    pub(super) signups: Signups,
    pub(super) events: Vec<Event>,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a latency is far below 2^52 microseconds")]
        let ms = |micros: u64| micros as f64 / 1000.0;
        let at = |quantile| ms(histogram.value_at_quantile(quantile));
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: ms(histogram.max()) }
    }
}

impl Fault {
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
    fn new(kind: &'static str, method: &'static str, injected: u64, chance: Chance) -> Self {
        let Chance { requests, mean, variance } = chance;
        let points = |count: f64| count * 100.0 / (requests.max(1) as f64);
        let tolerance = SIGMAS * variance.sqrt() + FEW;
        Self {
            kind,
            method,
            // A sum of many small chances: digits after the fourth place are rounding.
            configured: (points(mean) * 1e4).round() / 1e4,
            injected,
            requests,
            observed: percent(injected, requests),
            tolerance: points(tolerance),
            within: (injected as f64 - mean).abs() <= tolerance,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

fn phase(phase: &Phase) -> Vec<Share> {
    shares(phase.route, phase.from, &phase.configured, &phase.observed)
}

/// The shares of one phase, one for each version that has a weight or answered.
fn shares(
    route: Route,
    from: Duration,
    configured: &Weights,
    observed: &BTreeMap<String, u64>,
) -> Vec<Share> {
    let requests: u64 = observed.values().sum();
    let versions =
        configured.keys().chain(observed.keys().filter(|version| !configured.contains_key(*version)));
    versions.map(|version| share(route, from, version, configured, observed, requests)).collect()
}

fn share(
    route: Route,
    from: Duration,
    version: &str,
    configured: &Weights,
    observed: &BTreeMap<String, u64>,
    requests: u64,
) -> Share {
    let weight = configured.get(version).copied().unwrap_or(0);
    let total: u64 = configured.values().copied().map(u64::from).sum();
    let expected = percent(weight.into(), total);
    let got = percent(observed.get(version).copied().unwrap_or(0), requests);
    let probability = expected / 100.0;
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
    let sigma = (probability * (1.0 - probability) / requests.max(1) as f64).sqrt() * 100.0;
    let tolerance = POINTS.max(SIGMAS * sigma);
    Share {
        virtual_service: route.virtual_service(),
        from_second: from.as_secs_f64(),
        version: version.to_owned(),
        weight,
        configured: expected,
        observed: got,
        requests,
        tolerance,
        within: (requests >= JUDGED).then_some((got - expected).abs() <= tolerance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(weights: [u32; 2], observed: &[(&str, u64)]) -> Vec<Share> {
        let configured = ["v1", "v2"].map(str::to_owned).into_iter().zip(weights).collect();
        let observed = observed.iter().map(|&(version, count)| (version.to_owned(), count)).collect();
        shares(Route::Inside, Duration::ZERO, &configured, &observed)
    }

    #[test]
    fn a_share_may_be_off_by_two_points_or_four_sigmas() {
        let all = |weights, [v1, v2]: [u64; 2]| {
            let shares = judged(weights, &[("v1", v1), ("v2", v2)]);
            shares.iter().map(|share| share.within).min().unwrap()
        };
        assert_eq!(all([90, 10], [8_800, 1_200]), Some(true), "two points are allowed");
        assert_eq!(all([90, 10], [8_700, 1_300]), Some(false), "three are not");
        assert_eq!(
            all([90, 10], [80, 20]),
            Some(true),
            "of a hundred requests, ten points are below four sigmas"
        );
        assert_eq!(all([90, 10], [10, 20]), None, "too few show nothing");
    }

    #[test]
    fn weights_need_not_add_up_to_a_hundred() {
        let shares = judged([3, 1], &[("v1", 750), ("v2", 250)]);
        assert_eq!((shares[0].configured, shares[0].observed, shares[0].weight), (75.0, 75.0, 3));
    }

    #[test]
    fn a_version_without_weight_that_answers_is_shown() {
        let shares = judged([1, 0], &[("v1", 99), ("v9", 1)]);
        let found = shares.iter().find(|share| share.version == "v9").unwrap();
        assert_eq!((found.configured, found.observed), (0.0, 1.0));
    }

    #[test]
    fn faults_may_be_off_by_chance_and_no_more() {
        let chance = Chance { requests: 5_000, mean: 100.0, variance: 98.0 };
        let within = |injected| Fault::new("delay", "GET", injected, chance).within;
        assert_eq!([50, 60, 100, 140, 150].map(within), [false, true, true, true, false]);
        assert!(Fault::new("abort", "POST", 0, Chance::default()).within);
    }
}
