//! Reloads under load (wish 8).

use mesh_tests::backend::Backend;
use mesh_tests::config::{destination_rule, entry, virtual_service};

use super::{Caller, HOST, Load, documents, mesh};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wish_8_five_hundred_reloads_under_load_fail_nothing() {
    let (one, two) = (Backend::text("one").await, Backend::text("two").await);
    let yaml = |round: usize| {
        // In each round another subset comes, and the one before goes; weights and timeouts change too.
        let subset = format!("v{}", round % 7);
        let weight = round % 100;
        entry(HOST, "HTTP", 80, &[one.address(), two.address()])
            + &destination_rule(HOST, &format!("  subsets: [{{name: {subset}, labels: {{}}}}]"))
            + &virtual_service(
                HOST,
                &format!(
                    "  - timeout: {}s
    route:
    - {{destination: {{host: {HOST}, subset: {subset}}}, weight: {weight}}}
    - {{destination: {{host: {HOST}}}, weight: {}}}",
                    10 + round % 5,
                    100 - weight
                ),
            )
    };
    let mesh = mesh(&yaml(0)).await;
    let client = mesh.client();
    let load = |method| Load::start(&Caller::Http(client.clone(), method), 8);
    let (gets, posts) = (load("GET"), load("POST"));
    for round in 1..=500 {
        assert!(mesh.apply(documents(&yaml(round))), "{:?}", mesh.status());
        gets.more(4).await;
    }
    assert_eq!(mesh.plan().generation, 501);
    assert!(mesh.status().stale_hosts.is_empty());
    assert_eq!((gets.end().await, posts.end().await), (vec![], vec![]));
}
