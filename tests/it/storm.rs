//! Wish 2: three tiers; the callers of both upper tiers retry three times, and the last tier fails for a while.

use std::time::Duration;

use http::Response;
use mesh_tests::config::{service, virtual_service};
use mesh_tower::Body;
use mesh_tower::test::{MeshTest, TestMesh, Upstream, pass};
use tokio::task::JoinSet;
use tokio::time::Instant;

const OUTAGE: Duration = Duration::from_secs(8);
const PACE: Duration = Duration::from_millis(5);

async fn tier(budget: bool, per_try: u64) -> (TestMesh, Upstream) {
    let retries = format!(
        "  - retries: {{attempts: 3, retryOn: '5xx', backoff: 1ms, perTryTimeout: {per_try}ms}}
    route: [{{destination: {{host: next}}}}]"
    );
    let yaml = service("next", "http", 80, &["10.0.0.1"]) + &virtual_service("next", &retries);
    let test = MeshTest::new(&yaml).with(|builder| builder.istio_runtime(!budget)).start().await;
    let next = test.upstream("10.0.0.1:80");
    (test, next)
}

/// 200 requests a second for this long: the share of successes among those sent after `from`, and the number of
/// requests at `last` when the last one was sent.
async fn load(first: &TestMesh, last: &Upstream, time: Duration, from: Duration) -> (f64, usize) {
    let (begin, mut calls) = (Instant::now(), JoinSet::new());
    while begin.elapsed() < time {
        let (client, counts) = (first.client().clone(), begin.elapsed() >= from);
        calls.spawn(async move {
            let good = client.get("http://next/").await.is_ok_and(|answer| answer.status() == 200);
            (counts, good)
        });
        pass(PACE).await;
    }
    let arrived = last.arrival_count();
    let outcomes = calls.join_all().await;
    let counted = outcomes.iter().filter(|(counts, _)| *counts);
    (counted.clone().filter(|(_, good)| *good).count() as f64 / counted.count() as f64, arrived)
}

/// The failure of the last tier.
#[derive(Clone, Copy, Debug)]
enum Outage {
    /// It fails at once.
    Fast,
    /// It does not answer.
    Slow,
    /// It is gone: no request arrives.
    Gone,
}

/// The load of the last tier in the outage, as a multiple of the normal load, and the successes from two seconds
/// after it.
async fn storm(budget: bool, outage: Outage) -> (f64, f64) {
    let ((a, b), (mesh_of_b, c)) = (tier(budget, 2_000).await, tier(budget, 400).await);
    let to_c = mesh_of_b.client().clone();
    b.handle(move |_| {
        let to_c = to_c.clone();
        async move {
            match to_c.get("http://next/").await {
                Ok(answer) => answer,
                Err(error) => mesh_tower::Error::from_box(error).response(false),
            }
        }
    });
    let (good, _) = load(&a, &c, Duration::from_secs(4), Duration::ZERO).await;
    assert!((good - 1.0).abs() < f64::EPSILON);
    c.forget_arrivals();
    match outage {
        Outage::Fast => c.handle(|_| async { Response::builder().status(503).body(Body::empty()).unwrap() }),
        Outage::Slow => c.handle(|_| std::future::pending()),
        Outage::Gone => c.down(),
    };
    let (_, arrived) = load(&a, &c, OUTAGE, Duration::ZERO).await;
    let amplified = arrived as f64 * PACE.as_secs_f64() / OUTAGE.as_secs_f64();
    c.up().respond(200, "");
    let (recovered, _) = load(&a, &c, Duration::from_secs(6), Duration::from_secs(2)).await;
    (amplified, recovered)
}

#[tokio::test(start_paused = true)]
async fn cb_10_budgets_keep_an_outage_from_becoming_a_storm() {
    for outage in [Outage::Fast, Outage::Slow, Outage::Gone] {
        let (amplified, recovered) = storm(true, outage).await;
        assert!(amplified <= 1.25, "{outage:?}: the last tier got {amplified} times its load");
        assert!(recovered >= 0.99, "{outage:?}: {recovered} succeeded from 2 s after the outage");
    }
}

#[tokio::test(start_paused = true)]
async fn without_budgets_the_same_outage_is_a_storm() {
    for outage in [Outage::Fast, Outage::Slow] {
        let (amplified, _) = storm(false, outage).await;
        assert!(amplified > 5.0, "{outage:?}: only {amplified}: the test above proves nothing");
    }
}
