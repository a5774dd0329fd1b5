//! Connections: none is stale, none starves, a dead endpoint is skipped and taken back (wishes 5,
//! 6, 24).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use h2::Reason;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use mesh_tests::config::{destination_rule, service};
use mesh_tower::test::{Fault, MeshTest, TestMesh, Upstream, pass};
use mesh_tower::{Body, BoxError};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

async fn world(port: &str, addresses: &[&str]) -> (TestMesh, Vec<Upstream>) {
    let test = MeshTest::new(&service("api", port, 80, addresses)).start().await;
    let upstreams = addresses.iter().map(|address| test.upstream(&format!("{address}:80"))).collect();
    (test, upstreams)
}

/// Which request it is: no other has the same value.
const ID: &str = "x-id";

fn each_post_at_most_once(upstream: &Upstream) {
    let mut seen = HashSet::new();
    for arrival in upstream.arrivals() {
        assert!(!arrival.header(ID).is_empty());
        let first = seen.insert(arrival.header(ID).to_owned());
        assert!(first || arrival.method != Method::POST, "twice: {arrival:?}");
    }
}

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
            // The close is on its way; a FIN that was seen must suffice.
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
        // A task with a turn to come writes before it can see the close: then nobody can tell what was read.
        ("http2", Upstream::close_connections, 0, 50),
    ] {
        let (test, upstreams) = world(port, &["10.0.0.1"]).await;
        let api = &upstreams[0];
        let mut failed = [0, 0];
        for round in 0..200 {
            let post = round % 2 == 1;
            let is_busy = round % 4 > 1;
            if !is_busy {
                // The connection's task has done what there was to do.
                pass(Duration::from_millis(1)).await;
            }
            // Closed in the very moment: no time for the client to see it.
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
async fn wish_24_a_burst_at_a_fresh_host_makes_one_http2_handshake() {
    let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
    upstreams[0].max_streams(1_000);
    let answers = join_all((0..500).map(|_| test.get("http://api/"))).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert_eq!(upstreams[0].connections(), 1);
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

#[tokio::test(start_paused = true)]
async fn wish_24_at_the_stream_limit_another_connection_is_opened() {
    let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
    let api = &upstreams[0];
    let gate = Arc::new(Semaphore::new(0));
    let waiting = gate.clone();
    api.max_streams(2).handle(move |_| {
        let gate = waiting.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Response::new(Body::from("done"))
        }
    });
    let calls = join_all((0..6).map(|_| test.get("http://api/")));
    let open = async {
        api.arrived(6).await;
        assert_eq!(api.connections(), 3);
        gate.add_permits(6);
    };
    let (answers, ()) = tokio::join!(calls, open);
    assert!(answers.iter().all(|answer| answer.status() == 200));
}

#[tokio::test(start_paused = true)]
async fn wish_24_readers_who_stop_do_not_stop_their_connection() {
    let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
    upstreams[0].respond(200, vec![b'x'; 2 << 20]);
    let mut unread = Vec::new();
    for _ in 0..40 {
        unread.push(test.client().get("http://api/").await.unwrap());
    }
    let answer =
        timeout(Duration::from_secs(60), test.get("http://api/")).await.expect("room on the connection");
    assert_eq!((answer.body.len(), upstreams[0].connections()), (2 << 20, 1));
    for response in unread {
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 2 << 20);
    }
}

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
        // Of twenty, the 99th percentile is the most loaded one.
        let (most, mean) = (*served.iter().max().unwrap(), CALLS / addresses.len());
        assert!(10 * most <= 13 * mean, "{policy}: {served:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_draining_http2_connection_is_replaced_without_an_error() {
    let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
    for round in 0..50 {
        let answer = test.get("http://api/").await;
        assert_eq!(answer.status(), 200, "{round}: {answer:?} {}", test.transcript());
        // A request that crosses the GOAWAY goes to another connection.
        upstreams[0].drain_connections();
    }
    let post = Request::post("http://api/").body(Body::from("x")).unwrap();
    assert_eq!(test.send(post).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_response_before_the_upload_ends_does_not_spoil_the_next_request() {
    for port in ["http", "http2"] {
        let (test, upstreams) = world(port, &["10.0.0.1"]).await;
        upstreams[0].handle(|_| async { Response::new(Body::from("early")) });
        for _ in 0..5 {
            let body = mesh_tests::body::slow(&["a", "b", "c"], Duration::from_secs(1));
            let answer = test.send(Request::post("http://api/").body(body).unwrap()).await;
            assert_eq!((answer.status().as_u16(), answer.text().as_str()), (200, "early"), "{port}");
        }
    }
}

/// Gets the whole response to an upload that has only begun.
async fn answered_early(test: &TestMesh) -> mesh_tests::body::Sender {
    let (upload, body) = mesh_tests::body::channel();
    upload.data("first").await;
    let answer = test.send(Request::post("http://api/").body(body).unwrap()).await;
    assert_eq!((answer.text().as_str(), answer.broken.is_some()), ("early", false));
    upload
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_outlives_its_response_ends_soon_and_keeps_its_place_till_then() {
    for port in ["http", "http2"] {
        let (test, upstreams) = world(port, &["10.0.0.1"]).await;
        let api = &upstreams[0];
        let (ended, mut told) = mpsc::unbounded_channel();
        api.max_streams(1).handle(move |request| {
            let ended = ended.clone();
            tokio::spawn(async move { ended.send(request.into_body().collect().await.is_ok()) });
            async { Response::new(Body::from("early")) }
        });
        let begun = Instant::now();
        let silent = answered_early(&test).await;
        let brief =
            timeout(Duration::from_secs(60), answered_early(&test)).await.expect("another connection");
        assert_eq!(api.connections(), 2, "{port}");
        pass(Duration::from_millis(500)).await;
        drop(brief);
        assert_eq!(told.recv().await, Some(true), "{port}");
        let whole = timeout(Duration::from_secs(60), told.recv()).await.expect("an end");
        assert_eq!((whole, begun.elapsed().as_secs()), (Some(false), 1), "{port}");
        drop(silent);
        answered_early(&test).await;
        assert_eq!(api.connections(), 2, "{port}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_reset_in_its_middle_is_not_a_whole_one() {
    for port in ["http", "http2"] {
        let (test, upstreams) = world(port, &["10.0.0.1"]).await;
        upstreams[0].respond(200, "0123456789").fault(Fault::ResetMidBody);
        let answer = test.get("http://api/").await;
        assert_eq!((answer.status().as_u16(), answer.text().as_str()), (200, "01234"), "{port}");
        assert!(answer.broken.is_some(), "{port}");
        assert_eq!(test.get("http://api/").await.text(), "0123456789");
    }
}

/// A body of unknown length that goes so far and is then reset.
fn cut_short(text: &'static str, reason: Reason) -> Body {
    let frames = futures_util::stream::unfold(Some(text), move |text| async move {
        match text {
            Some(text) => Some((Ok(Frame::data(Bytes::from_static(text.as_bytes()))), None)),
            // What has come before must be on the wire: a reset throws away what is not.
            None => {
                pass(Duration::from_millis(1)).await;
                Some((Err(BoxError::from(h2::Error::from(reason))), None))
            }
        }
    });
    Body::new(StreamBody::new(frames))
}

#[tokio::test(start_paused = true)]
async fn a_response_of_unknown_length_that_is_reset_is_not_a_whole_one_whatever_the_reason() {
    for reason in [Reason::NO_ERROR, Reason::CANCEL, Reason::INTERNAL_ERROR] {
        let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
        upstreams[0].handle(move |_| async move { Response::new(cut_short("half of", reason)) });
        let answer = test.get("http://api/").await;
        assert_eq!((answer.status().as_u16(), answer.text().as_str()), (200, "half of"), "{reason:?}");
        assert!(answer.broken.is_some(), "{reason:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_response_stays_whole_when_the_upload_is_stopped() {
    let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
    // The request's body is dropped unread: the server says RST_STREAM with NO_ERROR after its answer.
    upstreams[0].handle(|_| async { Response::new(Body::from("enough")) });
    for _ in 0..5 {
        let (upload, body) = mesh_tests::body::channel();
        upload.data("first").await;
        let answer = test.send(Request::post("http://api/").body(body).unwrap()).await;
        assert_eq!((answer.text().as_str(), answer.broken.is_some()), ("enough", false));
    }
    assert_eq!(upstreams[0].connections(), 1);
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
            // 20 to 50 ms, which falls now between two requests of a connection and now into one.
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
    // From here on it is known that the server closes after a minute.
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

#[tokio::test(start_paused = true)]
async fn a_response_dropped_during_the_upload_ends_the_upload_too() {
    for port in ["http", "http2"] {
        let (test, upstreams) = world(port, &["10.0.0.1"]).await;
        let (broken, mut told) = mpsc::unbounded_channel();
        upstreams[0].handle(move |request| {
            let broken = broken.clone();
            tokio::spawn(async move {
                let failed = request.into_body().collect().await.is_err();
                broken.send(failed).unwrap();
            });
            // It has begun and never ends.
            async { Response::new(mesh_tests::body::slow(&["begun", "never"], Duration::from_secs(3600))) }
        });
        let (upload, body) = mesh_tests::body::channel();
        upload.data("first").await;
        let request = Request::post("http://api/").body(body).unwrap();
        let response = test.client().clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "{port}");
        drop(response);
        // The caller says nothing more, nor that it has ended.
        assert_eq!(told.recv().await, Some(true), "{port}");
        drop(upload);
    }
}

#[tokio::test(start_paused = true)]
async fn many_answers_at_once_arrive_whole_through_one_http2_connection() {
    let (test, upstreams) = world("http2", &["10.0.0.1"]).await;
    upstreams[0].max_streams(1_000).handle(|request| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Response::new(Body::from(body))
    });
    let calls = (0_u8..200).map(|call| {
        // Below, at and above what is gathered; some announced, some in pieces.
        let size = [100, 1024, 16 * 1024, 100_000][usize::from(call % 4)];
        let bytes = Bytes::from(vec![call; size]);
        let body = if call % 8 < 4 { bytes.clone().into() } else { mesh_tests::body::chunked(&bytes, 7_000) };
        let answer = test.send(Request::post("http://api/").body(body).unwrap());
        async move { (answer.await, bytes) }
    });
    for (answer, bytes) in join_all(calls).await {
        assert!(answer.status() == 200 && answer.body == bytes, "{answer:?}");
    }
    assert_eq!(upstreams[0].connections(), 1);
}
