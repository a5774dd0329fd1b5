//! A repeated request has the same bytes as the first, however its body arrives (RT-10).

use bytes::Bytes;
use http::Request;
use mesh_tests::body::chunked;
use mesh_tests::config::{service, virtual_service};
use mesh_tower::test::{Fault, MeshTest, Received, TestMesh, Upstream};

async fn world(port: &str) -> (TestMesh, Upstream) {
    let retries = "  - retries: {attempts: 3, retryOn: '5xx,reset'}
    route: [{destination: {host: api}}]";
    let yaml = service("api", port, 80, &["10.0.0.1"]) + &virtual_service("api", retries);
    let test = MeshTest::new(&yaml).start().await;
    let api = test.upstream("10.0.0.1:80");
    (test, api)
}

fn bytes(length: usize) -> Bytes {
    (0..length).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_attempt_gets_the_same_body_however_it_is_cut() {
    for port in ["http", "http2"] {
        for (length, size) in [(1, 1), (10, 3), (70_000, 1_000), (70_000, 70_000), (900_000, 16_384)] {
            let (test, api) = world(port).await;
            api.fail_next(1, 503).close_after_request_body();
            let body = bytes(length);
            let request = Request::post("http://api/").body(chunked(&body, size)).unwrap();
            assert_eq!(test.send(request).await.status(), 200, "{length} in {size}");
            let arrivals = api.arrivals();
            assert_eq!(arrivals.len(), 3);
            for (number, arrival) in (1..).zip(&arrivals) {
                assert_eq!(arrival.attempt(), number);
                assert_eq!(arrival.body.length, length as u64, "attempt {number}");
                assert_eq!(arrival.body.hash, Received::hash_of(&body), "attempt {number}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_the_middle_of_the_upload_is_followed_by_a_whole_body() {
    for port in ["http", "http2"] {
        let (test, api) = world(port).await;
        api.close_before_response();
        let body = bytes(500_000);
        let request = Request::post("http://api/").body(chunked(&body, 10_000)).unwrap();
        assert_eq!(test.send(request).await.status(), 200, "{port}");
        let arrivals = api.arrivals();
        assert_eq!(arrivals.len(), 2, "{port}");
        assert_eq!(arrivals[1].body.hash, Received::hash_of(&body), "{port}");
        assert!(arrivals[1].body.complete);
    }
}

#[tokio::test(start_paused = true)]
async fn rt_10_a_body_beyond_the_cap_is_sent_once() {
    let (test, api) = world("http").await;
    api.fault(Fault::Status(503));
    let body = bytes(3 << 20);
    let request = Request::post("http://api/").body(chunked(&body, 16_384)).unwrap();
    let answer = test.send(request).await;
    // The endpoint's own answer is passed on.
    assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (503, "-"));
    let arrivals = api.arrivals();
    assert_eq!(arrivals.len(), 1);
    assert_eq!((arrivals[0].body.length, arrivals[0].body.complete), (3 << 20, true));
    assert_eq!(arrivals[0].body.hash, Received::hash_of(&body));
}

#[tokio::test(start_paused = true)]
async fn trailers_of_the_request_are_sent_again() {
    use http_body_util::{BodyExt, Full};
    let (test, api) = world("http2").await;
    api.fail_next(1, 503);
    let trailers = async {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("checksum", "12".parse().unwrap());
        Some(Ok(trailers))
    };
    let body = Full::new(Bytes::from("data")).with_trailers(trailers);
    let request = Request::post("http://api/").body(mesh_tower::Body::new(body)).unwrap();
    assert_eq!(test.send(request).await.status(), 200);
    for arrival in api.arrivals() {
        assert_eq!(arrival.body.trailers.unwrap()["checksum"], "12");
    }
}
