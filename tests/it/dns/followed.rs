//! A service whose addresses come from a name: new addresses come, old addresses go, and the resolver fails at times
//! (SE-7).

use std::time::Duration;

use mesh_tests::counters::Counters;
use mesh_tower::Body;
use mesh_tower::admin::Admin;
use mesh_tower::test::{MeshTest, pass};
use tokio::time::Instant;
use tower::ServiceExt;

use super::{HOST, URI, entry, secs, shares, world};

#[tokio::test(start_paused = true)]
async fn se_7_a_new_address_gets_its_share_within_a_ttl() {
    let test = world("DNS", 60).await;
    assert_eq!(shares(&test, 20).await, [20, 0, 0]);
    test.dns().addresses(HOST, ["10.0.0.1", "10.0.0.2", "10.0.0.3"], secs(60));
    pass(secs(61)).await;
    let shares = shares(&test, 3000).await;
    assert!(shares.iter().all(|share| (950..=1050).contains(share)), "{shares:?}");
}

#[tokio::test(start_paused = true)]
async fn se_7_a_removed_address_gets_no_new_request_after_its_ttl() {
    let test = world("DNS", 60).await;
    test.dns().addresses(HOST, ["10.0.0.1", "10.0.0.2"], secs(60));
    pass(secs(61)).await;
    test.dns().addresses(HOST, ["10.0.0.2"], secs(60));
    pass(secs(61)).await;
    assert_eq!(shares(&test, 50).await, [0, 50, 0]);
}

#[tokio::test(start_paused = true)]
async fn se_7_a_resolver_that_is_down_for_ten_minutes_costs_no_request() {
    let counters = Counters::leak();
    let _installed = counters.install();
    let test = world("DNS", 30).await;
    assert_eq!(shares(&test, 1).await, [1, 0, 0]);
    // Gauges are set when the page is requested.
    let stale = async || {
        let request = http::Request::get("/stats/prometheus").body(Body::empty()).unwrap();
        Admin::new(test.mesh().clone()).oneshot(request).await.unwrap();
        counters.sum("mesh_dns_stale_seconds", &format!("name={HOST}"))
    };
    assert_eq!(stale().await, 0);
    for outage in [true, false] {
        if outage {
            test.dns().fail(HOST)
        } else {
            test.dns().hang(HOST)
        }
        let end = Instant::now() + secs(600);
        while Instant::now() < end {
            assert_eq!(shares(&test, 1).await, [1, 0, 0]);
            pass(secs(1)).await;
        }
        // While the answer is older than its TTL; counted through both outages.
        let known = if outage { 560..=600 } else { 1_160..=1_210 };
        let shown = stale().await;
        assert!(known.contains(&shown), "{shown}");
    }
    test.dns().addresses(HOST, ["10.0.0.1"], secs(30));
    pass(secs(120)).await;
    assert_eq!((stale().await, shares(&test, 1).await), (0, [1, 0, 0]));
}

#[tokio::test(start_paused = true)]
async fn se_7_a_name_that_loses_its_addresses_keeps_them_for_the_grace_period() {
    let test = world("DNS", 30).await;
    assert_eq!(shares(&test, 1).await, [1, 0, 0]);
    let start = Instant::now();
    test.dns().empty(HOST);
    let gone = loop {
        let answer = test.get(URI).await;
        if answer.status() != 200 {
            break answer;
        }
        pass(secs(1)).await;
    };
    // The name is asked again within the TTL, then the old answer holds for the grace period.
    let lasted = start.elapsed();
    assert!(lasted >= secs(45) && lasted <= secs(62), "{lasted:?}");
    assert_eq!((gone.status().as_u16(), gone.flags().as_str()), (503, "UH"));
    test.dns().addresses(HOST, ["10.0.0.2"], secs(30));
    pass(secs(61)).await;
    assert_eq!(shares(&test, 1).await, [0, 1, 0], "and has some again");
}

#[tokio::test(start_paused = true)]
async fn se_7_without_a_first_answer_the_answer_is_uh_and_not_a_hang() {
    for outage in ["empty", "fail", "hang"] {
        let test = MeshTest::new(&entry("DNS"));
        match outage {
            "empty" => test.dns().empty(HOST),
            "fail" => test.dns().fail(HOST),
            _ => test.dns().hang(HOST),
        }
        let test = test.start().await;
        let start = Instant::now();
        let answer = test.get(URI).await;
        assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (503, "UH"), "{outage}");
        assert_eq!(answer.text(), "no healthy upstream");
        let patience = if outage == "hang" { secs(2) } else { Duration::ZERO };
        assert_eq!(start.elapsed(), patience, "{outage}");
        let start = Instant::now();
        assert_eq!(test.get(URI).await.flags(), "UH");
        assert_eq!(start.elapsed(), Duration::ZERO, "{outage}: from then on at once");
    }
}

#[tokio::test(start_paused = true)]
async fn se_7_the_first_address_alone_counts_and_old_connections_stay() {
    let test = world("DNS_ROUND_ROBIN", 60).await;
    let (first, second) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
    test.dns().addresses(HOST, ["10.0.0.1", "10.0.0.2"], secs(60));
    pass(secs(61)).await;
    assert_eq!(shares(&test, 10).await, [10, 0, 0], "one host, however many addresses");
    test.dns().addresses(HOST, ["10.0.0.2", "10.0.0.1"], secs(60));
    pass(secs(61)).await;
    assert_eq!(shares(&test, 10).await, [10, 0, 0], "the connection stays");
    assert_eq!((first.connections(), second.connections()), (1, 0));
    first.close_connections();
    pass(Duration::from_millis(1)).await;
    assert_eq!(shares(&test, 10).await, [0, 10, 0], "a new one goes to the newest first address");
    assert_eq!((first.connections(), second.connections()), (1, 1));
    test.dns().addresses(HOST, ["10.0.0.1"], secs(60));
    second.close_connections();
    pass(secs(61)).await;
    assert_eq!(shares(&test, 10).await, [10, 0, 0], "and back");
}

#[tokio::test(start_paused = true)]
async fn se_7_a_dial_that_fails_asks_earlier() {
    let test = world("DNS", 300).await;
    assert_eq!(shares(&test, 1).await, [1, 0, 0]);
    pass(secs(20)).await;
    test.dns().addresses(HOST, ["10.0.0.2"], secs(300));
    test.upstream("10.0.0.1:80").down().close_connections();
    pass(Duration::from_millis(1)).await;
    // Minutes before the TTL ends, and already for the retry of the call that found the failure.
    assert_eq!(shares(&test, 3).await, [0, 3, 0]);
    assert_eq!(test.dns().questions().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn se_7_a_name_is_asked_for_once_however_many_clusters_use_it() {
    let rule = "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: db, namespace: default}
spec:
  host: db.example.com
  subsets: [{name: a, labels: {}}, {name: b, labels: {}}]
";
    let yaml = entry("DNS") + rule;
    let test = MeshTest::new(&yaml);
    test.dns().addresses(HOST, ["10.0.0.1"], secs(60));
    let test = test.start().await;
    pass(secs(1)).await;
    assert_eq!(test.dns().questions().len(), 1);
    test.upstream("10.0.0.1:80").respond(200, "1");
    test.dns().fail(HOST);
    test.reload(&yaml.replace("name: b,", "name: c,"));
    assert_eq!(shares(&test, 1).await, [1, 0, 0], "what was known outlives a reload");
    test.reload(
        &(entry("DNS")
            + &rule.replace("subsets:", "trafficPolicy: {loadBalancer: {simple: RANDOM}}\n  subsets:")),
    );
    assert_eq!(shares(&test, 1).await, [1, 0, 0], "also one that makes the cluster anew");
    assert_eq!(test.dns().questions().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn ou_1_the_same_seed_asks_at_the_same_times() {
    let mut times = Vec::new();
    for seed in [1, 1, 2] {
        let test = MeshTest::new(&entry("DNS")).seed(seed);
        test.dns().addresses(HOST, ["10.0.0.1"], secs(60));
        let test = test.start().await;
        pass(secs(600)).await;
        times.push(test.dns().questions());
    }
    assert_eq!(times[0], times[1]);
    assert_ne!(times[0], times[2]);
}
