//! Connections: none is stale, none starves, a dead endpoint is skipped and taken back (wishes 5, 6, 24); a silent
//! peer gets pings (CB-3).

mod bodies;
mod endpoints;
mod http2;
mod idle;
mod keepalive;
mod tunnels;

use std::collections::HashSet;

use http::Method;
use mesh_tests::config::service;
use mesh_tower::test::{MeshTest, TestMesh, Upstream};

async fn world(port: &str, addresses: &[&str]) -> (TestMesh, Vec<Upstream>) {
    let test = MeshTest::new(&service("api", port, 80, addresses)).start().await;
    let upstreams = addresses.iter().map(|address| test.upstream(&format!("{address}:80"))).collect();
    (test, upstreams)
}

/// The number of the request: no other has the same value.
const ID: &str = "x-id";

fn each_post_at_most_once(upstream: &Upstream) {
    let mut seen = HashSet::new();
    for arrival in upstream.arrivals() {
        assert!(!arrival.header(ID).is_empty());
        let first = seen.insert(arrival.header(ID).to_owned());
        assert!(first || arrival.method != Method::POST, "twice: {arrival:?}");
    }
}
