//! What streams through is not held: a large upload through a route with retries (RT-10).

use bytes::Bytes;
use futures_util::stream;
use http::Response;
use http_body_util::BodyExt;
use mesh_tests::backend::Backend;
use mesh_tests::proxy::Page;
use mesh_tower::Body;

use super::{client, gateway};

const SIZE: u64 = 1 << 30;
const PIECE: usize = 256 * 1024;

/// Issue 2: at most 20 MiB at the start, and 24 KiB for each idle connection. Not all of what an unoptimised build maps
/// counts: code is shared and comes as it is used.
#[tokio::test]
async fn a_proxy_starts_small_and_idle_connections_cost_little() {
    const CONNECTIONS: usize = 500;
    let backend = Backend::text("hello").await;
    let proxy = gateway(backend.address(), "HTTP", "").await;
    let start = proxy.own_memory();
    assert!(start <= 20 << 20, "{} KiB at the start", start >> 10);
    let address = proxy.address("gateway|80");
    // What the first requests bring along stays whatever comes.
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
    let backend = Backend::start(|request| async move {
        let (mut body, mut length) = (request.into_body(), 0);
        while let Some(frame) = body.frame().await {
            length += frame.unwrap().data_ref().map_or(0, |data| data.len() as u64);
        }
        Response::new(Body::from(length.to_string()))
    })
    .await;
    let retries = "    retries: {attempts: 3, retryOn: '5xx,reset'}";
    let proxy = gateway(backend.address(), "HTTP", retries).await;
    let url = format!("http://{}/upload", proxy.address("gateway|80"));
    client().put(&url).body("warm").send().await.unwrap();
    let before = proxy.peak_memory();
    let piece = Bytes::from(vec![7; PIECE]);
    let pieces = (0..SIZE / PIECE as u64).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    let body = reqwest::Body::wrap_stream(stream::iter(pieces));
    let answer = client().put(&url).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), SIZE.to_string());
    let grown = proxy.peak_memory().saturating_sub(before);
    // The replay buffer keeps at most 1 MiB of it.
    assert!(grown < 24 << 20, "grown by {} KiB over {} KiB", grown >> 10, before >> 10);
}
