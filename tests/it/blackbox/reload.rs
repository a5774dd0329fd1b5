//! The folder of a proxy that is edited without end, under load (OP-5).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mesh_proxy::{Proxy, Settings, Shutdown};
use mesh_tests::backend::Backend;
use mesh_tests::config::{destination_rule, entry};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{HOST, client, front};

const RELOADS: usize = 500;

/// Every round another endpoint, another subset, another share and another timeout.
fn yaml(round: usize, backends: &[SocketAddr; 2]) -> String {
    let endpoints = [&backends[..1], &backends[1..], &backends[..]][round % 3];
    let (subset, weight) = (format!("v{}", round % 7), round % 100);
    entry(HOST, "HTTP", 8080, endpoints)
        + &destination_rule(HOST, &format!("  subsets: [{{name: {subset}, labels: {{}}}}]"))
        + &front(&format!(
            "  - timeout: {}s
    route:
    - {{destination: {{host: {HOST}, subset: {subset}}}, weight: {weight}}}
    - {{destination: {{host: {HOST}}}, weight: {}}}",
            20 + round % 5,
            100 - weight
        ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op_5_five_hundred_edits_under_load_fail_nothing() {
    let (one, two) = (Backend::text("one").await, Backend::text("two").await);
    let backends = [one.address(), two.address()];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mesh.yaml");
    std::fs::write(&file, yaml(0, &backends)).unwrap();
    let settings = Settings::new(folder.path()).bind("80=127.0.0.1:0".parse().unwrap());
    let shutdown = Shutdown::default();
    let settings = settings.workers(2.try_into().unwrap()).termination_drain(Duration::ZERO);
    let proxy = Proxy::start(settings, &shutdown).await.unwrap();
    let (addresses, mesh) = (proxy.addresses(), proxy.mesh().clone());
    let serving = tokio::spawn(proxy.serve(shutdown.clone()));
    let (_, address) = addresses.iter().find(|(name, _)| name == "gateway|80").unwrap();

    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let http2 = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let mut load = JoinSet::new();
    for client in [client(), http2] {
        for _ in 0..4 {
            let (client, url) = (client.clone(), format!("http://{address}/"));
            let (stop, served) = (stop.clone(), served.clone());
            load.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    // A POST is not repeated by itself, so that nothing is hidden.
                    let answer = client.post(&url).body("x").send().await.unwrap();
                    assert_eq!(answer.status(), 200);
                    assert!(["one", "two"].contains(&answer.text().await.unwrap().as_str()));
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
    for round in 1..=RELOADS {
        let next = folder.path().join("mesh.next");
        std::fs::write(&next, yaml(round, &backends)).unwrap();
        std::fs::rename(&next, &file).unwrap();
        // The watcher may have been quicker.
        mesh.reload();
        let until = served.load(Ordering::Relaxed) + 4;
        let more = async {
            while served.load(Ordering::Relaxed) < until {
                assert!(load.try_join_next().is_none(), "a caller has failed");
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(60), more).await.expect("requests are answered");
    }
    stop.store(true, Ordering::Relaxed);
    load.join_all().await;
    assert_eq!(mesh.plan().generation, RELOADS as u64 + 1);
    assert!(mesh.status().stale_hosts.is_empty());
    shutdown.drain();
    serving.await.unwrap().unwrap();
}
