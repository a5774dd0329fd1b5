//! One running fitcycle process, and how to wait for what it says.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Nothing here takes this long; it only keeps a broken test from hanging.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A process of ours that listens. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts `fitcycle` with `arguments` and waits until it has announced its address.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fitcycle"))
            .args(arguments)
            .arg("--until-stdin-closes")
            .env_remove("http_proxy")
            .env_remove("HTTP_PROXY")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
        let line = line.unwrap_or_else(|| panic!("{arguments:?} ended without announcing an address"));
        let address =
            line.strip_prefix("listening http ").unwrap_or_else(|| panic!("unexpected line {line:?}"));
        Self { child, address: address.parse().unwrap() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Closes its standard input and waits for its end.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        drop(self.child.stdin.take());
        self.wait().await
    }

    /// Waits for its end.
    pub(crate) async fn wait(&mut self) -> ExitStatus {
        timeout(DEADLINE, self.child.wait()).await.expect("the process did not end").unwrap()
    }
}

/// A client that ignores whatever proxy this machine is set up with, and does not follow redirects.
pub(crate) fn client() -> reqwest::Client {
    let policy = reqwest::redirect::Policy::none();
    reqwest::Client::builder().no_proxy().redirect(policy).timeout(DEADLINE).build().unwrap()
}
