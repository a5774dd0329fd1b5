//! A service in a process of its own (`src/bin/server.rs`), for the test that started it.

use std::net::SocketAddr;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::proxy::DEADLINE;

/// The process; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
    address: SocketAddr,
    _folder: Option<TempDir>,
}

impl Server {
    /// Starts the executable at an address; with a configuration it is a member of the mesh.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(executable: &str, address: SocketAddr, yaml: Option<&str>) -> Self {
        let mut command = Command::new(executable);
        command.arg(address.to_string());
        let folder = yaml.map(|yaml| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            std::fs::write(folder.path().join("mesh.yaml"), yaml).expect("the folder is ours");
            command.arg(folder.path());
            folder
        });
        command.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the executable is built");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let input = child.stdin.take().expect("it is piped");
        let mut server = Self { child, lines, input, address, _folder: folder };
        let line = server.next_line().await.expect("it starts");
        let address = line.strip_prefix("listening ").and_then(|address| address.parse().ok());
        server.address = address.unwrap_or_else(|| panic!("no address: {line}"));
        server
    }

    /// The address of its listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of its process.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// The next line that it prints; `None` once it has ended.
    ///
    /// # Panics
    /// If it prints no line for long.
    pub async fn next_line(&mut self) -> Option<String> {
        timeout(DEADLINE, self.lines.next_line()).await.expect("it says something").expect("text")
    }

    /// Releases the held requests, and holds none any more.
    ///
    /// # Panics
    /// If it has ended.
    pub async fn release(&mut self) {
        self.input.write_all(b"go\n").await.expect("it runs");
    }

    /// Kills it, as `kill -9` does, and waits for its end; returns its last lines.
    ///
    /// # Panics
    /// If it has ended already.
    pub async fn kill(mut self) -> Vec<String> {
        self.child.kill().await.expect("it runs");
        let mut rest = Vec::new();
        while let Some(line) = self.next_line().await {
            rest.push(line);
        }
        rest
    }
}
