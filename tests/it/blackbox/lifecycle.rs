//! Start and end: errors that name their place, a drain that loses nothing (OP-4).

use std::sync::Arc;

use http::Response;
use mesh_tests::backend::Backend;
use mesh_tests::body::channel;
use mesh_tests::proxy::failed;
use tokio::sync::Semaphore;

use super::{PROXY, client, edge, gateway};

#[tokio::test]
async fn a_taken_address_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let yaml = edge("127.0.0.1:1".parse().unwrap(), "HTTP", "");
    let (code, text, _) = failed(PROXY, &yaml, &format!("--role gateway --bind 80={address}")).await;
    assert_eq!(code, Some(1));
    assert!(text.contains(&address.to_string()) && text.contains("in use"), "{text}");
}

#[tokio::test]
async fn broken_yaml_is_named_by_file_and_line() {
    let yaml = edge("127.0.0.1:1".parse().unwrap(), "HTTP", "    timeuot: 5s");
    let line = yaml.lines().position(|line| line.contains("timeuot")).unwrap() + 1;
    let (code, text, folder) = failed(PROXY, &yaml, "--role gateway --strict --bind 80=127.0.0.1:0").await;
    assert_eq!(code, Some(1));
    let place = format!("{}:{line}", folder.join("mesh.yaml").display());
    assert!(text.contains(&place) || text.contains(&format!("mesh.yaml:{line}")), "{place} in {text}");
    assert!(text.contains("IST0106") && text.contains("timeout"), "{text}");
}

#[tokio::test]
async fn op_4_sigterm_lets_open_work_end() {
    let gate = Arc::new(Semaphore::new(0));
    let waiting = gate.clone();
    let backend = Backend::start(move |_| {
        let gate = waiting.clone();
        async move {
            let (sender, body) = channel();
            tokio::spawn(async move {
                sender.data("first ").await;
                gate.acquire().await.unwrap().forget();
                sender.data("second").await;
            });
            Response::new(body)
        }
    })
    .await;
    let mut proxy = gateway(backend.address(), "HTTP", "").await;
    let url = format!("http://{}/", proxy.address("gateway|80"));
    let mut open = client().get(&url).send().await.unwrap();
    assert_eq!(open.chunk().await.unwrap().unwrap(), "first ");
    proxy.terminate().await;
    proxy.until("/ready", |status, _| status == 503).await;
    gate.add_permits(1);
    assert_eq!(open.chunk().await.unwrap().unwrap(), "second");
    assert!(open.chunk().await.unwrap().is_none());
    let status = proxy.ended().await;
    assert!(status.success(), "{status} {}", proxy.log());
}

#[tokio::test]
async fn an_idle_proxy_ends_at_once() {
    let mut proxy = gateway("127.0.0.1:1".parse().unwrap(), "HTTP", "").await;
    proxy.terminate().await;
    assert!(proxy.ended().await.success());
}
