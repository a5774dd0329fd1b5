//! Envoy as a child process, on free ports.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use mesh_tests::proxy::get;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::harness::DEADLINE;

/// A running Envoy; killed when dropped.
#[derive(Debug)]
pub(crate) struct Envoy {
    listener: SocketAddr,
    output: Option<mpsc::UnboundedReceiver<String>>,
    _child: Child,
    _folder: TempDir,
}

impl Envoy {
    /// Starts it on a bootstrap whose admin and only listener have port 0.
    pub(crate) async fn start(executable: &Path, bootstrap: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (config, address_file) = (folder.path().join("envoy.yaml"), folder.path().join("admin"));
        std::fs::write(&config, bootstrap).unwrap();
        let mut child = Command::new(executable)
            .args(["--concurrency", "1", "--disable-hot-restart", "--file-flush-interval-msec", "10"])
            .args(["--log-level", "warning", "--component-log-level", "main:info"])
            .arg("--admin-address-path")
            .arg(&address_file)
            .arg("--config-path")
            .arg(&config)
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let started = timeout(DEADLINE, started(child.stderr.take().unwrap())).await;
        if let Err(log) = started.expect("Envoy starts in time") {
            panic!("Envoy ended:\n{log}\n{bootstrap}");
        }
        let admin = std::fs::read_to_string(&address_file).unwrap().parse().unwrap();
        let listener = listener(admin).await;
        let (sender, output) = mpsc::unbounded_channel();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                // Some tests do not read it.
                let _ = sender.send(line);
            }
        });
        Self { listener, output: Some(output), _child: child, _folder: folder }
    }

    pub(crate) fn listener(&self) -> SocketAddr {
        self.listener
    }

    pub(crate) fn take_output(&mut self) -> mpsc::UnboundedReceiver<String> {
        self.output.take().unwrap()
    }
}

/// Waits until it serves; the error is its log. Its later output is discarded.
async fn started(stderr: ChildStderr) -> Result<(), String> {
    let mut lines = BufReader::new(stderr).lines();
    let mut log = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.contains("starting main dispatch loop") {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(());
        }
        if !line.contains("[info]") {
            log.extend(line.chars().take(1000));
            log.push('\n');
        }
    }
    Err(log)
}

async fn listener(admin: SocketAddr) -> SocketAddr {
    let (_, page) = get(admin, "/listeners?format=json").await;
    let page: Value = serde_json::from_str(&page).unwrap();
    let address = &page["listener_statuses"][0]["local_address"]["socket_address"];
    let port = address["port_value"].as_u64().unwrap_or_else(|| panic!("no listener in {page}"));
    ([127, 0, 0, 1], u16::try_from(port).unwrap()).into()
}
