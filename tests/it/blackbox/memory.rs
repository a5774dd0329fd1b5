//! Streamed data is not held in memory: a large upload through a route with retries (RT-10), or with a mirror (wish
//! 29).

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use mesh_tests::backend::Backend;
use mesh_tests::config::entry;
use mesh_tests::proxy::{Page, Proxy};
use mesh_tower::Body;

use super::{GATEWAY, PROXY, client, edge, gateway};

const SIZE: u64 = 1 << 30;
const PIECE: usize = 256 * 1024;

/// Issue 2: at most 20 MiB at the start, and 24 KiB for each idle connection. Only a part of the mappings of an
/// unoptimised build counts: code is shared and loaded on use.
#[tokio::test]
async fn a_proxy_starts_small_and_idle_connections_cost_little() {
    const CONNECTIONS: usize = 500;
    let backend = Backend::text("hello").await;
    let proxy = gateway(backend.address(), "HTTP", "").await;
    let start = proxy.own_memory();
    assert!(start <= 20 << 20, "{} KiB at the start", start >> 10);
    let address = proxy.address("gateway|80");
    // The memory of the first requests stays, whatever follows.
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(Page::open(address).await);
        assert_eq!(idle.last_mut().unwrap().get("/").await, (200, "hello".to_owned()));
    }
    let before = proxy.own_memory();
    for _ in 0..CONNECTIONS {
        idle.push(Page::open(address).await);
        assert_eq!(idle.last_mut().unwrap().get("/").await.0, 200);
    }
    let each = proxy.own_memory().saturating_sub(before) / CONNECTIONS as u64;
    assert!(each <= 24 << 10, "{each} bytes for each idle connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rt_10_a_put_of_one_gib_keeps_memory_flat() {
    let backend = Backend::start(length).await;
    let retries = "    retries: {attempts: 3, retryOn: '5xx,reset'}";
    let proxy = gateway(backend.address(), "HTTP", retries).await;
    let url = format!("http://{}/upload", proxy.address("gateway|80"));
    client().put(&url).body("warm").send().await.unwrap();
    let before = proxy.peak_memory();
    let answer = client().put(&url).body(pieces(SIZE)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), SIZE.to_string());
    let grown = proxy.peak_memory().saturating_sub(before);
    // The replay buffer keeps at most 1 MiB of it.
    assert!(grown < 24 << 20, "grown by {} KiB over {} KiB", grown >> 10, before >> 10);
}

/// Wish 29: a mirror that takes the request and reads nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wish_29_a_mirror_that_stalls_keeps_memory_flat() {
    const EACH: u64 = 16 << 20;
    const AT_ONCE: usize = 4;
    const ROUNDS: usize = 8;
    let backend = Backend::start(length).await;
    let shadow = Backend::start(|request| async move {
        std::future::pending::<()>().await;
        drop(request);
        Response::new(Body::empty())
    })
    .await;
    let yaml = entry("shadow.test", "HTTP", 8080, &[shadow.address()])
        + &edge(
            backend.address(),
            "HTTP",
            "    mirrors: [{destination: {host: shadow.test, port: {number: 8080}}}]",
        );
    let proxy = Proxy::start(PROXY, &yaml, GATEWAY).await;
    let url = format!("http://{}/upload", proxy.address("gateway|80"));
    let client = client();
    client.post(&url).body("warm").send().await.unwrap();
    let before = proxy.peak_memory();
    for _ in 0..ROUNDS {
        let uploads = (0..AT_ONCE).map(|_| async {
            let answer = client.post(&url).body(pieces(EACH)).send().await.unwrap();
            assert_eq!(answer.text().await.unwrap(), EACH.to_string());
        });
        futures_util::future::join_all(uploads).await;
    }
    let grown = proxy.peak_memory().saturating_sub(before);
    // Half a GiB was copied; each mirror may be 64 KiB behind, besides the buffers of its connection.
    assert!(grown < 24 << 20, "grown by {} KiB over {} KiB", grown >> 10, before >> 10);
    let slow = format!("mesh_mirror_requests_total{{result=\"slow\"}} {}", AT_ONCE * ROUNDS);
    proxy.until("/stats/prometheus", |_, text| text.lines().any(|line| line == slow)).await;
}

/// A body of this many bytes, in pieces.
fn pieces(size: u64) -> reqwest::Body {
    let piece = Bytes::from(vec![7; PIECE]);
    let pieces = (0..size / PIECE as u64).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    reqwest::Body::wrap_stream(stream::iter(pieces))
}

/// Reads the body, and answers with its length.
async fn length(request: Request<Incoming>) -> Response<Body> {
    let (mut body, mut length) = (request.into_body(), 0);
    while let Some(frame) = body.frame().await {
        length += frame.unwrap().data_ref().map_or(0, |data| data.len() as u64);
    }
    Response::new(Body::from(length.to_string()))
}
