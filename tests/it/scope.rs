//! The decisions of a Sidecar and the mesh config about calls (SC, MC), through the whole stack.

use mesh_tests::config::{mesh_config, service};
use mesh_tower::test::MeshTest;

fn sidecar(spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: default, namespace: default}}
spec: {spec}
---
"
    )
}

#[tokio::test(start_paused = true)]
async fn sc_4_unknown_hosts_go_to_the_egress_proxy() {
    let policy = "{outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: exit, port: {number: 80}}}}";
    let services = service("exit", "http", 80, &["10.0.0.1"]) + &service("api", "http", 80, &["10.0.0.2"]);
    let test = MeshTest::new(&(services.clone() + &sidecar(policy))).start().await;
    let (exit, api) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
    for uri in ["http://unknown.example.com/a", "http://unknown.example.com:8080/b"] {
        assert_eq!(test.get(uri).await.status(), 200, "{uri}");
    }
    assert_eq!(exit.arrivals()[0].headers["host"], "unknown.example.com", "the caller's host goes on");
    assert_eq!(exit.arrival_count(), 2);
    assert!(test.dns().questions().is_empty());
    assert_eq!(test.get("http://api/").await.status(), 200);
    assert_eq!((exit.arrival_count(), api.arrival_count()), (2, 1), "known hosts are called as ever");
    test.reload(&(services.clone() + &sidecar("{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}")));
    let refused = test.get("http://unknown.example.com/a").await;
    assert_eq!((refused.status().as_u16(), refused.text().as_str()), (502, ""), "H-8");
    test.reload(&services);
    assert_eq!(
        test.get("http://unknown.example.com/a").await.flags(),
        "DF",
        "H-8: dialled, if it had an address"
    );
}

#[tokio::test(start_paused = true)]
async fn sc_3_what_a_sidecar_does_not_import_is_an_unknown_host() {
    let services = service("api", "http", 80, &["10.0.0.1"]) + &service("db", "http", 80, &["10.0.0.2"]);
    let scope = "{egress: [{hosts: ['./api.default.svc.cluster.local']}], outboundTrafficPolicy: {}}";
    let test = MeshTest::new(&(services + &sidecar(scope))).start().await;
    let _both = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
    assert_eq!(test.get("http://api/").await.status(), 200);
    assert_eq!(test.get("http://db/").await.status(), 502);
}

#[tokio::test(start_paused = true)]
async fn mc_2_paths_are_normalised_as_the_mesh_config_says_and_a_reload_changes_it() {
    let api = service("api", "http", 80, &["10.0.0.1"]);
    let test = MeshTest::new(&api).start().await;
    let upstream = test.upstream("10.0.0.1:80");
    let at =
        |level: &str| api.clone() + &mesh_config(&format!("pathNormalization: {{normalization: {level}}}"));
    let mut seen = Vec::new();
    for level in ["", "NONE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES", "BASE"] {
        if !level.is_empty() {
            test.reload(&at(level));
        }
        assert_eq!(test.get("http://api/a/../b//c%2fd").await.status(), 200);
        seen.push(upstream.arrivals().pop().unwrap().uri.path().to_owned());
    }
    let base = "/b//c%2fd";
    assert_eq!(seen, [base, "/a/../b//c%2fd", "/b/c%2fd", "/b/c/d", base]);
}
