//! Endpoints that come from names (SE-7), and hosts that a request names (H-8): wish 13.
//!
//! First by a scripted resolver in virtual time, then over sockets with a real name server.

use std::time::Duration;

use mesh_tests::config::named_entry;
use mesh_tower::test::{MeshTest, TestMesh};

mod followed;
mod named;
mod real;

const HOST: &str = "db.example.com";
const URI: &str = "http://db.example.com/";

fn entry(resolution: &str) -> String {
    named_entry(HOST, "HTTP", resolution)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Two upstreams that answer with their names, and a DNS name for the first.
async fn world(resolution: &str, ttl: u64) -> TestMesh {
    let test = MeshTest::new(&entry(resolution));
    test.dns().addresses(HOST, ["10.0.0.1"], secs(ttl));
    let test = test.start().await;
    for one in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
        test.upstream(&format!("{one}:80")).respond(200, one);
    }
    test
}

async fn shares(test: &TestMesh, count: usize) -> [usize; 3] {
    let mut shares = [0; 3];
    for _ in 0..count {
        let answer = test.get(URI).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let last = usize::from(answer.body.last().unwrap() - b'1');
        shares[last] += 1;
    }
    shares
}
