//! Child processes that end when we do, and how they and we talk.
//!
//! A benchmark that leaves a proxy behind spoils the next one. Our own roles end when their standard input
//! closes; a foreign proxy is started through `setpriv --pdeathsig` where that exists, so that the kernel
//! ends it should we be killed; and dropping a [`Process`] ends it in any case, by its process id.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A running child.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: u32,
    errors: PathBuf,
}

impl Process {
    /// Starts `program`; its output goes to `stdout.log` and `stderr.log` in `folder`.
    ///
    /// # Errors
    /// If the program or its files cannot be opened.
    pub fn start(
        program: &Path,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let output = File::options().create(true).append(true).open(folder.join("stdout.log"))?;
        let mut command = bound_to_us(program);
        command.args(arguments).stdin(Stdio::null()).stdout(output);
        Self::spawn(command, folder)
    }

    /// Starts this executable again in a role; returns its lines and a way to answer.
    ///
    /// # Errors
    /// If this executable cannot be started again.
    pub fn role(arguments: &[String], folder: &Path) -> anyhow::Result<(Self, Conversation)> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Self::spawn(command, folder)?;
        let input = process.child.stdin.take().context("standard input was piped")?;
        let output = process.child.stdout.take().context("standard output was piped")?;
        Ok((process, Conversation { input, output: BufReader::new(output).lines() }))
    }

    fn spawn(mut command: Command, folder: &Path) -> anyhow::Result<Self> {
        let errors = folder.join("stderr.log");
        command.stderr(File::options().create(true).append(true).open(&errors)?).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let pid = child.id().context("a child that has just been started has an id")?;
        Ok(Self { child, pid, errors })
    }

    /// The process id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the child to end by itself, which no child should; returns its exit status and its standard error.
    pub async fn ended(&mut self) -> anyhow::Error {
        match self.child.wait().await {
            Ok(status) => anyhow::anyhow!("ended by itself ({status}): {}", tail(&self.errors)),
            Err(error) => error.into(),
        }
    }

    /// The end of the child's standard error.
    #[must_use]
    pub fn complaint(&self) -> String {
        tail(&self.errors)
    }

    /// Ends the child and waits until it has gone.
    ///
    /// # Errors
    /// If it cannot be ended.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// Lines to and from a role.
#[derive(Debug)]
pub struct Conversation {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Conversation {
    /// The next line, which must come within `limit`.
    ///
    /// # Errors
    /// If no line comes within `limit`.
    pub async fn hear(&mut self, limit: Duration) -> anyhow::Result<String> {
        let line = tokio::time::timeout(limit, self.output.next_line()).await;
        line.with_context(|| format!("nothing was said for {limit:?}"))??.context("it ended early")
    }

    /// Says that the next phase may begin.
    ///
    /// # Errors
    /// If the child has closed its standard input.
    pub async fn go(&mut self) -> anyhow::Result<()> {
        Ok(self.input.write_all(b"go\n").await?)
    }
}

/// Runs a program that ends by itself, in at most `limit`; returns its output.
///
/// # Errors
/// If it cannot be started, does not end in time or ends with a failure.
pub async fn complete(mut command: Command, limit: Duration) -> anyhow::Result<Vec<u8>> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let output = tokio::time::timeout(limit, child.wait_with_output()).await;
    let output = output.with_context(|| format!("{command:?} took over {limit:?}"))??;
    anyhow::ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(output.stdout)
}

/// The first line that a program prints when asked for its version.
///
/// # Errors
/// If it fails or prints nothing.
pub async fn first_line(program: &Path, argument: &str) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    command.arg(argument);
    let output = complete(command, Duration::from_secs(10)).await?;
    let text = String::from_utf8_lossy(&output);
    let line = text.lines().find(|line| !line.trim().is_empty());
    Ok(line.with_context(|| format!("{} {argument} said nothing", program.display()))?.trim().to_owned())
}

/// A role's half of [`Conversation::hear`].
///
/// # Errors
/// If standard output is closed.
pub fn announce(line: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}

/// A role's half of [`Conversation::go`]; fails when the parent has gone.
///
/// # Errors
/// If the parent has gone.
pub async fn wait_for_go() -> anyhow::Result<()> {
    let mut line = String::new();
    let read = BufReader::new(tokio::io::stdin()).read_line(&mut line).await?;
    anyhow::ensure!(read > 0, "the parent has gone");
    Ok(())
}

/// Runs a role that serves until its parent closes its standard input, or dies.
///
/// # Errors
/// Those of `work`.
pub async fn until_abandoned(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let abandoned = async {
        let mut buffer = [0; 16];
        while tokio::io::stdin().read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    tokio::select! {
        outcome = work => outcome,
        () = abandoned => Ok(()),
    }
}

/// Ends early on SIGINT or SIGTERM, so that dropping `work` ends the children and removes the folders.
///
/// # Errors
/// Those of `work`, and if it was ended early.
pub async fn until_interrupted(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        _ = terminate.recv() => anyhow::bail!("terminated"),
    }
}

/// A folder in memory where there is one, so that no program waits for a disk; its name begins with `prefix`.
///
/// # Errors
/// If it cannot be made.
pub fn scratch(prefix: &str) -> anyhow::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    Ok(tempfile::Builder::new().prefix(prefix).tempdir_in(folder)?)
}

/// A loopback address that was free a moment ago, for programs that cannot choose their own port.
///
/// # Errors
/// If there is no loopback address to listen on.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The program of this name in the search path or in the usual places of daemons.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn bound_to_us(program: &Path) -> Command {
    match find_program("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

fn tail(file: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(file)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(2000)))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    };
    read().unwrap_or_default()
}
