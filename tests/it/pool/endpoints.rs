//! Endpoints that die, come back or refuse, and the load of the rest (wish 5).

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::Response;
use mesh_tests::config::{destination_rule, service};
use mesh_tower::Body;
use mesh_tower::test::{MeshTest, Upstream, pass};
use tokio::sync::Semaphore;

use super::world;

#[tokio::test(start_paused = true)]
async fn wish_5_a_dead_endpoint_costs_no_get_and_returns_by_itself() {
    for port in ["http", "http2"] {
        let (test, upstreams) = world(port, &["10.0.0.1", "10.0.0.2", "10.0.0.3"]).await;
        let dead = &upstreams[0];
        for _ in 0..60 {
            assert_eq!(test.get("http://api/").await.status(), 200);
        }
        dead.down();
        for _ in 0..300 {
            assert_eq!(test.get("http://api/").await.status(), 200, "{port}");
        }
        dead.up().forget_arrivals();
        // Back-off is at most 2 s; no request is needed for the way back.
        pass(Duration::from_secs(5)).await;
        assert_eq!(dead.open_connections(), 1, "{port}: reconnected in the background");
        for _ in 0..300 {
            assert_eq!(test.get("http://api/").await.status(), 200);
        }
        assert!(dead.arrival_count() >= 75, "{port}: {} of 300", dead.arrival_count());
    }
}

#[tokio::test(start_paused = true)]
async fn wish_5_an_endpoint_that_refuses_one_more_connection_keeps_its_share() {
    let rule = destination_rule("api", "  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}");
    let test = MeshTest::new(&(service("api", "http", 80, &["10.0.0.1", "10.0.0.2"]) + &rule)).start().await;
    let (full, other) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
    let gate = Arc::new(Semaphore::new(0));
    for upstream in [&full, &other] {
        let gate = gate.clone();
        upstream.handle(move |_| {
            let gate = gate.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                Response::new(Body::empty())
            }
        });
    }
    let calls = async {
        let first = join_all((0..2).map(|_| test.get("http://api/")));
        let more = async {
            full.arrived(1).await;
            other.arrived(1).await;
            full.refuse();
            join_all((0..2).map(|_| test.get("http://api/"))).await
        };
        tokio::join!(first, more)
    };
    let open = async {
        other.arrived(3).await;
        gate.add_permits(1_000);
    };
    let ((first, more), ()) = tokio::join!(calls, open);
    assert!(first.iter().chain(&more).all(|answer| answer.status() == 200));
    full.forget_arrivals();
    for _ in 0..20 {
        assert_eq!(test.get("http://api/").await.status(), 200);
    }
    assert_eq!(full.arrival_count(), 10);
}

#[tokio::test(start_paused = true)]
async fn wish_5_twenty_endpoints_are_loaded_alike() {
    const CALLS: usize = 8_000;
    let addresses: Vec<String> = (1..=20).map(|last| format!("10.0.0.{last}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    for policy in ["LEAST_REQUEST", "ROUND_ROBIN", "RANDOM"] {
        let rule = format!("  trafficPolicy: {{loadBalancer: {{simple: {policy}}}}}");
        let yaml = service("api", "http2", 80, &addresses) + &destination_rule("api", &rule);
        let test = MeshTest::new(&yaml).start().await;
        let upstreams = addresses.iter().map(|address| test.upstream(&format!("{address}:80")));
        let upstreams: Vec<Upstream> = upstreams.collect();
        for _ in 0..CALLS / 40 {
            let answers = join_all((0..40).map(|_| test.get("http://api/"))).await;
            assert!(answers.iter().all(|answer| answer.status() == 200));
        }
        let served: Vec<usize> = upstreams.iter().map(Upstream::arrival_count).collect();
        // Of twenty endpoints, the 99th percentile is the most loaded one.
        let (most, mean) = (*served.iter().max().unwrap(), CALLS / addresses.len());
        assert!(10 * most <= 13 * mean, "{policy}: {served:?}");
    }
}
