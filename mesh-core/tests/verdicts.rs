//! Documents near the edge of valid, each judged as a cluster with Istio judges it.
//!
//! `tests/fixtures/verdicts/documents.jsonl` holds the documents with the verdict of the API server's schemas
//! and of istiod's validation. Each one goes the way of `mesh-proxy check`: it is parsed, and compiled for a
//! workload and for a gateway. An error other than a reference that leads nowhere refuses it. A document in
//! which only something that isn't implemented is left is skipped; how many there are may only fall.
//!
//! A difference that stays is one of [`KEPT`]: a predicate with the answer that we give instead, and a bold
//! name in `docs/differences-from-envoy.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use mesh_core::analysis::{Code, Diagnostic, Diagnostics};
use mesh_core::api::Documents;
use mesh_core::plan::{CompileOptions, compile};
use serde_json::Value;

const CASES: &str = include_str!("../../tests/fixtures/verdicts/documents.jsonl");
const DIFFERENCES: &str = include_str!("../../docs/differences-from-envoy.md");

/// How many documents may be skipped. Lower it when something more is implemented.
const MOST_SKIPPED: usize = 430;

/// A difference that stays.
struct Kept {
    /// As it stands in bold in `docs/differences-from-envoy.md`.
    name: &'static str,
    /// Whether a document is of this difference.
    applies: fn(&Case) -> bool,
    /// Our verdict on these.
    ours: Verdict,
}

const KEPT: &[Kept] = &[
    Kept {
        name: "Status 600",
        applies: |case| {
            let rules = case.document["spec"]["http"].as_array().map(Vec::as_slice).unwrap_or_default();
            rules.iter().any(|rule| {
                rule["directResponse"]["status"] == 600 || rule["fault"]["abort"]["httpStatus"] == 600
            })
        },
        ours: Verdict::Refused,
    },
    Kept {
        name: "gRPC probes",
        applies: |case| case.document["spec"]["probe"]["grpc"].is_object(),
        ours: Verdict::Accepted,
    },
    Kept {
        name: "Negative durations",
        applies: |case| {
            let policy = &case.document["spec"]["trafficPolicy"];
            let cookie = &policy["loadBalancer"]["consistentHash"]["httpCookie"];
            let durations = [&policy["retryBudget"]["budgetInterval"], &cookie["ttl"]];
            durations.iter().any(|duration| duration.as_str().is_some_and(|text| text.starts_with('-')))
        },
        ours: Verdict::Refused,
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Refused,
    /// Something isn't implemented; nothing else is wrong.
    Skipped,
}

struct Case {
    kind: String,
    /// The party that refused it, and the place; or that none did.
    by: String,
    theirs: Verdict,
    changed: String,
    document: Value,
}

impl Case {
    fn read(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).expect("JSON");
        let document = value["document"].clone();
        let version = document["apiVersion"].as_str().expect("an apiVersion");
        let group = version.split('/').next().unwrap_or_default();
        let theirs = match value["accepted"].as_bool() {
            Some(true) => Verdict::Accepted,
            Some(false) => Verdict::Refused,
            None => panic!("no verdict: {line}"),
        };
        Self {
            kind: format!("{group}/{}", document["kind"].as_str().expect("a kind")),
            by: format!("{} {}", value["by"].as_str().unwrap_or("accepted"), value["fields"]),
            theirs,
            changed: value["changed"].to_string(),
            document,
        }
    }

    /// The findings of `mesh-proxy check`.
    fn findings(&self) -> Diagnostics {
        let (documents, mut findings) = Documents::parse([("document.yaml", self.document.to_string())]);
        for gateway in [false, true] {
            let options = CompileOptions { gateway, ..CompileOptions::default() };
            findings.append(compile(&documents, &options, None).diagnostics);
        }
        findings.sort();
        findings
    }
}

/// The referenced object does not exist, which is no error here.
fn is_reference(finding: &Diagnostic) -> bool {
    matches!(
        finding.code,
        Code::ReferencedResourceNotFound
            | Code::JwtClaimBasedRoutingWithoutRequestAuthN
            | Code::ReferenceNotPermitted
    )
}

fn verdict(findings: &Diagnostics) -> Verdict {
    let mut errors = findings.iter().filter(|finding| finding.is_error() && !is_reference(finding));
    match errors.next() {
        None => Verdict::Accepted,
        Some(first) => {
            let unimplemented = |finding: &Diagnostic| finding.code == Code::NotImplemented;
            if unimplemented(first) && errors.all(unimplemented) {
                Verdict::Skipped
            } else {
                Verdict::Refused
            }
        }
    }
}

/// Prints to the terminal itself: the output of passing tests is not shown.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("there is a terminal, or a file");
}

#[test]
fn documents_are_judged_as_by_istio() {
    let (mut equal, mut skipped) = (0, 0);
    let mut kept = vec![0; KEPT.len()];
    let mut other: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for case in CASES.lines().map(Case::read) {
        let findings = case.findings();
        let ours = verdict(&findings);
        let difference = KEPT.iter().position(|kept| (kept.applies)(&case));
        if ours == Verdict::Skipped {
            skipped += 1;
            let reason = findings.iter().find(|finding| finding.code == Code::NotImplemented);
            let reason = reason.map(|reason| reason.message.as_str()).unwrap_or_default();
            *reasons.entry(format!("{} {:?}: {reason}", case.kind, case.theirs)).or_default() += 1;
        } else if ours == case.theirs {
            equal += 1;
        } else if let Some(index) = difference.filter(|index| KEPT[*index].ours == ours) {
            kept[index] += 1;
        } else {
            let mut text = format!(
                "{ours:?}, where Istio says {} (changed: {})\n  {}\n",
                case.by, case.changed, case.document
            );
            for finding in findings.iter().filter(|finding| finding.is_error()) {
                let _ = writeln!(text, "    {finding:#}");
            }
            other.entry(case.kind).or_default().push(text);
        }
    }
    for (kind, texts) in &mut other {
        texts.sort();
        println!("== {kind}: {} judged otherwise\n{}", texts.len(), texts.concat());
    }
    println!("skipped: {reasons:#?}");
    let counts: BTreeMap<_, _> = other.iter().map(|(kind, texts)| (kind.as_str(), texts.len())).collect();
    let by_name =
        KEPT.iter().zip(&kept).map(|(difference, count)| format!("{count} kept ({})", difference.name));
    let by_name = by_name.collect::<Vec<_>>().join(", ");
    say(&format!(
        "verdicts: {equal} equal, {by_name}, {skipped} skipped, {} other",
        counts.values().sum::<usize>()
    ));
    for (difference, count) in KEPT.iter().zip(&kept) {
        let name = difference.name;
        assert!(*count > 0, "the difference {name:?} is no more: take it away here and in the docs");
        assert!(DIFFERENCES.contains(&format!("**{name}**")), "{name:?} is not in the page of differences");
    }
    assert!(skipped <= MOST_SKIPPED, "{skipped} documents skipped, {MOST_SKIPPED} at most");
    assert!(counts.is_empty(), "documents are judged otherwise: {counts:?}");
}
