//! Idle connections between two requests, and the limit of their idle time (wish 6; RT-19, RT-20; CB-3).

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use http::{Request, Response};
use mesh_tests::config::{destination_rule, service};
use mesh_tower::Body;
use mesh_tower::test::{MeshTest, Upstream, pass};

use super::{ID, each_post_at_most_once, world};

#[tokio::test(start_paused = true)]
async fn wish_6_a_connection_closed_while_idle_is_never_handed_out() {
    for port in ["http", "http2"] {
        let (test, upstreams) = world(port, &["10.0.0.1"]).await;
        let api = &upstreams[0];
        for round in 0..200 {
            let request =
                if round % 2 == 0 { Request::get("http://api/") } else { Request::post("http://api/") };
            let answer = test.send(request.body(Body::from("x")).unwrap()).await;
            assert_eq!(answer.status(), 200, "{port} {round}: {answer:?}");
            api.close_connections();
            // The close is on its way: the client must use the FIN that it has seen.
            pass(Duration::from_millis(1)).await;
        }
        assert_eq!(api.arrival_count(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn rt_19_wish_6_a_close_that_crosses_the_request_hurts_nobody_and_doubles_no_post() {
    for (port, close, at_rest, busy) in [
        ("http", Upstream::close_connections as fn(&Upstream) -> &Upstream, 1, 1),
        ("http", Upstream::drain_connections, 1, 1),
        ("http2", Upstream::drain_connections, 0, 0),
        // A task with a turn to come writes before it can see the close: then the test cannot know which bytes were
        // read.
        ("http2", Upstream::close_connections, 0, 50),
    ] {
        let (test, upstreams) = world(port, &["10.0.0.1"]).await;
        let api = &upstreams[0];
        let mut failed = [0, 0];
        for round in 0..200 {
            let post = round % 2 == 1;
            let is_busy = round % 4 > 1;
            if !is_busy {
                // The connection's task has finished its work.
                pass(Duration::from_millis(1)).await;
            }
            // Closed at this very moment: the client has no time to see it.
            close(api);
            let request = if post { Request::post("http://api/") } else { Request::get("http://api/") };
            let answer = test.send(request.header(ID, round).body(Body::from("x")).unwrap()).await;
            if answer.status() != 200 {
                assert!(post, "{port} {round}: {answer:?}");
                failed[usize::from(is_busy)] += 1;
            }
        }
        assert!(failed[0] <= at_rest && failed[1] <= busy, "{port}: {failed:?} failed POSTs");
        each_post_at_most_once(api);
        assert_eq!(api.arrival_count() + failed[0] + failed[1], 200, "{port}");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_are_used_again() {
    for port in ["http", "http2"] {
        let (test, upstreams) = world(port, &["10.0.0.1"]).await;
        for _ in 0..50 {
            assert_eq!(test.get("http://api/").await.status(), 200);
        }
        assert_eq!(upstreams[0].connections(), 1, "{port}");
    }
}

#[tokio::test(start_paused = true)]
async fn cb_3_a_connection_serves_no_more_requests_than_it_may_in_a_burst_either() {
    for (port, most) in [("http", 3), ("http2", 3), ("http2", 1)] {
        let limit = format!("{{http: {{maxRequestsPerConnection: {most}}}}}");
        let rule = destination_rule("api", &format!("  trafficPolicy: {{connectionPool: {limit}}}"));
        let test = MeshTest::new(&(service("api", port, 80, &["10.0.0.1"]) + &rule)).start().await;
        let api = test.upstream("10.0.0.1:80");
        for _ in 0..2 {
            let answers = join_all((0..10).map(|_| test.get("http://api/"))).await;
            assert!(answers.iter().all(|answer| answer.status() == 200));
        }
        let mut served = HashMap::new();
        for arrival in api.arrivals() {
            *served.entry(arrival.connection).or_insert(0) += 1;
        }
        assert!(served.values().all(|served| *served <= most), "{port}: {served:?}");
        assert_eq!(served.values().sum::<usize>(), 20);
    }
}

/// A server that closes idle connections at random moments, under steady load: sent, failed GETs, failed
/// POSTs, arrivals, connections.
async fn idle_closes(port: &str, count: usize) -> [usize; 5] {
    const WORKERS: usize = 16;
    let (test, upstreams) = world(port, &["10.0.0.1"]).await;
    let api = upstreams[0].clone();
    api.handle(|_| async {
        pass(Duration::from_millis(1)).await;
        Response::new(Body::empty())
    });
    let closing = tokio::spawn(async move {
        let mut seed = 7_u64;
        loop {
            // 20 to 50 ms: sometimes between two requests of a connection and sometimes within one.
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            pass(Duration::from_micros(20_000 + (seed >> 33) % 30_000)).await;
            api.drain_connections();
        }
    });
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..WORKERS {
        let client = test.client().clone();
        workers.spawn(async move {
            let mut failed = [0, 0];
            for round in 0..count / WORKERS {
                let kind = (worker + round) % 3;
                let request =
                    [Request::get("http://api/"), Request::put("http://api/"), Request::post("http://api/")];
                let request = request.into_iter().nth(kind).unwrap().header(ID, round * WORKERS + worker);
                let request = request.body(Body::from("x")).unwrap();
                let answer = client.request(request).await;
                if !answer.is_ok_and(|answer| answer.status() == 200) {
                    failed[usize::from(kind == 2)] += 1;
                }
                // Sometimes idle for a moment, so that a close may come first.
                if round % 4 == 0 {
                    pass(Duration::from_millis(1)).await;
                }
            }
            failed
        });
    }
    let failed = workers.join_all().await;
    closing.abort();
    let connections = usize::try_from(upstreams[0].connections()).unwrap();
    each_post_at_most_once(&upstreams[0]);
    let [safe, posts] = failed.iter().fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
    [count, safe, posts, upstreams[0].arrival_count(), connections]
}

#[tokio::test(start_paused = true)]
async fn wish_6_a_server_that_closes_idle_connections_costs_nothing() {
    for port in ["http", "http2"] {
        let [sent, safe, posts, arrivals, connections] = idle_closes(port, 16_000).await;
        assert_eq!(safe, 0, "{port}: failed GETs and PUTs");
        assert!(posts <= 1, "{port}: {posts} failed POSTs");
        assert!(arrivals + posts >= sent, "{port}: {arrivals} arrivals of {sent}");
        assert!(connections * 10 <= sent, "{port}: {connections} connections for {sent} requests");
    }
}

#[tokio::test(start_paused = true)]
async fn wish_6_what_must_not_be_sent_twice_goes_on_no_connection_whose_time_is_nearly_up() {
    let (test, upstreams) = world("http", &["10.0.0.1"]).await;
    let api = &upstreams[0];
    test.get("http://api/").await;
    pass(Duration::from_secs(60)).await;
    api.close_connections();
    pass(Duration::from_millis(1)).await;
    // From here on the client knows that the server closes after a minute.
    for (wait, method, connections) in
        [(0, "GET", 2), (58, "POST", 2), (59, "GET", 2), (59, "POST", 3), (59, "DELETE", 3)]
    {
        pass(Duration::from_secs(wait)).await;
        let request = Request::builder().method(method).uri("http://api/").body(Body::empty()).unwrap();
        assert_eq!(test.send(request).await.status(), 200);
        assert_eq!(api.connections(), connections, "{method} after {wait} s");
    }
}

#[tokio::test(start_paused = true)]
async fn wish_6_an_announced_timeout_is_kept_to() {
    let (test, upstreams) = world("http", &["10.0.0.1"]).await;
    let api = &upstreams[0];
    api.handle(|_| async {
        Response::builder().header("keep-alive", "timeout=5, max=100").body(Body::empty()).unwrap()
    });
    for (wait, connections) in [(0, 1), (3, 1), (4, 2)] {
        pass(Duration::from_secs(wait)).await;
        assert_eq!(test.send(Request::post("http://api/").body(Body::empty()).unwrap()).await.status(), 200);
        assert_eq!(api.connections(), connections, "after {wait} s");
    }
}

#[tokio::test(start_paused = true)]
async fn rt_20_where_no_idle_connection_is_trusted_a_new_one_serves() {
    let (test, upstreams) = world("http", &["10.0.0.1"]).await;
    let api = &upstreams[0];
    api.handle(|_| async {
        Response::builder().header("keep-alive", "timeout=0").body(Body::empty()).unwrap()
    });
    for connections in 1..=3 {
        let answers = (0..2).map(|_| test.send(Request::post("http://api/").body(Body::empty()).unwrap()));
        for answer in join_all(answers).await {
            assert_eq!(answer.status(), 200);
        }
        assert_eq!(api.connections(), 2 * connections);
    }
}
