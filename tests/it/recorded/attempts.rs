//! Retries and timeouts: which failures are repeated, how often, and the caller's final response.
//!
//! Played twice: as Istio runs (`istio_runtime`), and with our own defaults, which are more careful (RT-19, CB-10).

use std::time::Duration;

use futures_util::future::join_all;
use mesh_core::identity::{Labels, Workload};
use mesh_core::retry::GiveUp;
use mesh_tower::Body;
use mesh_tower::record::Record;
use mesh_tower::test::MeshTest;
use serde_json::{Value, json};

use super::case::{self, Case, Configuration};
use super::compare;
use super::kept::Kept;
use super::play;
use super::steps::{CASE, Steps};

/// The documents around a rule: a gateway, the service with its two endpoints, the rule.
fn documents(configuration: &Configuration) -> Vec<Value> {
    let gateway = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "edge"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [
            {"port": {"number": 54321, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]},
        ]},
    });
    let endpoints = [20001, 20002].map(|port| json!({"address": "127.0.0.1", "ports": {"http": port}}));
    let service = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"name": "app"},
        "spec": {
            "hosts": ["app.svc.test"], "resolution": "STATIC",
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
            "endpoints": endpoints,
        },
    });
    let mut rule = configuration.part("rule").clone();
    rule["route"] = json!([{"destination": {"host": "app.svc.test", "port": {"number": 80}}}]);
    let virtual_service = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "edge"},
        "spec": {"hosts": ["*"], "gateways": ["edge"], "http": [rule]},
    });
    vec![gateway, service, virtual_service]
}

fn gateway() -> Workload {
    Workload {
        namespace: "default".into(),
        service_account: "default".into(),
        labels: [("istio".to_owned(), "ingressgateway".to_owned())].into_iter().collect::<Labels>(),
        gateway: true,
        ..Workload::default()
    }
}

/// A case and its outcome here.
struct Played<'a> {
    case: Case<'a>,
    /// The request; and, where the budget allowed no more tries, the number of tries made.
    sent: Value,
    ours: Value,
}

/// Plays the cases of a configuration at once, as the recording was made: they share the budget of retries.
async fn at_once(configuration: &Configuration, istio_runtime: bool) -> Vec<Played<'_>> {
    let steps = Steps::default();
    let network = steps.clone();
    let test = MeshTest::from_documents(case::parse(&documents(configuration)))
        .identity(gateway())
        .with(|builder| builder.gateway(true).istio_runtime(istio_runtime).seed(11))
        .with(|builder| builder.connector(std::sync::Arc::new(network)))
        .start()
        .await;
    let listener = play::listener(&test).expect("the recording's port is open");
    let start = tokio::time::Instant::now();
    let played = configuration.cases().enumerate().map(async |(index, case)| {
        let mut request = play::request_to(case, "app.svc.test", "/");
        let length = case.request["body"].as_u64().unwrap();
        let index = index.to_string();
        request.headers_mut().insert(CASE, index.parse().unwrap());
        if length > 0 {
            *request.body_mut() = Body::from(vec![b'x'; usize::try_from(length).unwrap()]);
        }
        let record = Record::default();
        request.extensions_mut().insert(record.clone());
        let mut ours = play::play(&listener, request, &[]).await;
        let taken = steps.taken(&index);
        let mut sent = case.request.clone();
        if record.decision().gave_up == Some(GiveUp::BudgetSpent) {
            sent[SPENT_AFTER] = taken.len().into();
        }
        ours["attempts"] = taken.into();
        Played { case, sent, ours }
    });
    let played = join_all(played).await;
    assert_budget(&played, start.elapsed(), configuration.line);
    played
}

/// Where the budget stopped a request, the number of retries is the number that the budget pays for: the ten tokens
/// that it begins with, ten a second, and a fifth of one for each success (CB-10). The number of tries of each
/// request is read from our own run, so this checks their sum.
fn assert_budget(played: &[Played<'_>], took: Duration, line: usize) {
    if played.iter().all(|one| one.sent.get(SPENT_AFTER).is_none()) {
        return;
    }
    let tries = |one: &Played<'_>| one.ours["attempts"].as_array().map_or(0, Vec::len);
    let retries: usize = played.iter().map(|one| tries(one).saturating_sub(1)).sum();
    let most = 10.0 + took.as_secs_f64() * 10.0 + 0.2 * played.len() as f64;
    assert!(retries >= 10 && retries as f64 <= most, "line {line}: {retries} retries in {took:?}");
}

fn file(istio_runtime: bool, kept: &[Kept]) -> compare::Report {
    compare::each("attempts.jsonl", |configuration, report| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        for Played { case, sent, ours } in runtime.unwrap().block_on(at_once(configuration, istio_runtime)) {
            report.judge(Case { request: &sent, ..case }, &ours, kept);
        }
    })
}

/// The number of tries of a request when the budget was spent; noted in the request.
const SPENT_AFTER: &str = "budget spent after";

/// The caller's response if this step is the last of this many.
fn last(step: &str, tries: usize, head: bool) -> Value {
    let body = |text: String| if head { String::new() } else { text };
    let answer =
        |status: u16| json!({"status": status, "response": {}, "body": body(format!("step {status}"))});
    match step {
        "reset" | "close" => {
            let retried = if tries > 1 { "retried and the latest " } else { "" };
            let text = format!(
                "upstream connect error or disconnect/reset before headers. {retried}reset reason: connection \
                 termination"
            );
            json!({"status": 503, "response": {"content-type": "text/plain"}, "body": body(text)})
        }
        "grpc14" => {
            let mut grpc = answer(200);
            grpc["response"] = json!({"content-type": "application/grpc", "grpc-status": "14"});
            grpc
        }
        "rl" => answer(429),
        status => answer(status.parse().expect("the other steps are never repeated")),
    }
}

/// The answer where only the first of the recorded tries are made.
fn cut(case: Case<'_>, tries: usize) -> Option<Value> {
    let taken = case.observed["attempts"].as_array().filter(|taken| (1..taken.len()).contains(&tries))?;
    let mut answer = last(taken[tries - 1].as_str()?, tries, case.asked("method") == "HEAD");
    answer["attempts"] = taken[..tries].into();
    Some(answer)
}

/// Envoy recognises a gRPC answer by its own content type, and repeats the request by its `grpc-status`.
const GRPC_STATUS: Kept = Kept {
    name: "a gRPC status in the answer to a request that is no gRPC",
    page: "A `grpc-status` in the answer to a request that isn't gRPC",
    instead: |case| {
        let taken = case.observed["attempts"].as_array()?;
        let first = taken.iter().position(|step| step == "grpc14")?;
        cut(case, first + 1)
    },
};

/// Twenty requests that all fail at once share ten tokens (CB-10).
const BUDGET: Kept = Kept {
    name: "the budget of retries is spent",
    page: "A second budget is always on.",
    instead: |case| cut(case, usize::try_from(case.request[SPENT_AFTER].as_u64()?).ok()?),
};

#[test]
fn what_istio_does_about_failed_attempts() {
    const KEPT: &[Kept] = &[GRPC_STATUS];
    file(true, KEPT).assert("attempts.jsonl, as Istio runs", 1000, KEPT);
}

#[test]
fn what_istio_does_about_failed_attempts_and_the_defaults_do() {
    const KEPT: &[Kept] = &[GRPC_STATUS, BUDGET];
    file(false, KEPT).assert("attempts.jsonl, by default", 1000, KEPT);
}
