//! One process that the launcher started: a service, or a proxy.
//!
//! ```text
//! spawn ──> announced ──> running ──┬─ stop: its standard input is closed, it drains and ends
//!                                   └─ kill: SIGKILL, as a crash looks from outside
//! ```
//! Each child leads a process group of its own, so that ctrl-c in a terminal reaches the launcher alone and
//! the order of stopping stays the launcher's. Its output goes to a file; when it cannot start, the end of
//! that file is the reason shown.

use std::collections::HashMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child as Process, Command};
use tokio::time::timeout;

/// How long a child may take until it has announced its addresses.
const START: Duration = Duration::from_secs(30);
/// How long it may take to drain before it is killed; a little more than a service allows itself.
const STOP: Duration = Duration::from_secs(12);
/// How much of its output is shown when it fails.
const TAIL: usize = 2_000;

/// The program to run.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(&'static str, String)>,
    /// The names it will announce an address for.
    pub(super) announces: Vec<&'static str>,
}

/// A running child.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) name: String,
    process: Process,
    addresses: HashMap<String, SocketAddr>,
    log: PathBuf,
}

impl Child {
    /// Starts this same executable once more and waits for every announced address.
    pub(super) async fn start(order: Order, logs: &Path) -> anyhow::Result<Self> {
        let Order { name, arguments, environment, announces } = order;
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let program = std::env::current_exe().context("finding this executable")?;
        let mut command = Command::new(program);
        command.args(arguments);
        // A proxy that this machine is set up with is not part of the mesh.
        for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(variable);
        }
        let process = command
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file.try_clone().context("sharing the log file")?)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let mut child = Self { name, process, addresses: HashMap::new(), log };
        match timeout(START, child.read_addresses(&announces, file)).await {
            Ok(Ok(())) => Ok(child),
            Ok(Err(error)) => Err(child.failed(&error.to_string())),
            Err(_) => Err(child.failed(&format!("it did not say within {START:?} where it listens"))),
        }
    }

    async fn read_addresses(&mut self, announces: &[&str], file: File) -> anyhow::Result<()> {
        let output = self.process.stdout.take().context("the output is a pipe")?;
        let mut lines = BufReader::new(output).lines();
        let mut log = tokio::fs::File::from_std(file);
        while announces.iter().any(|name| !self.addresses.contains_key(*name)) {
            let Some(line) = lines.next_line().await? else { bail!("it ended before it listened") };
            if let Some((name, address)) =
                line.strip_prefix("listening ").and_then(|rest| rest.split_once(' '))
            {
                let address = address.parse().map_err(|_| anyhow!("it announced no address: {line}"))?;
                self.addresses.insert(name.to_owned(), address);
            }
            log.write_all(format!("{line}\n").as_bytes()).await?;
        }
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if log.write_all(format!("{line}\n").as_bytes()).await.is_err() {
                    break;
                }
            }
        });
        Ok(())
    }

    /// Where it listens under one of the announced names.
    pub(super) fn address(&self, name: &str) -> anyhow::Result<SocketAddr> {
        self.addresses.get(name).copied().with_context(|| format!("{} has no listener {name}", self.name))
    }

    /// Asks it to drain and waits for its end; says why if that was not in order.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.process.stdin.take());
        match timeout(STOP, self.process.wait()).await {
            Ok(status) => match status.context("waiting for its end")? {
                status if status.success() => Ok(()),
                status => Err(self.failed(&format!("it ended with an error: {status}"))),
            },
            Err(_) => {
                self.process.kill().await.context("killing it")?;
                Err(self.failed(&format!("it did not drain within {STOP:?} and was killed")))
            }
        }
    }

    /// SIGKILL: no drain, no goodbye.
    pub(super) async fn kill(mut self) -> anyhow::Result<()> {
        self.process.kill().await.with_context(|| format!("killing {}", self.name))
    }

    /// An error if it ended by itself.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        match self.process.try_wait().context("asking for its state")? {
            None => Ok(()),
            Some(status) => Err(self.failed(&format!("it ended by itself: {status}"))),
        }
    }

    fn failed(&self, what: &str) -> anyhow::Error {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let tail = String::from_utf8_lossy(&text[text.len().saturating_sub(TAIL)..]).into_owned();
        anyhow!("{}: {what}\n{}", self.name, tail.trim_end())
    }
}
