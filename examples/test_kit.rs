//! Resilience tested in milliseconds: a user's own YAML, scripted upstreams in memory, virtual time.

use std::time::Duration;

use mesh_tower::test::MeshTest;
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    // All calls go to v2, so that the script is for one upstream.
    let yaml = include_str!("mesh/reviews.yaml");
    let yaml = yaml.replace("weight: 90", "weight: 0").replace("weight: 10", "weight: 100");
    let test = MeshTest::new(&yaml).seed(7).start().await;
    let reviews = test.upstream("127.0.0.1:9082");
    reviews.respond(200, "five stars");

    reviews.refuse();
    let answer = test.get("http://reviews:9080/").await;
    println!("refused once: {}, attempt {}", answer.status(), reviews.arrivals()[0].attempt());

    reviews.slow_headers(Duration::from_secs(60));
    let started = Instant::now();
    let answer = test.get("http://reviews:9080/").await;
    println!("too slow: {} {} after {:?}", answer.status(), answer.flags(), started.elapsed());

    // Fails if a scripted fault has not happened: such a test would prove nothing.
    test.assert_all_fired();
}
