//! Random decisions: weights, faults, mirrors.
//!
//! A share p of n requests lies within 6 standard deviations, √(n·p·(1−p)), of n·p; a correct share fails this in one
//! case of five hundred million.

use super::harness::{Pair, Seen, Side, get};

const MANY: usize = 400;

async fn pair() -> Option<Pair> {
    Pair::sidecar("chance", &["one", "two"]).await
}

/// Sends many requests through one side; returns the outcome of each.
async fn many(pair: &Pair, side: &Side, path: &str) -> Vec<Seen> {
    let mut all = Vec::with_capacity(MANY);
    for _ in 0..MANY {
        all.push(side.send(&get("one.test:8080", path), &pair.number()).await);
    }
    all
}

#[track_caller]
fn about(share: f64, found: usize) {
    let (count, spread) = (MANY as f64 * share, 6.0 * (MANY as f64 * share * (1.0 - share)).sqrt());
    assert!((count - spread..=count + spread).contains(&(found as f64)), "{found} of {MANY} for {share}");
}

#[tokio::test]
async fn va_3_weights() {
    let Some(pair) = pair().await else { return };
    for side in [&pair.ours, &pair.envoy] {
        let all = many(&pair, side, "/split").await;
        about(0.8, all.iter().filter(|seen| seen.answer.body == "one").count());
        let other = all.iter().find(|seen| seen.answer.body == "two").unwrap();
        assert_eq!(other.logged("cluster"), "outbound|8080||two.test");
    }
}

#[tokio::test]
async fn fi_2_fi_3_shares_of_aborts_and_delays() {
    let Some(pair) = pair().await else { return };
    for side in [&pair.ours, &pair.envoy] {
        let all = many(&pair, side, "/abort").await;
        about(0.3, all.iter().filter(|seen| seen.status() == 418).count());
        assert!(all.iter().all(|seen| seen.arrivals.is_empty() == (seen.logged("flags") == "FI")));
        let all = many(&pair, side, "/sometimes").await;
        about(0.4, all.iter().filter(|seen| seen.logged("flags") == "DI").count());
    }
}

#[tokio::test]
async fn va_10_shares_of_mirrors() {
    let Some(pair) = pair().await else { return };
    for side in [&pair.ours, &pair.envoy] {
        let all = many(&pair, side, "/mirror").await;
        assert!(all.iter().all(|seen| seen.answer.body == "one"));
        // The last copies may still be on their way.
        let copies = |seen: &Seen| side.backends.arrivals(seen.log["step"].as_str().unwrap()).len() - 1;
        about(0.5, all.iter().map(copies).sum::<usize>());
    }
}

#[tokio::test]
async fn fi_5_fi_6_an_abort_is_an_answer_and_never_retried() {
    let Some(pair) = pair().await else { return };
    let seen = pair.send(get("one.test:8080", "/always")).await.alike();
    assert_eq!(
        (seen.status(), seen.logged("flags"), seen.logged("details")),
        (503, "FI", "fault_filter_abort")
    );
    assert_eq!(seen.answer.body, "fault filter abort");
    let seen = pair.send(get("one.test:8080", "/always").grpc()).await.alike();
    assert_eq!((seen.status(), seen.header("grpc-status")), (200, "14"));
    let seen = pair.send(get("one.test:8080", "/status").grpc()).await.alike();
    assert_eq!((seen.status(), seen.header("grpc-status")), (200, "7"));
    let lines = [
        "+ body \"\"",
        "+ header content-type: application/grpc",
        "+ header grpc-message: fault filter abort",
        "+ header grpc-status: 7",
        "- body \"fault filter abort\"",
        "- header content-length: 18",
        "- header content-type: text/plain",
    ];
    let both = pair.send(get("one.test:8080", "/status")).await;
    both.differ("An abort with `grpcStatus` is a gRPC answer", &lines);
    let seen = pair.send(get("one.test:8080", "/never")).await.alike();
    assert_eq!((seen.status(), seen.logged("flags")), (200, "-"));
}

#[tokio::test]
async fn fi_4_a_delay_is_not_part_of_the_timeout() {
    let Some(pair) = pair().await else { return };
    let before = std::time::Instant::now();
    let seen = pair.send(get("one.test:8080", "/delay")).await.alike();
    assert!(before.elapsed().as_millis() >= 300);
    assert_eq!((seen.status(), seen.logged("flags")), (200, "DI"));
    let seen = pair.send(get("one.test:8080", "/delay").script("hang")).await.alike();
    assert_eq!((seen.status(), seen.logged("flags")), (504, "DI,UT"));
    let seen = pair.send(get("one.test:8080", "/both")).await.alike();
    assert_eq!((seen.status(), seen.logged("flags")), (500, "DI,FI"));
}
