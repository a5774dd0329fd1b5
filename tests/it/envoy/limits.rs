//! Circuit limits and ejections.

use std::time::{Duration, Instant};

use super::harness::{DEADLINE, Pair, Step, get};

/// `baseEjectionTime` of the host that returns.
const EJECTION: Duration = Duration::from_millis(500);

async fn pair() -> Option<Pair> {
    Pair::sidecar("resilience", &["one"]).await
}

fn to(path: &str) -> Step {
    get("one.test:8080", path)
}

#[tokio::test]
async fn cb_5_over_the_limit_of_requests_is_503() {
    let Some(pair) = pair().await else { return };
    let (number, held) = (pair.number(), to("/full").script("gate"));
    let first = async { tokio::join!(pair.ours.send(&held, &number), pair.envoy.send(&held, &number)) };
    let second = async {
        pair.ours.backends.until(&number, 1).await;
        pair.envoy.backends.until(&number, 1).await;
        let lines = [
            "+ log attempts: 0",
            "+ log details: overflow",
            "+ log upstream: null",
            "- log attempts: 1",
            "- log details: upstream_reset_before_response_started{overflow}",
            "- log upstream: one",
        ];
        let heading = "A limit that is reached is `overflow`";
        let seen = pair.send(to("/full")).await.differ(heading, &lines).ours;
        assert_eq!(
            (seen.status(), seen.logged("flags"), seen.header("x-envoy-overloaded")),
            (503, "UO", "true")
        );
        let seen = pair.send(to("/full").grpc()).await.differ(heading, &lines).ours;
        assert_eq!(seen.header("grpc-status"), "14");
        pair.ours.backends.open_gate(1);
        pair.envoy.backends.open_gate(1);
    };
    let ((ours, envoy), ()) = tokio::join!(first, second);
    assert_eq!((ours.status(), envoy.status()), (200, 200));
    // The limit has room again.
    assert_eq!(pair.send(to("/full")).await.alike().status(), 200);
}

#[tokio::test]
async fn cb_5_a_full_queue_is_503() {
    let Some(pair) = pair().await else { return };
    for side in [&pair.ours, &pair.envoy] {
        let (number, held) = (pair.number(), to("/queue").script("gate"));
        let first = side.send(&held, &number);
        let others = async {
            side.backends.until(&number, 1).await;
            // One of these waits for the connection, and the other finds the queue full.
            let (one, two, step) = (pair.number(), pair.number(), to("/queue"));
            let (mut one, mut two) = (Box::pin(side.send(&step, &one)), Box::pin(side.send(&step, &two)));
            let (refused, waits) = tokio::select! {
                refused = &mut one => (refused, two),
                refused = &mut two => (refused, one),
            };
            side.backends.open_gate(1);
            (refused, waits.await)
        };
        let (first, (refused, waited)) = tokio::join!(first, others);
        assert_eq!((first.status(), waited.status(), refused.status()), (200, 200, 503));
        assert_eq!(refused.logged("flags"), "UO");
        assert_eq!(refused.header("x-envoy-overloaded"), "true");
        assert!(refused.answer.body.ends_with(" reset reason: overflow"), "{:?}", refused.answer);
    }
}

#[tokio::test]
async fn od_2_an_endpoint_that_fails_is_ejected() {
    let Some(pair) = pair().await else { return };
    for script in ["503", "200", "500", "502"] {
        let seen = pair.send(to("/ejects").script(script)).await.alike();
        assert_eq!(seen.status().to_string(), script);
    }
    ejected(&pair, "/ejects").await;
}

#[tokio::test]
async fn od_2_resets_count_as_errors() {
    let Some(pair) = pair().await else { return };
    for _ in 0..2 {
        let seen = pair.send(to("/resets").method("POST").script("reset")).await.alike();
        assert_eq!((seen.status(), seen.logged("flags")), (503, "UC"));
    }
    ejected(&pair, "/resets").await;
}

#[tokio::test]
async fn od_6_a_tenth_of_one_host_is_none() {
    let Some(pair) = pair().await else { return };
    for _ in 0..5 {
        assert_eq!(pair.send(to("/never").script("503")).await.alike().status(), 503);
    }
    assert_eq!(pair.send(to("/never")).await.alike().status(), 200);
}

#[tokio::test]
async fn od_8_an_ejected_endpoint_returns() {
    let Some(pair) = pair().await else { return };
    for side in [&pair.ours, &pair.envoy] {
        let start = Instant::now();
        let failed = side.send(&to("/returns").script("503"), &pair.number()).await;
        assert_eq!((failed.status(), failed.arrivals.len()), (503, 1));
        // Envoy ejects on its main thread, shortly after the answer.
        while side.send(&to("/returns"), &pair.number()).await.status() == 200 {
            assert!(start.elapsed() < DEADLINE);
        }
        // `send` has the deadline: it gives up after a minute of answers.
        while side.send(&to("/returns"), &pair.number()).await.status() != 200 {
            assert!(start.elapsed() < DEADLINE);
        }
        assert!(start.elapsed() >= EJECTION, "{:?}", start.elapsed());
    }
}

/// No request gets through any more.
async fn ejected(pair: &Pair, path: &str) {
    let lines = ["+ log attempts: 0", "- log attempts: 1"];
    let both = pair.send(to(path)).await.differ("Attempts are tries at an endpoint", &lines);
    assert_eq!((both.ours.status(), both.ours.logged("flags")), (503, "UH"));
}
