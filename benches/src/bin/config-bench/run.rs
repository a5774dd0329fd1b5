//! Runs every size: some starts, then the changes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mesh_benches::documents::{Change, PORT};
use mesh_benches::measure::{ThreadTimes, Usage, resident_kib};
use mesh_benches::process::{Process, first_line, free_address};
use mesh_benches::proxy;
use mesh_benches::report::write_json;

use crate::backend::Backends;
use crate::caller::{Answer, Caller};
use crate::cli::Options;
use crate::figures::{Edit, Size};
use crate::folder::Folder;
use crate::report::Report;

/// How often a starting proxy is asked.
const START_POLL: Duration = Duration::from_millis(2);
/// How often an answer is looked at for a change: rarely enough that our questions stay cheap.
const POLL: Duration = Duration::from_millis(5);
/// How long a start or a change may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Questions by which their own cost is known.
const QUESTIONS: u32 = 300;
/// A proxy that takes less processor time than `IDLE` in each of `CALM` moments has finished its work.
const MOMENT: Duration = Duration::from_millis(50);
const IDLE: Duration = Duration::from_millis(1);
const CALM: u32 = 4;

/// Measures by `options`; prints the table and writes the JSON.
pub(crate) async fn all(options: Options) -> anyhow::Result<()> {
    let program = proxy::executable(options.proxy.as_deref()).await?;
    let version = first_line(&program, "--version").await?;
    let mut report = Report { version, sizes: Vec::new() };
    for &services in &options.sizes {
        anyhow::ensure!(options.edits <= services, "{} changes need as many services", options.edits);
        report.sizes.push(one(&options, &program, services).await?);
    }
    print!("{report}");
    if let Some(file) = &options.json {
        write_json(file, &report.to_json())?;
    }
    let missed = report.aims().iter().filter(|aim| !aim.met).count();
    anyhow::ensure!(!options.strict || missed == 0, "{missed} aims are missed");
    Ok(())
}

/// One number of services.
async fn one(options: &Options, program: &Path, services: u32) -> anyhow::Result<Size> {
    let backends = Backends::start().await?;
    // Spread over all files.
    let (edits, count) = (usize::try_from(options.edits)?, usize::try_from(services)?);
    let asked: Vec<usize> = (0..edits).map(|edit| edit * count / edits).collect();
    let mut folder = Folder::write(services, &asked, backends.addresses)?;
    let last = folder.service(asked[asked.len() - 1]).host();
    let (mut starts, mut start_cpu_ms) = (Vec::new(), Vec::new());
    let mut running: Option<Gateway> = None;
    for start in 1..=options.starts {
        eprintln!("{services} services: start {start}/{}", options.starts);
        if let Some(gateway) = running.take() {
            gateway.process.stop().await?;
        }
        let (gateway, seconds) = Gateway::start(options, program, &folder, &last).await?;
        start_cpu_ms.push(milliseconds(gateway.settle().await?.total()));
        starts.push(seconds);
        running = Some(gateway);
    }
    let mut gateway = running.context("there is at least one start")?;
    let before = Usage::now(gateway.process.pid(), &[std::process::id()])?;
    let start_kib = resident_kib(gateway.process.pid())?;
    gateway.all_show(&folder, &asked).await?;
    let question = gateway.cost_of_a_question(&last).await?;
    let mut edits = Vec::new();
    for (edit, &index) in asked.iter().enumerate() {
        let change = Change::nth(edit);
        eprintln!("{services} services: change {}/{} ({})", edit + 1, asked.len(), change.as_str());
        edits.push(gateway.edit(&mut folder, index, change, question).await?);
    }
    let end_kib = resident_kib(gateway.process.pid())?;
    let others = Usage::now(gateway.process.pid(), &[std::process::id()])?.since(&before).others();
    gateway.all_show(&folder, &asked).await?;
    gateway.process.stop().await?;
    let (files, bytes) = (folder.files(), folder.bytes);
    Ok(Size { services, files, bytes, starts, start_cpu_ms, start_kib, end_kib, edits, others })
}

/// The running proxy and its caller.
struct Gateway {
    process: Process,
    caller: Caller,
}

impl Gateway {
    /// Starts the proxy; returns it with the seconds until it first answered for `host`.
    async fn start(
        options: &Options,
        program: &Path,
        folder: &Folder,
        host: &str,
    ) -> anyhow::Result<(Self, f64)> {
        let listen = free_address()?;
        let bind = format!("{PORT}={listen}");
        let workers = options.workers.map(|workers| format!("--workers={workers}"));
        let path = folder.path();
        let arguments =
            ["run", "--role", "gateway", "--strict", "--admin", "off", "--bind", &bind, "--config"];
        let arguments = arguments.iter().map(AsRef::as_ref).chain([path.as_os_str()]);
        let arguments = arguments.chain(workers.as_ref().map(AsRef::as_ref));
        let begun = Instant::now();
        let process = Process::start(program, arguments, folder.beside())?;
        let mut gateway = Self { process, caller: Caller::new(listen) };
        while let Err(error) = gateway.ask(host).await? {
            let complaint = || gateway.process.complaint();
            anyhow::ensure!(begun.elapsed() < LIMIT, "no right answer: {error:#}; proxy: {}", complaint());
            tokio::time::sleep(START_POLL).await;
        }
        Ok((gateway, begun.elapsed().as_secs_f64()))
    }

    /// Asks once. The outer error is the end of the proxy.
    async fn ask(&mut self, host: &str) -> anyhow::Result<anyhow::Result<Answer>> {
        tokio::select! {
            error = self.process.ended() => Err(error.context("the proxy is gone")),
            outcome = self.caller.ask(host) => Ok(outcome),
        }
    }

    /// Whether the answer is that of the service's documents. One that is not right at all is an error: a change
    /// must not disturb requests.
    async fn shows(&mut self, folder: &Folder, index: usize) -> anyhow::Result<bool> {
        let service = folder.service(index);
        let answer = self.ask(&service.host()).await??;
        let (version, revision) = Change::shown(service.change);
        Ok(answer.version == version && answer.revision.as_deref().unwrap_or_default() == revision)
    }

    /// Fails unless all these services answer as their documents say.
    async fn all_show(&mut self, folder: &Folder, asked: &[usize]) -> anyhow::Result<()> {
        for &index in asked {
            let host = folder.service(index).host();
            anyhow::ensure!(self.shows(folder, index).await?, "{host} does not answer as its documents say");
        }
        Ok(())
    }

    /// Waits until the proxy has nothing more to do; returns its processor time.
    async fn settle(&self) -> anyhow::Result<ThreadTimes> {
        let begun = Instant::now();
        let mut times = ThreadTimes::now(self.process.pid())?;
        let mut calm = 0;
        while calm < CALM && begun.elapsed() < LIMIT {
            tokio::time::sleep(MOMENT).await;
            let later = ThreadTimes::now(self.process.pid())?;
            calm = if later.since(&times) < IDLE { calm + 1 } else { 0 };
            times = later;
        }
        Ok(times)
    }

    /// Processor time of the proxy for one question like those that look for a change.
    async fn cost_of_a_question(&mut self, host: &str) -> anyhow::Result<Duration> {
        let before = self.settle().await?;
        for _ in 0..QUESTIONS {
            tokio::time::sleep(POLL).await;
            self.ask(host).await??;
        }
        Ok(self.settle().await?.since(&before) / QUESTIONS)
    }

    /// Makes a change and waits until an answer shows it.
    async fn edit(
        &mut self,
        folder: &mut Folder,
        index: usize,
        change: Change,
        question: Duration,
    ) -> anyhow::Result<Edit> {
        let before = ThreadTimes::now(self.process.pid())?;
        let replaced = folder.change(index, change)?;
        let mut questions = 0;
        loop {
            tokio::time::sleep(POLL).await;
            questions += 1;
            if self.shows(folder, index).await? {
                break;
            }
            anyhow::ensure!(
                replaced.elapsed() < LIMIT,
                "the change is not in force: {}",
                self.process.complaint()
            );
        }
        let seconds = replaced.elapsed().as_secs_f64();
        let spent = self.settle().await?.since(&before).saturating_sub(question * questions);
        Ok(Edit { change: change.as_str(), seconds, cpu_ms: milliseconds(spent) })
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
