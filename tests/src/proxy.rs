//! The built proxy as a child process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longer than anything here takes on a slow machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A running proxy, its folder, and where it listens. Killed when dropped.
#[derive(Debug)]
pub struct Proxy {
    child: Child,
    folder: TempDir,
    listeners: BTreeMap<String, SocketAddr>,
    log: Arc<Mutex<String>>,
    output: Option<mpsc::UnboundedReceiver<String>>,
}

impl Proxy {
    /// Starts the executable on a folder that holds `yaml`; `args` follow `run`, separated by spaces.
    ///
    /// # Panics
    /// If it does not start; the message is its log.
    pub async fn start(executable: &str, yaml: &str, args: &str) -> Self {
        let (folder, mut command) = command(executable, yaml, args);
        let mut child = command.spawn().expect("the executable is built");
        let log = Arc::new(Mutex::new(String::new()));
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let kept = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                let mut log = kept.lock().expect("no panic while a line is kept");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut listeners = BTreeMap::new();
        while !listeners.contains_key("admin") {
            let line = timeout(DEADLINE, lines.next_line()).await.expect("it starts in time").expect("text");
            let Some(line) = line else {
                panic!("it did not start:\n{}", log.lock().expect("no panic while a line is kept"))
            };
            if let Some((name, address)) =
                line.strip_prefix("listening ").and_then(|line| line.split_once(' '))
            {
                listeners.insert(name.to_owned(), address.parse().expect("an address"));
            }
        }
        // The access log may go to standard output: it must not fill the pipe.
        let (sender, output) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                // Most tests don't read it.
                let _ = sender.send(line);
            }
        });
        Self { child, folder, listeners, log, output: Some(output) }
    }

    /// What it prints from now on, such as an access log; once.
    ///
    /// # Panics
    /// If it was taken before.
    pub fn take_output(&mut self) -> mpsc::UnboundedReceiver<String> {
        self.output.take().expect("the output is taken once")
    }

    /// Where a listener really is, such as `gateway|80`, or `admin`.
    ///
    /// # Panics
    /// If there is none of this name.
    #[must_use]
    pub fn address(&self, listener: &str) -> SocketAddr {
        let found = self.listeners.get(listener);
        *found.unwrap_or_else(|| panic!("no {listener} in {:?}", self.listeners))
    }

    /// Replaces the configuration, as an editor does: written aside, then renamed.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn write(&self, yaml: &str) {
        let aside = self.folder.path().join(".next");
        std::fs::write(&aside, yaml).expect("the folder is ours");
        std::fs::rename(aside, self.folder.path().join("mesh.yaml")).expect("the folder is ours");
    }

    /// Its process.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// A page of the admin endpoint: status and text.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn admin(&self, path: &str) -> (u16, String) {
        get(self.address("admin"), path).await
    }

    /// Waits for an admin page of which this holds.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn until(&self, path: &str, enough: impl Fn(u16, &str) -> bool) -> String {
        let found = async {
            loop {
                let (status, text) = self.admin(path).await;
                if enough(status, &text) {
                    return text;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, found).await.unwrap_or_else(|_| panic!("{path} never said it:\n{}", self.log()))
    }

    /// What it has logged.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().expect("no panic while a line is kept").clone()
    }

    /// The highest amount of memory it ever held, in bytes.
    ///
    /// # Panics
    /// Where there is no `/proc`.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Sends SIGTERM.
    ///
    /// # Panics
    /// If there is no shell.
    pub async fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.pid());
        let status = Command::new("sh").arg("-c").arg(kill).status().await.expect("there is a shell");
        assert!(status.success());
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn ended(&mut self) -> ExitStatus {
        timeout(DEADLINE, self.child.wait()).await.expect("it ends in time").expect("it is ours")
    }
}

/// Runs the executable where it must not start: exit code and standard error.
///
/// # Panics
/// If it starts all the same.
pub async fn failed(executable: &str, yaml: &str, args: &str) -> (Option<i32>, String, PathBuf) {
    let (folder, mut command) = command(executable, yaml, args);
    let mut child = command.spawn().expect("the executable is built");
    let mut text = String::new();
    let mut stderr = child.stderr.take().expect("it is piped");
    let status = timeout(DEADLINE, async {
        stderr.read_to_string(&mut text).await.expect("text");
        child.wait().await.expect("it is ours")
    })
    .await
    .expect("it gives up in time");
    (status.code(), text, folder.path().to_owned())
}

fn command(executable: &str, yaml: &str, args: &str) -> (TempDir, Command) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("mesh.yaml"), yaml).expect("the folder is ours");
    let mut command = Command::new(executable);
    let workers = if args.contains("--workers") { "" } else { "--workers 2" };
    command
        .args(["run", "--admin", "127.0.0.1:0", "--termination-drain", "0s"])
        .args(workers.split_whitespace())
        .args(["--until-stdin-closes", "--config"])
        .arg(folder.path())
        .args(args.split_whitespace())
        .env_remove("http_proxy")
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    (folder, command)
}

/// GET on a connection of its own.
///
/// # Panics
/// If there is no answer.
pub async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let stream = TcpStream::connect(address).await.expect("somebody listens");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
    // Its error is the request's.
    tokio::spawn(connection);
    let request = http::Request::get(path).header("host", "test").body(Empty::<bytes::Bytes>::new());
    let answer = timeout(DEADLINE, sender.send_request(request.expect("a path"))).await;
    let answer = answer.expect("an answer in time").expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("a whole body").to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}
