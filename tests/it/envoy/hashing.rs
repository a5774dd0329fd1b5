//! Which endpoint a key belongs to.

use std::collections::BTreeMap;

use super::harness::Pair;

const KEYS: usize = 1_000;
const BACKENDS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// The endpoint of each key, by ours and by Envoy, at the very same addresses.
async fn same(path: &str) {
    let Some(pair) = Pair::sidecar_of_shared("hash", &BACKENDS).await else { return };
    let keys: Vec<_> = (0..KEYS).map(|number| ("x-key", format!("key {number}"))).collect();
    let ours = pair.ours.bodies("one.test:8080", path, &keys).await;
    let envoy = pair.envoy.bodies("one.test:8080", path, &keys).await;
    let moved: Vec<_> = (0..KEYS).filter(|&key| ours[key] != envoy[key]).collect();
    assert!(moved.is_empty(), "{} of {KEYS} keys are elsewhere: {moved:?}", moved.len());
    let mut shares = BTreeMap::<_, usize>::new();
    for name in envoy {
        *shares.entry(name).or_default() += 1;
    }
    assert_eq!(shares.len(), BACKENDS.len(), "{shares:?}");
}

#[tokio::test]
async fn lb_5_lb_7_ring_hash_picks_envoys_endpoints() {
    same("/ring").await;
}

#[tokio::test]
async fn lb_7_a_larger_ring_does_too() {
    same("/large").await;
}

#[tokio::test]
async fn lb_8_maglev_picks_envoys_endpoints() {
    same("/maglev").await;
}
