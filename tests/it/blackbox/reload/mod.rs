//! The folder of a proxy that is edited without end, under load (OP-5).

mod followed;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mesh_proxy::{Proxy, Settings, Shutdown};
use mesh_tests::backend::Backend;
use mesh_tests::config::{destination_rule, entry};
use mesh_tests::proxy::{DEADLINE, Proxy as Child};
use mesh_tower::mesh::Mesh;
use tempfile::TempDir;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::{GATEWAY, HOST, PROXY, client, edge, front};

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

/// A gateway whose folder is the test's own, and stands in a place of its own.
struct Edited {
    place: TempDir,
    mesh: Mesh,
    url: String,
    backends: [Backend; 2],
    shutdown: Shutdown,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Edited {
    /// Starts on `mesh` of the place, when `fill` has made it so that the first backend answers.
    async fn start(fill: impl FnOnce(&Path, &str)) -> Self {
        Self::start_at("mesh", fill).await
    }

    async fn start_at(folder: &str, fill: impl FnOnce(&Path, &str)) -> Self {
        let backends = [Backend::text("one").await, Backend::text("two").await];
        let place = tempfile::tempdir().unwrap();
        fill(place.path(), &edge(backends[0].address(), "HTTP", ""));
        let settings = Settings::new(place.path().join(folder)).bind("80=127.0.0.1:0".parse().unwrap());
        let shutdown = Shutdown::default();
        let settings = settings.workers(1.try_into().unwrap()).termination_drain(Duration::ZERO).admin(None);
        let proxy = Proxy::start(settings, &shutdown).await.unwrap();
        let mesh = proxy.mesh().clone();
        let (_, address) = proxy.addresses().into_iter().find(|(name, _)| name == "gateway|80").unwrap();
        let serving = tokio::spawn(proxy.serve(shutdown.clone()));
        let edited = Self { place, mesh, url: format!("http://{address}/"), backends, shutdown, serving };
        assert_eq!(edited.get().await, (200, "one".into()));
        edited
    }

    fn yaml(&self, backend: usize) -> String {
        edge(self.backends[backend].address(), "HTTP", "")
    }

    async fn get(&self) -> (u16, String) {
        let answer = client().get(&self.url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Changes the files and waits until a new plan is in force, sooner than a poll would see it.
    async fn change(&self, change: impl FnOnce()) {
        let mut generations = self.mesh.generations();
        generations.mark_unchanged();
        change();
        let seen = timeout(Duration::from_secs(20), generations.changed()).await;
        seen.expect("the change is seen by an event").unwrap();
    }

    /// Changes the files and waits until this backend answers.
    async fn until(&self, text: &str, change: impl FnOnce()) {
        let mut generations = self.mesh.generations();
        generations.mark_unchanged();
        change();
        let followed = async {
            while self.get().await != (200, text.into()) {
                generations.changed().await.unwrap();
            }
        };
        timeout(Duration::from_secs(20), followed).await.expect("the change is seen by an event");
    }

    async fn end(self) {
        self.shutdown.drain();
        self.serving.await.unwrap().unwrap();
    }
}

/// As an editor does it: written aside, then renamed.
fn write(file: PathBuf, text: &str) {
    let aside = file.with_extension("next");
    std::fs::write(&aside, text).unwrap();
    std::fs::rename(aside, file).unwrap();
}

fn plain(place: &Path, text: &str) {
    std::fs::create_dir(place.join("mesh")).unwrap();
    std::fs::write(place.join("mesh/mesh.yaml"), text).unwrap();
}

/// From a working state, none of these takes the host down.
#[tokio::test]
async fn y_12_no_slip_and_no_lost_file_takes_a_host_down() {
    let edited = Edited::start(plain).await;
    let file = edited.place.path().join("mesh/mesh.yaml");
    let good = edited.yaml(0);
    let slips = [
        good.replace("kind: VirtualService", "kind: VirtualServise"),
        good.replace("kind: Gateway", "kind: Gatway"),
        good.replace("networking.istio.io", "networking.isto.io"),
        good.replace("gateways: [edge]", "gateways: [egde]"),
        good.replace("route: [", "rout: ["),
        good[..good.len() - 20].to_owned(),
        good[..good.find("kind: VirtualService").unwrap() + 30].to_owned(),
        good[..good.find("kind: Gateway").unwrap() + 30].to_owned(),
        "a: [".to_owned(),
        String::new(),
    ];
    for slip in slips {
        edited.change(|| write(file.clone(), &slip)).await;
        assert_eq!(edited.get().await, (200, "one".into()), "{slip}");
        let status = edited.mesh.status();
        assert!(!status.stale_resources.is_empty() || !status.stale_hosts.is_empty(), "{slip}");
        assert!(status.diagnostics.has_errors(), "{slip}");
        edited.change(|| write(file.clone(), &good)).await;
        assert_eq!(edited.get().await, (200, "one".into()));
        assert!(edited.mesh.status().stale_resources.is_empty());
    }
    edited.change(|| std::fs::remove_file(&file).unwrap()).await;
    assert_eq!(edited.get().await, (200, "one".into()), "an emptied folder");
    edited.end().await;
}

#[tokio::test]
async fn y_12_at_a_start_a_refused_rule_answers_503_and_is_named() {
    let backend = Backend::text("one").await;
    let yaml = edge(backend.address(), "HTTP", "    timeuot: 1s");
    let proxy = Child::start(PROXY, &yaml, GATEWAY).await;
    let url = format!("http://{}/", proxy.address("gateway|80"));
    let answer = client().get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["x-mesh-reason"], "configuration_refused{VirtualService_default/edge}");
    proxy.logged("timeuot").await;
    proxy.write(&edge(backend.address(), "HTTP", ""));
    let mended = async {
        while client().get(&url).send().await.unwrap().status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, mended).await.expect("it is read");
}
