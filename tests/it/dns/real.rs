//! Over sockets, with a real name server (wish 13).

use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::proto::op::ResponseCode;
use mesh_core::discover::DnsPolicy;
use mesh_tests::backend::Backend;
use mesh_tests::config::mesh_config;
use mesh_tests::dns::NameServer;
use mesh_tests::proxy::Proxy;
use mesh_tower::upstream::discover::Resolver;
use mesh_tower::{Body, Mesh};
use tokio::time::Instant;

use super::{HOST, URI, entry, secs};
use crate::blackbox::{PROXY, client};

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
        let yaml = entry("DNS").replace("number: 80", &format!("number: 80, targetPort: {port}"))
            + &mesh_config("dnsRefreshRate: 0.1s");
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
        let request = http::Request::get(URI).body(Body::empty()).unwrap();
        let answer =
            self.mesh.client().request(request).await.map_err(|error| error.reply().flags.to_string())?;
        let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
        Ok(String::from_utf8(body.to_vec()).unwrap())
    }

    fn served(&self) -> Vec<usize> {
        self.backends.iter().map(Backend::served).collect()
    }

    /// Calls, and again after each answer of the name server, until `enough` holds for the outcome of a call.
    async fn until(&self, enough: impl Fn(&Result<String, String>) -> bool) -> Result<String, String> {
        loop {
            let outcome = self.call().await;
            if enough(&outcome) {
                return outcome;
            }
            self.names.asked(1).await;
        }
    }
}

#[tokio::test]
async fn wish_13_a_real_name_server_scales_a_service_out_and_in() {
    let real = Real::start().await;
    assert_eq!(real.call().await.unwrap(), "127.0.0.1");
    real.names.addresses(HOST, &["127.0.0.1", "127.0.0.2", "127.0.0.3"], 1);
    // A and AAAA: after two more questions each, the first answer is in force.
    real.names.asked(4).await;
    while real.served().iter().any(|served| *served <= 10) {
        real.call().await.unwrap();
        assert!(real.served()[0] < 1_000, "{:?}", real.served());
    }
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
    real.names.asked(4).await;
    let before = real.served();
    for _ in 0..50 {
        assert_eq!(real.call().await.unwrap(), "127.0.0.2");
    }
    assert_eq!(real.served()[0], before[0]);
}

#[tokio::test]
async fn wish_13_a_real_name_server_that_fails_costs_nothing_and_one_that_denies_costs_the_grace_period() {
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
        assert_eq!(real.until(Result::is_ok).await.unwrap(), "127.0.0.1", "it is back");
        real.names.code(HOST, code);
        let start = Instant::now();
        assert_eq!(real.until(Result::is_err).await.unwrap_err(), "UH");
        assert!(start.elapsed() >= secs(1), "{code}: not before the grace period is over");
    }
}

#[tokio::test]
async fn wish_13_the_proxy_asks_the_name_server_it_is_told_of() {
    let names = NameServer::start().await;
    names.addresses(HOST, &["127.0.0.2"], 60);
    let backends = Backend::siblings(&["127.0.0.1", "127.0.0.2"]).await;
    let port = backends[0].address().port();
    let yaml = entry("DNS").replace("number: 80", &format!("number: 80, targetPort: {port}"));
    let args =
        format!("--role sidecar --workload web --outbound 127.0.0.1:0 --name-server {}", names.address());
    let proxy = Proxy::start(PROXY, &yaml, &args).await;
    let url = format!("http://{}/", proxy.address("outbound|15001"));
    let call = async |host: String| client().get(&url).header("host", host).send().await.unwrap();
    assert_eq!(call(HOST.to_owned()).await.text().await.unwrap(), "127.0.0.2");
    // H-8: an undeclared host.
    names.addresses("unknown.example.com", &["127.0.0.1"], 60);
    let answer = call(format!("unknown.example.com:{port}")).await;
    assert_eq!(answer.text().await.unwrap(), "127.0.0.1");
    assert_eq!(call("nowhere.example.com".to_owned()).await.status(), 503);
    // The label shows the intended destination, also of a call that did not reach it.
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
