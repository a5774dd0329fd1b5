//! The checks of a run.

use super::check::Check;
use super::report::{Fault, Report};

/// The launcher's own actions besides the load.
#[derive(Debug, Default)]
pub(super) struct Deeds {
    /// Instances that were killed and replaced.
    pub(super) replaced: u32,
    /// Edits that came into force everywhere, and edits that did not.
    pub(super) edits: u32,
    pub(super) edits_ignored: u32,
    /// Processes that were stopped at the end, and failures on the way.
    pub(super) stopped: usize,
    pub(super) problems: Vec<String>,
}

/// All checks of a run.
pub(super) fn all(report: &Report, deeds: &Deeds) -> Vec<Check> {
    let mut checks = vec![load(report), shares(report), reads(report, deeds)];
    checks.extend(report.faults.iter().map(fault));
    checks.push(edits(deeds));
    checks.push(signups(report));
    checks.push(ends(deeds));
    checks
}

fn load(report: &Report) -> Check {
    let requests = &report.requests;
    let text = format!("{} requests sent, {} skipped", requests.total, requests.skipped);
    Check { name: "load", passed: (requests.total > 0).then_some(requests.skipped == 0), text }
}

fn shares(report: &Report) -> Check {
    let judged: Vec<_> = report.weights.iter().filter(|share| share.within.is_some()).collect();
    let passed = (!judged.is_empty()).then(|| judged.iter().all(|share| share.within == Some(true)));
    let mut phases: Vec<_> = judged
        .iter()
        .map(|share| (share.virtual_service, share.from_second.to_bits(), share.requests))
        .collect();
    phases.dedup();
    let requests: u64 = phases.iter().map(|(_, _, requests)| requests).sum();
    let widest = judged.iter().map(|share| (share.observed - share.configured).abs()).fold(0.0, f64::max);
    let text = match passed {
        None => "too few requests to tell".to_owned(),
        Some(_) => format!("each at most {widest:.1} points off its weight, over {requests} requests"),
    };
    Check { name: "shares", passed, text }
}

fn reads(report: &Report, deeds: &Deeds) -> Check {
    let (failed, replaced) = (report.requests.failed_get, deeds.replaced);
    let passed = match (failed, replaced) {
        (0, 0) => None,
        (failed, _) => Some(failed == 0),
    };
    let text = match replaced {
        0 => format!("{failed} GET failed; no instance was killed yet and replaced"),
        _ => format!("{failed} GET failed while an api-server was killed and another started"),
    };
    Check { name: "reads", passed, text }
}

fn fault(fault: &Fault) -> Check {
    let Fault { kind, method, configured, injected, requests, observed, tolerance, within } = fault;
    let name = if *kind == "delay" { "delays" } else { "aborts" };
    let text = format!(
        "{observed:.2} % of {requests} {method} ({injected}), configured {configured:.2} % ± {tolerance:.2}"
    );
    Check { name, passed: (*requests > 0).then_some(*within), text }
}

fn edits(deeds: &Deeds) -> Check {
    let Deeds { edits, edits_ignored, .. } = deeds;
    let passed = (edits + edits_ignored > 0).then_some(*edits_ignored == 0);
    let text = match passed {
        None => "no manifest was edited during the run".to_owned(),
        Some(true) => format!("{edits} in force everywhere"),
        Some(false) => format!("{edits_ignored} not in force everywhere, {edits} in force"),
    };
    Check { name: "edits", passed, text }
}

fn signups(report: &Report) -> Check {
    let signups = &report.signups;
    let text = format!(
        "{} acknowledged, {} stored, {} stored twice",
        signups.acknowledged, signups.stored, signups.stored_twice
    );
    let sound = signups.stored >= signups.acknowledged && signups.stored_twice == 0;
    Check { name: "sign-ups", passed: (signups.acknowledged > 0).then_some(sound), text }
}

fn ends(deeds: &Deeds) -> Check {
    let text = match deeds.problems.first() {
        None => format!("{} processes drained", deeds.stopped),
        Some(first) => format!("{} of {} processes: {first}", deeds.problems.len(), deeds.stopped),
    };
    Check { name: "end", passed: Some(deeds.problems.is_empty()), text }
}
