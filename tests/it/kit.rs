//! The kit keeps its own promises: one seed, one history; a fault that never fired is reported.

use std::time::{Duration, Instant};

use mesh_tests::config::{service, virtual_service};
use mesh_tower::test::{EventKind, Fault, MeshTest};

fn flaky() -> String {
    let retries = "  - retries: {attempts: 5, retryOn: '5xx', backoff: 10s}
    route: [{destination: {host: api}}]";
    service("api", "http", 80, &["10.0.0.1", "10.0.0.2", "10.0.0.3"]) + &virtual_service("api", retries)
}

async fn history(seed: u64) -> String {
    let test = MeshTest::new(&flaky()).seed(seed).start().await;
    for address in ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"] {
        let upstream = test.upstream(address);
        upstream.respond(200, address).refuse().fail_next(1, 503);
        upstream.close_after_request_body().delay(Duration::from_secs(3));
    }
    for _ in 0..20 {
        let _ = test.get("http://api/").await;
    }
    test.transcript()
}

#[tokio::test(start_paused = true)]
async fn ou_1_the_same_seed_gives_the_same_history() {
    let first = history(7).await;
    assert_eq!(first, history(7).await);
    assert_ne!(first, history(8).await, "the seed changes something");
}

#[tokio::test(start_paused = true)]
async fn half_a_minute_of_backoff_takes_no_time() {
    let test = MeshTest::new(&flaky()).start().await;
    for address in ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"] {
        let _ = test.upstream(address).respond(503, "");
    }
    let (virtually, really) = (tokio::time::Instant::now(), Instant::now());
    assert_eq!(test.get("http://api/").await.status(), 503);
    assert!(virtually.elapsed() > Duration::from_secs(30), "{:?}", virtually.elapsed());
    assert!(really.elapsed() < Duration::from_secs(5), "{:?}", really.elapsed());
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "scripted faults that never happened")]
async fn a_fault_that_never_fired_fails_the_test() {
    let test = MeshTest::new(&flaky()).start().await;
    test.upstream("10.0.0.1:80").fail_next(1, 503);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "IST0106")]
async fn a_wrong_configuration_fails_the_test_with_its_finding() {
    let _ = MeshTest::new(&virtual_service("api", "  - rout: []"));
}

#[tokio::test(start_paused = true)]
async fn nobody_listens_where_no_upstream_was_asked_for() {
    let test = MeshTest::new(&service("api", "http", 80, &["10.0.0.1"])).start().await;
    let answer = test.get("http://api/").await;
    assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (503, "URX,UF"));
}

#[tokio::test(start_paused = true)]
async fn arrivals_and_events_tell_what_came() {
    let test = MeshTest::new(&service("api", "http", 80, &["10.0.0.1"])).start().await;
    let api = test.upstream("10.0.0.1:80");
    api.respond(201, "made").close_connections();
    let request = http::Request::put("http://api/things?x=1").body("hello".into()).unwrap();
    let answer = test.send(request).await;
    assert_eq!((answer.status().as_u16(), answer.text().as_str()), (201, "made"));
    let arrival = &api.arrivals()[0];
    assert_eq!((arrival.path(), arrival.authority(), arrival.attempt()), ("/things?x=1", "api", 1));
    assert_eq!((arrival.body.text().as_str(), arrival.body.complete), ("hello", true));
    let kinds: Vec<EventKind> = test.events().into_iter().map(|event| event.kind).collect();
    assert!(
        matches!(&kinds[..], [EventKind::Connected, EventKind::Arrived { .. }, EventKind::Answered(_)]),
        "{kinds:?}"
    );
    assert_eq!(api.fault(Fault::Hang).unfired(), [Fault::Hang]);
    let _ = tokio::time::timeout(Duration::from_secs(1), test.get("http://api/")).await;
}
