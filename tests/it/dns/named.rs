//! Hosts that the request names (H-8, SE-7 `NONE` and `DYNAMIC_DNS`), names of names, and the hosts of a headless
//! service (SE-1).

use mesh_tests::config::named_entry;
use mesh_tower::test::{MeshTest, pass};

use super::{HOST, secs, shares};

#[tokio::test(start_paused = true)]
async fn se_7_none_and_dynamic_dns_dial_the_host_that_the_request_names() {
    let entry = |host: &str, resolution: &str| {
        named_entry(host, "HTTP", resolution)
            + &format!(
                "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: db, namespace: default}}
spec:
  host: '{host}'
  trafficPolicy: {{connectionPool: {{http: {{maxRequestsPerConnection: 1}}}}}}
"
            )
    };
    for (host, resolution) in [(HOST, "NONE"), ("*.example.com", "NONE"), ("*.example.com", "DYNAMIC_DNS")] {
        let test = MeshTest::new(&entry(host, resolution)).start().await;
        test.dns().addresses(HOST, ["10.0.0.1"], secs(60));
        let upstream = test.upstream("10.0.0.1:80");
        upstream.respond(200, "1");
        assert_eq!(shares(&test, 3).await, [3, 0, 0], "{host} {resolution}");
        assert_eq!(upstream.connections(), 3, "{host} {resolution}: the rule for the service holds");
    }
}

#[tokio::test(start_paused = true)]
async fn h_8_allow_any_dials_the_authority_and_follows_its_name() {
    let test = MeshTest::new("").start().await;
    test.dns().addresses(HOST, ["10.0.0.1"], secs(30));
    for one in ["10.0.0.1", "10.0.0.2"] {
        test.upstream(&format!("{one}:80")).respond(200, one);
    }
    assert_eq!(shares(&test, 5).await, [5, 0, 0]);
    test.dns().addresses(HOST, ["10.0.0.2"], secs(30));
    pass(secs(31)).await;
    assert_eq!(shares(&test, 5).await, [0, 5, 0]);
    test.dns().fail(HOST);
    pass(secs(200)).await;
    assert_eq!(shares(&test, 5).await, [0, 5, 0], "an outage takes nothing away");
    assert!(test.dns().questions().len() > 3);
    pass(secs(600)).await;
    let asked = test.dns().questions().len();
    pass(secs(600)).await;
    assert_eq!(test.dns().questions().len(), asked, "nobody calls it any more, so nobody asks for it");
}

#[tokio::test(start_paused = true)]
async fn h_8_a_name_that_does_not_resolve_is_503_df() {
    let test = MeshTest::new("").start().await;
    test.dns().fail("gone.example.com");
    for uri in ["http://nowhere.example.com/", "http://gone.example.com/"] {
        let answer = test.get(uri).await;
        assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (503, "DF"));
        assert_eq!(answer.error.as_ref().unwrap().reply().details, "dns_resolution_failure");
    }
}

#[tokio::test(start_paused = true)]
async fn se_1_an_external_name_is_an_alias_of_a_dns_name() {
    let yaml = "apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec:
  type: ExternalName
  externalName: db.example.com
  ports: [{name: http, port: 80}]
";
    let test = MeshTest::new(yaml);
    test.dns().addresses(HOST, ["10.0.0.1"], secs(60));
    let test = test.start().await;
    let upstream = test.upstream("10.0.0.1:80");
    assert_eq!(test.get("http://db/").await.status(), 200);
    assert_eq!(upstream.arrivals()[0].headers["host"], "db", "the caller's name goes on");
}

const HEADLESS: &str = "apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec:
  clusterIP: None
  ports: [{name: http, port: 80}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: default, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints:
- {addresses: [10.0.0.1], hostname: db-0}
- {addresses: [10.0.0.2], hostname: db-1}
";

#[tokio::test(start_paused = true)]
async fn se_1_of_a_headless_service_the_caller_may_choose() {
    let test = MeshTest::new(HEADLESS).start().await;
    for one in ["10.0.0.1", "10.0.0.2"] {
        test.upstream(&format!("{one}:80")).respond(200, one);
    }
    for uri in [
        "http://db-1.db/",
        "http://DB-1.db.default/",
        "http://db-1.db.default.svc.cluster.local/",
        "http://10.0.0.2/",
        "http://10.0.0.2:80/",
    ] {
        for _ in 0..5 {
            assert_eq!(test.get(uri).await.text(), "10.0.0.2", "{uri}");
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        seen.insert(test.get("http://db/").await.text());
    }
    assert_eq!(seen.len(), 2, "by its own name, one of the ready ones");
    assert_eq!(test.get("http://db-7.db/").await.flags(), "UH", "no other stands in for the chosen one");
}
