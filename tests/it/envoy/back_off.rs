//! How long a retry waits.
//!
//! A busy machine makes waits longer and never shorter. So the test checks without tolerance only the bounds that hold
//! on any machine: over many requests the waits reach up to their bound, which a shorter back-off would
//! not, and begin well below it, which a fixed one would not. From above, they are compared with
//! Envoy's of the same moment.

use std::time::Duration;

use futures_util::future::join_all;

use super::harness::{Pair, Side, get};

/// Enough requests: the chance that all waits are in one half of their range is one in 2⁴⁰.
const REQUESTS: usize = 40;
/// The time that a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

#[tokio::test]
async fn rt_11_waits_are_drawn_from_a_range_that_doubles() {
    let Some(pair) = Pair::sidecar_like_istio("retries", &["one", "two"]).await else { return };
    let (ours, envoy) = tokio::join!(waits(&pair, &pair.ours), waits(&pair, &pair.envoy));
    for (retry, bound) in [(0, Duration::from_secs(1)), (1, Duration::from_secs(2))] {
        for waits in [&ours, &envoy] {
            let waits: Vec<Duration> = waits.iter().map(|request| request[retry]).collect();
            let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
            assert!(*most > bound / 2, "retry {retry}: {waits:?}");
            assert!(*most < bound + SLACK, "retry {retry}: {waits:?}");
            assert!(*least < bound / 2 + SLACK, "retry {retry}: {waits:?}");
        }
    }
}

/// The two waits of each request.
async fn waits(pair: &Pair, side: &Side) -> Vec<[Duration; 2]> {
    let requests = (0..REQUESTS).map(async |_| {
        let seen = side.send(&get("one.test:8080", "/slow").script("503,503,200"), &pair.number()).await;
        assert_eq!((seen.status(), seen.arrivals.len()), (200, 3));
        let at: Vec<_> = seen.arrivals.iter().map(|arrival| arrival.at).collect();
        [at[1] - at[0], at[2] - at[1]]
    });
    join_all(requests).await
}
