//! Endpoints that come from names (SE-7), and hosts that a request names (H-8): wish 13.
//!
//! First by a scripted resolver in virtual time, then over sockets with a real name server.

use std::sync::Arc;
use std::time::Duration;

use mesh_core::discover::DnsPolicy;
use mesh_tests::backend::Backend;
use mesh_tests::counters::Counters;
use mesh_tests::dns::NameServer;
use mesh_tests::proxy::{DEADLINE, Proxy};
use mesh_tower::admin::Admin;
use mesh_tower::discover::Resolver;
use mesh_tower::test::{MeshTest, TestMesh, pass};
use mesh_tower::{Body, Mesh};
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

use crate::blackbox::{PROXY, client};

const HOST: &str = "db.example.com";
const URI: &str = "http://db.example.com/";

fn entry(resolution: &str, rest: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: db, namespace: default}}
spec:
  hosts: [{HOST}]
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  resolution: {resolution}
{rest}
---
"
    )
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Two upstreams that say who they are, and a name for the first.
async fn world(resolution: &str, ttl: u64) -> TestMesh {
    let test = MeshTest::new(&entry(resolution, ""));
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

#[tokio::test(start_paused = true)]
async fn se_7_a_new_address_gets_its_share_within_a_ttl() {
    let test = world("DNS", 60).await;
    assert_eq!(shares(&test, 20).await, [20, 0, 0]);
    test.dns().addresses(HOST, ["10.0.0.1", "10.0.0.2", "10.0.0.3"], secs(60));
    pass(secs(61)).await;
    let shares = shares(&test, 3000).await;
    assert!(shares.iter().all(|share| (950..=1050).contains(share)), "{shares:?}");
}

#[tokio::test(start_paused = true)]
async fn se_7_a_removed_address_gets_no_new_request_after_its_ttl() {
    let test = world("DNS", 60).await;
    test.dns().addresses(HOST, ["10.0.0.1", "10.0.0.2"], secs(60));
    pass(secs(61)).await;
    test.dns().addresses(HOST, ["10.0.0.2"], secs(60));
    pass(secs(61)).await;
    assert_eq!(shares(&test, 50).await, [0, 50, 0]);
}

#[tokio::test(start_paused = true)]
async fn se_7_a_resolver_that_is_down_for_ten_minutes_costs_no_request() {
    let counters = Counters::leak();
    let _installed = counters.install();
    let test = world("DNS", 30).await;
    assert_eq!(shares(&test, 1).await, [1, 0, 0]);
    // Gauges are set when somebody asks for the page.
    let stale = async || {
        let request = http::Request::get("/stats/prometheus").body(Body::empty()).unwrap();
        Admin::new(test.mesh().clone()).oneshot(request).await.unwrap();
        counters.sum("mesh_dns_stale_seconds", &format!("name={HOST}"))
    };
    assert_eq!(stale().await, 0);
    for outage in [true, false] {
        if outage {
            test.dns().fail(HOST)
        } else {
            test.dns().hang(HOST)
        }
        let end = Instant::now() + secs(600);
        while Instant::now() < end {
            assert_eq!(shares(&test, 1).await, [1, 0, 0]);
            pass(secs(1)).await;
        }
        // For as long as the answer is older than it said, counted through both outages.
        let known = if outage { 560..=600 } else { 1_160..=1_210 };
        let told = stale().await;
        assert!(known.contains(&told), "{told}");
    }
    test.dns().addresses(HOST, ["10.0.0.1"], secs(30));
    pass(secs(120)).await;
    assert_eq!((stale().await, shares(&test, 1).await), (0, [1, 0, 0]));
}

#[tokio::test(start_paused = true)]
async fn se_7_a_name_that_loses_its_addresses_keeps_them_for_the_grace_period() {
    let test = world("DNS", 30).await;
    assert_eq!(shares(&test, 1).await, [1, 0, 0]);
    let start = Instant::now();
    test.dns().empty(HOST);
    let gone = loop {
        let answer = test.get(URI).await;
        if answer.status() != 200 {
            break answer;
        }
        pass(secs(1)).await;
    };
    // Asked again within the TTL, then doubted for the grace period.
    let lasted = start.elapsed();
    assert!(lasted >= secs(45) && lasted <= secs(62), "{lasted:?}");
    assert_eq!((gone.status().as_u16(), gone.flags().as_str()), (503, "UH"));
    test.dns().addresses(HOST, ["10.0.0.2"], secs(30));
    pass(secs(61)).await;
    assert_eq!(shares(&test, 1).await, [0, 1, 0], "and has some again");
}

#[tokio::test(start_paused = true)]
async fn se_7_without_a_first_answer_the_answer_is_uh_and_not_a_hang() {
    for outage in ["empty", "fail", "hang"] {
        let test = MeshTest::new(&entry("DNS", ""));
        match outage {
            "empty" => test.dns().empty(HOST),
            "fail" => test.dns().fail(HOST),
            _ => test.dns().hang(HOST),
        }
        let test = test.start().await;
        let start = Instant::now();
        let answer = test.get(URI).await;
        assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (503, "UH"), "{outage}");
        assert_eq!(answer.text(), "no healthy upstream");
        let patience = if outage == "hang" { secs(2) } else { Duration::ZERO };
        assert_eq!(start.elapsed(), patience, "{outage}");
        let start = Instant::now();
        assert_eq!(test.get(URI).await.flags(), "UH");
        assert_eq!(start.elapsed(), Duration::ZERO, "{outage}: from then on at once");
    }
}

#[tokio::test(start_paused = true)]
async fn se_7_the_first_address_alone_counts_and_old_connections_stay() {
    let test = world("DNS_ROUND_ROBIN", 60).await;
    let (first, second) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
    test.dns().addresses(HOST, ["10.0.0.1", "10.0.0.2"], secs(60));
    pass(secs(61)).await;
    assert_eq!(shares(&test, 10).await, [10, 0, 0], "one host, however many addresses");
    test.dns().addresses(HOST, ["10.0.0.2", "10.0.0.1"], secs(60));
    pass(secs(61)).await;
    assert_eq!(shares(&test, 10).await, [10, 0, 0], "the connection stays");
    assert_eq!((first.connections(), second.connections()), (1, 0));
    first.close_connections();
    pass(Duration::from_millis(1)).await;
    assert_eq!(shares(&test, 10).await, [0, 10, 0], "a new one goes to the newest first address");
    assert_eq!((first.connections(), second.connections()), (1, 1));
    test.dns().addresses(HOST, ["10.0.0.1"], secs(60));
    second.close_connections();
    pass(secs(61)).await;
    assert_eq!(shares(&test, 10).await, [10, 0, 0], "and back");
}

#[tokio::test(start_paused = true)]
async fn se_7_a_dial_that_fails_asks_earlier() {
    let test = world("DNS", 300).await;
    assert_eq!(shares(&test, 1).await, [1, 0, 0]);
    pass(secs(20)).await;
    test.dns().addresses(HOST, ["10.0.0.2"], secs(300));
    test.upstream("10.0.0.1:80").down().close_connections();
    pass(Duration::from_millis(1)).await;
    // Minutes before the TTL ends, and already for the retry of the very call that found out.
    assert_eq!(shares(&test, 3).await, [0, 3, 0]);
    assert_eq!(test.dns().questions().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn se_7_a_name_is_asked_for_once_however_many_clusters_use_it() {
    let rule = "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: db, namespace: default}
spec:
  host: db.example.com
  subsets: [{name: a, labels: {}}, {name: b, labels: {}}]
";
    let yaml = entry("DNS", "") + rule;
    let test = MeshTest::new(&yaml);
    test.dns().addresses(HOST, ["10.0.0.1"], secs(60));
    let test = test.start().await;
    pass(secs(1)).await;
    assert_eq!(test.dns().questions().len(), 1);
    test.upstream("10.0.0.1:80").respond(200, "1");
    test.dns().fail(HOST);
    test.reload(&yaml.replace("name: b,", "name: c,"));
    assert_eq!(shares(&test, 1).await, [1, 0, 0], "what was known outlives a reload");
    test.reload(
        &(entry("DNS", "")
            + &rule.replace("subsets:", "trafficPolicy: {loadBalancer: {simple: RANDOM}}\n  subsets:")),
    );
    assert_eq!(shares(&test, 1).await, [1, 0, 0], "also one that makes the cluster anew");
    assert_eq!(test.dns().questions().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn ou_1_the_same_seed_asks_at_the_same_times() {
    let mut times = Vec::new();
    for seed in [1, 1, 2] {
        let test = MeshTest::new(&entry("DNS", "")).seed(seed);
        test.dns().addresses(HOST, ["10.0.0.1"], secs(60));
        let test = test.start().await;
        pass(secs(600)).await;
        times.push(test.dns().questions());
    }
    assert_eq!(times[0], times[1]);
    assert_ne!(times[0], times[2]);
}

#[tokio::test(start_paused = true)]
async fn se_7_none_and_dynamic_dns_dial_the_host_that_the_request_names() {
    let entry = |host: &str, resolution: &str| {
        entry(resolution, "").replace(HOST, host)
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
    for (host, resolution) in
        [(HOST, "NONE"), ("'*.example.com'", "NONE"), ("'*.example.com'", "DYNAMIC_DNS")]
    {
        let yaml = entry(host, resolution).replace("''", "'");
        let test = MeshTest::new(&yaml).start().await;
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

/// Over sockets: a client in process, a name server, and three backends on one port.
struct Real {
    names: NameServer,
    backends: Vec<Backend>,
    mesh: Mesh,
}

impl Real {
    async fn start() -> Self {
        let names = NameServer::start().await;
        names.addresses(HOST, &["127.0.0.1"], 1);
        let backends = Backend::siblings(&["127.0.0.1", "127.0.0.2", "127.0.0.3"]).await;
        let port = backends[0].address().port();
        let yaml = entry("DNS", "").replace("number: 80", &format!("number: 80, targetPort: {port}"))
            + "apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: 'dnsRefreshRate: 0.1s'}
";
        let (documents, found) = mesh_core::api::Documents::parse([("dns.yaml", yaml)]);
        assert!(!found.has_errors(), "{found}");
        let policy =
            DnsPolicy { shortest: Duration::from_millis(100), grace: secs(1), ..DnsPolicy::default() };
        let mesh = Mesh::from_documents(documents)
            .resolver(Arc::new(Resolver::name_servers([names.address()])))
            .dns(policy)
            .seed(1)
            .start()
            .await
            .unwrap();
        Self { names, backends, mesh }
    }

    async fn call(&self) -> Result<String, String> {
        // A refusal waits for nothing, and the name server runs on this thread too.
        tokio::task::yield_now().await;
        let request = http::Request::get(URI).body(Body::empty()).unwrap();
        let answer =
            self.mesh.client().request(request).await.map_err(|error| error.reply().flags.to_string())?;
        let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
        Ok(String::from_utf8(body.to_vec()).unwrap())
    }

    fn served(&self) -> Vec<usize> {
        self.backends.iter().map(Backend::served).collect()
    }

    /// Calls until this holds; every call has to succeed.
    async fn until(&self, enough: impl Fn(&[usize]) -> bool) {
        let found = async {
            while !enough(&self.served()) {
                self.call().await.unwrap();
            }
        };
        timeout(DEADLINE, found).await.expect("in time");
    }
}

#[tokio::test]
async fn wish_13_a_real_name_server_scales_a_service_out_and_in() {
    let real = Real::start().await;
    assert_eq!(real.call().await.unwrap(), "127.0.0.1");
    real.names.addresses(HOST, &["127.0.0.1", "127.0.0.2", "127.0.0.3"], 1);
    real.until(|served| served.iter().all(|served| *served > 10)).await;
    let before = real.served();
    for _ in 0..3_000 {
        real.call().await.unwrap();
    }
    let shares: Vec<usize> = real.served().iter().zip(before).map(|(after, before)| after - before).collect();
    assert!(
        shares.iter().all(|share| (850..=1_150).contains(share)),
        "{shares:?}, off by more than five points"
    );
    real.names.addresses(HOST, &["127.0.0.2"], 1);
    // A and AAAA: once both were asked twice more, the first answer is in force.
    real.names.asked(4).await;
    let before = real.served();
    for _ in 0..50 {
        assert_eq!(real.call().await.unwrap(), "127.0.0.2");
    }
    assert_eq!(real.served()[0], before[0]);
}

#[tokio::test]
async fn wish_13_a_real_name_server_that_fails_costs_nothing_and_one_that_denies_costs_the_grace_period() {
    use hickory_resolver::proto::op::ResponseCode;
    let real = Real::start().await;
    assert_eq!(real.call().await.unwrap(), "127.0.0.1");
    for code in [ResponseCode::ServFail, ResponseCode::Refused] {
        real.names.code(HOST, code);
        for _ in 0..4 {
            real.names.asked(2).await;
            assert_eq!(real.call().await.unwrap(), "127.0.0.1", "{code}");
        }
    }
    for code in [ResponseCode::NXDomain, ResponseCode::NoError] {
        real.names.addresses(HOST, &["127.0.0.1"], 1);
        timeout(DEADLINE, async { while real.call().await.is_err() {} }).await.expect("it is back");
        real.names.code(HOST, code);
        let start = Instant::now();
        let flags = timeout(DEADLINE, async {
            loop {
                if let Err(flags) = real.call().await {
                    break flags;
                }
            }
        });
        assert_eq!(flags.await.unwrap(), "UH");
        assert!(start.elapsed() >= secs(1), "{code}: not before the grace period is over");
    }
}

#[tokio::test]
async fn wish_13_the_proxy_asks_the_name_server_it_is_told_of() {
    let names = NameServer::start().await;
    names.addresses(HOST, &["127.0.0.2"], 60);
    let backends = Backend::siblings(&["127.0.0.1", "127.0.0.2"]).await;
    let port = backends[0].address().port();
    let yaml = entry("DNS", "").replace("number: 80", &format!("number: 80, targetPort: {port}"));
    let args =
        format!("--role sidecar --workload web --outbound 127.0.0.1:0 --name-server {}", names.address());
    let proxy = Proxy::start(PROXY, &yaml, &args).await;
    let url = format!("http://{}/", proxy.address("outbound|15001"));
    let call = async |host: String| client().get(&url).header("host", host).send().await.unwrap();
    assert_eq!(call(HOST.to_owned()).await.text().await.unwrap(), "127.0.0.2");
    // H-8: a host that nobody knows.
    names.addresses("unknown.example.com", &["127.0.0.1"], 60);
    let answer = call(format!("unknown.example.com:{port}")).await;
    assert_eq!(answer.text().await.unwrap(), "127.0.0.1");
    assert_eq!(call("nowhere.example.com".to_owned()).await.status(), 503);
    // The label says where it would have gone, also when it did not get there.
    proxy
        .until("/stats/prometheus", |_, text| {
            let denied = |line: &str| {
                line.starts_with("istio_requests_total{")
                    && line.contains("destination_service_name=\"PassthroughCluster\"")
                    && line.contains("response_flags=\"DF\"")
            };
            text.lines().any(denied)
                && text.contains("mesh_dns_stale_seconds{name=\"db.example.com\"} 0")
                && text.contains("mesh_dns_lookups_total{name=\"(of a request)\",result=\"empty\"}")
        })
        .await;
}
