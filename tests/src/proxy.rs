//! The built proxy as a child process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// Longer than any step takes on a slow machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The interval between two requests for a page that a test waits for.
pub(crate) const TURN: Duration = Duration::from_millis(5);

/// A running proxy, its folder and its addresses. Killed when dropped.
#[derive(Debug)]
pub struct Proxy {
    child: Child,
    folder: TempDir,
    listeners: BTreeMap<String, SocketAddr>,
    log: watch::Receiver<String>,
    /// Kept once a test asks for it.
    output: watch::Sender<Option<mpsc::UnboundedSender<String>>>,
}

impl Proxy {
    /// Starts the executable on a folder that holds `yaml`; `args` follow `run`, separated by spaces.
    ///
    /// # Panics
    /// If it does not start; the message is its log.
    pub async fn start(executable: &str, yaml: &str, args: &str) -> Self {
        let (folder, mut command) = command(executable, yaml, args);
        let mut child = command.spawn().expect("the executable is built");
        let (keep, log) = watch::channel(String::new());
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                keep.send_modify(|log| {
                    log.push_str(&line);
                    log.push('\n');
                });
            }
        });
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut listeners = BTreeMap::new();
        while !listeners.contains_key("admin") {
            let line = timeout(DEADLINE, lines.next_line()).await.expect("it starts in time").expect("text");
            let Some(line) = line else { panic!("it did not start:\n{}", *log.borrow()) };
            if let Some((name, address)) =
                line.strip_prefix("listening ").and_then(|line| line.split_once(' '))
            {
                listeners.insert(name.to_owned(), address.parse().expect("an address"));
            }
        }
        // The access log may go to standard output: it must not fill the pipe.
        let (output, reader) = watch::channel(None::<mpsc::UnboundedSender<String>>);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(reader) = &*reader.borrow() {
                    // A test may stop reading.
                    let _ = reader.send(line);
                }
            }
        });
        Self { child, folder, listeners, log, output }
    }

    /// Its output from now on, for example an access log; once.
    ///
    /// # Panics
    /// If it was taken before.
    pub fn take_output(&mut self) -> mpsc::UnboundedReceiver<String> {
        let (sender, output) = mpsc::unbounded_channel();
        assert!(self.output.send_replace(Some(sender)).is_none(), "the output is taken once");
        output
    }

    /// The address of a listener by its name, for example `gateway|80`, or `admin`.
    ///
    /// # Panics
    /// If there is no such listener.
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

    /// The id of its process.
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

    /// Waits until this holds of an admin page.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn until(&self, path: &str, enough: impl Fn(u16, &str) -> bool) -> String {
        let found = async {
            // Uses one connection, and pauses between the requests.
            let mut turn = tokio::time::interval(TURN);
            let mut page = Page::open(self.address("admin")).await;
            loop {
                turn.tick().await;
                let (status, text) = page.get(path).await;
                if enough(status, &text) {
                    return text;
                }
            }
        };
        timeout(DEADLINE, found).await.unwrap_or_else(|_| panic!("{path} never said it:\n{}", self.log()))
    }

    /// Its log.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.borrow().clone()
    }

    /// Waits for a log line that has this text.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn logged(&self, text: &str) -> String {
        let mut log = self.log.clone();
        let line = |log: &str| log.lines().find(|line| line.contains(text)).map(str::to_owned);
        let found = timeout(DEADLINE, log.wait_for(|log| line(log).is_some())).await;
        let found = found.unwrap_or_else(|_| panic!("{text} was never logged:\n{}", self.log()));
        line(&found.expect("it runs")).expect("just seen")
    }

    /// The highest amount of memory it ever held, in bytes.
    ///
    /// # Panics
    /// Where there is no `/proc`.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// The memory that it holds now and that does not come from files, in bytes.
    ///
    /// # Panics
    /// Where there is no `/proc`.
    #[must_use]
    pub fn own_memory(&self) -> u64 {
        self.memory("RssAnon:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux tells");
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

/// Runs the executable with wrong arguments; returns exit code and standard error.
///
/// # Panics
/// If it starts.
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
    Page::open(address).await.get(path).await
}

/// A connection for pages.
#[derive(Debug)]
pub struct Page {
    address: SocketAddr,
    sender: http1::SendRequest<Empty<bytes::Bytes>>,
}

impl Page {
    /// Connects.
    ///
    /// # Panics
    /// If the address refuses the connection.
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("somebody listens");
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        // The request reports the error too.
        tokio::spawn(connection);
        Self { address, sender }
    }

    /// Requests a page, again on a new connection if the first was closed.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn get(&mut self, path: &str) -> (u16, String) {
        if self.sender.ready().await.is_err() {
            *self = Self::open(self.address).await;
        }
        let request = http::Request::get(path).header("host", "test").body(Empty::new());
        let answer = timeout(DEADLINE, self.sender.send_request(request.expect("a path"))).await;
        let answer = answer.expect("an answer in time").expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a whole body").to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}
