//! A sidecar: outgoing calls by `Host` and as `http_proxy`, and incoming calls to a local application.

use std::net::SocketAddr;

use http::Response;
use mesh_tests::backend::{Backend, Unheard};
use mesh_tests::config::{entry, mesh_config};
use mesh_tests::proxy::Proxy;
use mesh_tower::Body;

use super::{HOST, PROXY, client};

const SELF: &str = "apiVersion: v1
kind: Service
metadata: {name: report, namespace: default}
spec:
  selector: {app: report}
  ports: [{name: http, port: 5000}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: report, namespace: default}
spec:
  selector: {matchLabels: {app: report}}
  template:
    metadata: {labels: {app: report, version: v1}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: report, namespace: default}
spec:
  workloadSelector: {labels: {app: report}}
  ingress:
  - port: {number: 5000, protocol: HTTP, name: http}
    defaultEndpoint: 127.0.0.1:5001
  egress:
  - hosts: ['*/*']
---
";

async fn sidecar(backend: SocketAddr, app: SocketAddr) -> Proxy {
    let yaml = SELF.to_owned() + &entry(HOST, "HTTP", 8080, &[backend]);
    let args = format!(
        "--role sidecar --workload default/Deployment/report --bind 5000=127.0.0.1:0 \
         --outbound 127.0.0.1:0 --app 5000={app}"
    );
    Proxy::start(PROXY, &yaml, &args).await
}

async fn told_host() -> Backend {
    Backend::start(|request| async move {
        let host = request.headers().get("host").map_or("", |host| host.to_str().unwrap()).to_owned();
        Response::new(Body::from(format!("{} {host}", request.uri())))
    })
    .await
}

#[tokio::test]
async fn h_8_calls_out_go_by_their_host_header() {
    let (backend, app) = (told_host().await, Backend::text("app").await);
    let proxy = sidecar(backend.address(), app.address()).await;
    let outbound = proxy.address("outbound|15001");
    let url = format!("http://{outbound}/by-host");
    let answer = client().get(url).header("host", format!("{HOST}:8080")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), format!("/by-host {HOST}:8080"));
}

/// ME-4: an undeclared host is named as such, dialled or refused; refused calls are logged and counted too (FO-1).
#[tokio::test]
async fn h_8_me_4_unknown_hosts_are_named_in_log_and_metrics() {
    for (mode, status, route, cluster) in [
        ("REGISTRY_ONLY", 502, "block_all", "BlackHoleCluster"),
        ("ALLOW_ANY", 200, "allow_any", "PassthroughCluster"),
    ] {
        let backend = Backend::text("outside").await;
        let yaml = mesh_config(&format!(
            "accessLogFile: /dev/stdout\naccessLogFormat: \"%ROUTE_NAME% %UPSTREAM_CLUSTER%\\n\"\n\
             outboundTrafficPolicy: {{mode: {mode}}}"
        ));
        let args = "--role sidecar --workload web --outbound 127.0.0.1:0";
        let mut proxy = Proxy::start(PROXY, &yaml, args).await;
        let mut log = proxy.take_output();
        let url = format!("http://{}/", proxy.address("outbound|15001"));
        let answer = client().get(url).header("host", backend.address().to_string()).send().await.unwrap();
        assert_eq!(answer.status(), status, "{mode}");
        assert_eq!(answer.text().await.unwrap(), if status == 200 { "outside" } else { "" });
        assert_eq!(log.recv().await.as_deref(), Some(&*format!("{route} {cluster}")));
        let label = format!("destination_service_name=\"{cluster}\"");
        let code = format!("response_code=\"{status}\"");
        let counted = |_: u16, text: &str| {
            let lines = text.lines().filter(|line| line.starts_with("istio_requests_total{"));
            lines.into_iter().any(|line| line.contains(&label) && line.contains(&code))
        };
        proxy.until("/stats/prometheus", counted).await;
    }
}

#[tokio::test]
async fn calls_out_as_http_proxy() {
    let (backend, app) = (told_host().await, Backend::text("app").await);
    let proxy = sidecar(backend.address(), app.address()).await;
    let through = reqwest::Proxy::http(format!("http://{}", proxy.address("outbound|15001"))).unwrap();
    let client = reqwest::Client::builder().proxy(through).build().unwrap();
    let answer = client.get(format!("http://{HOST}:8080/by-proxy")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), format!("/by-proxy {HOST}:8080"));
}

#[tokio::test]
async fn rf_2_a_dead_backend_is_503_uf_with_its_reason() {
    let app = Backend::text("app").await;
    let gone = Unheard::new();
    let proxy = sidecar(gone.address(), app.address()).await;
    let url = format!("http://{}/", proxy.address("outbound|15001"));
    let answer = client().get(url).header("host", format!("{HOST}:8080")).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("x-mesh-reason"));
    let text = answer.text().await.unwrap();
    assert!(text.starts_with("upstream connect error or disconnect/reset before headers."), "{text}");
    assert!(text.contains("refused"), "{text}");
    proxy.until("/stats/prometheus", |_, text| text.contains("response_flags=\"URX,UF\"")).await;
}

#[tokio::test]
async fn sc_5_calls_in_reach_the_local_application() {
    let (backend, app) = (Backend::text("backend").await, told_host().await);
    let proxy = sidecar(backend.address(), app.address()).await;
    let url = format!("http://{}/in", proxy.address("inbound|5000"));
    let answer = client().get(url).header("host", "report:5000").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "/in report:5000");
    assert_eq!((app.served(), backend.served()), (1, 0));
    proxy
        .until("/stats/prometheus", |_, text| {
            text.lines().any(|line| {
                line.starts_with("istio_requests_total{") && line.contains("reporter=\"destination\"")
            })
        })
        .await;
}
