//! `/ready` of the proxy by the probe of the workload's group (HC-3, OP-2).

use std::path::Path;

use mesh_tests::backend::Backend;
use mesh_tests::proxy::{DEADLINE, Proxy};

use super::PROXY;

fn group(probe: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {{name: cart, namespace: shop}}
spec:
  template: {{serviceAccount: cart, labels: {{app: cart}}}}
  probe: {probe}
"
    )
}

async fn start(probe: &str, args: &str) -> Proxy {
    let args = format!(
        "--role sidecar --workload shop/WorkloadGroup/cart --no-inbound --outbound 127.0.0.1:0 {args}"
    );
    Proxy::start(PROXY, &group(probe), &args).await
}

#[tokio::test]
async fn hc_3_the_proxy_is_ready_when_its_workload_is() {
    let application = Backend::text("well").await;
    let probe = "{periodSeconds: 1, failureThreshold: 1, httpGet: {path: /ready, port: 5000}}";
    let proxy = start(probe, &format!("--app 5000={}", application.address())).await;
    proxy.until("/ready", |status, _| status == 200).await;
    application.kill().await;
    let text = proxy.until("/ready", |status, _| status == 503).await;
    assert_eq!(text, "the workload is not ready\n");
    let (status, info) = proxy.admin("/server_info").await;
    assert!(status == 200 && info.contains("\"LIVE\""), "the proxy itself lives: {info}");
    // Another group with another probe.
    proxy.write(&group("{exec: {command: ['true']}}"));
    proxy.until("/ready", |status, _| status == 200).await;
}

#[tokio::test]
async fn hc_3_a_command_tells_by_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let flag = folder.path().join("flag");
    // Its output is discarded.
    let script = format!("head -c 1000000 /dev/zero; test -e {}", flag.display());
    let probe = format!("{{periodSeconds: 1, failureThreshold: 1, exec: {{command: [sh, -c, '{script}']}}}}");
    let proxy = start(&probe, "").await;
    assert_eq!(proxy.admin("/ready").await.0, 503);
    std::fs::write(&flag, "").unwrap();
    proxy.until("/ready", |status, _| status == 200).await;
    std::fs::remove_file(&flag).unwrap();
    proxy.until("/ready", |status, _| status == 503).await;
    let missing = start("{exec: {command: [/no/such/program]}}", "").await;
    assert_eq!(missing.admin("/ready").await.0, 503);
}

#[tokio::test]
async fn hc_3_a_command_that_does_not_end_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", file.display());
    let probe = format!("{{periodSeconds: 100, timeoutSeconds: 1, exec: {{command: [sh, -c, '{script}']}}}}");
    let proxy = start(&probe, "").await;
    let until = async |enough: &dyn Fn() -> bool| {
        let waiting = async {
            while !enough() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.expect("it comes in time");
    };
    until(&|| file.exists()).await;
    let pid = std::fs::read_to_string(&file).unwrap();
    let process = format!("/proc/{}", pid.trim());
    until(&|| !Path::new(&process).exists()).await;
    assert_eq!(proxy.admin("/ready").await.0, 503);
}
