//! Runs every scenario: the proxies take turns for some rounds, so that a noisy minute hits all of them alike.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use mesh_benches::measure::{self, Usage};
use mesh_benches::process::{self, Conversation, Process};
use mesh_benches::report::write_json;
use tempfile::TempDir;

use crate::access_log::AccessLog;
use crate::cli::Options;
use crate::figures::{Footprint, Run};
use crate::load::Served;
use crate::name::Name;
use crate::peer::{self, Peer, Place};
use crate::report::Report;
use crate::scenario::Scenario;

/// Longer than any phase of the load generator.
const PHASE_LIMIT: Duration = Duration::from_secs(330);

/// Compares by `options`; prints the table and writes the JSON.
pub(crate) async fn compare(options: Options) -> anyhow::Result<()> {
    let (mut peers, absent) = find_peers(&options).await?;
    let versions = peers.iter().map(|(name, peer)| (*name, peer.version())).collect();
    let mut report = Report::new(&options, versions, absent);
    for &scenario in &options.scenarios {
        let folder = process::scratch("proxy-bench-")?;
        let backend = Backend::start(folder.path()).await?;
        for round in 1..=options.rounds {
            for (name, peer) in &peers {
                eprintln!("{} {round}/{}: {}", scenario.name(), options.rounds, name.as_str());
                let outcome = match scenario {
                    Scenario::Idle => hold(&options, peer.as_ref(), &backend)
                        .await
                        .map(|it| report.add_footprint(*name, it)),
                    _ => serve(&options, scenario, peer.as_ref(), &backend)
                        .await
                        .map(|it| report.add(scenario, *name, it)),
                };
                if let Err(error) = outcome {
                    eprintln!("!!! {} failed in {}: {error:#}", name.as_str(), scenario.name());
                    anyhow::ensure!(!options.strict, "{} failed in {}", name.as_str(), scenario.name());
                    report.add_failure(scenario, *name, &error);
                }
            }
            // The first proxy of a round meets a colder machine: so the order rotates.
            peers.rotate_left(1);
        }
        backend.process.stop().await?;
    }
    print!("{report}");
    if let Some(file) = &options.json {
        write_json(file, &report.to_json())?;
    }
    let failures = report.failures();
    anyhow::ensure!(failures == 0, "{failures} runs failed");
    Ok(())
}

/// The proxies that are here, and why the others are not.
async fn find_peers(options: &Options) -> anyhow::Result<(Vec<(Name, Box<dyn Peer>)>, Vec<(Name, String)>)> {
    let (mut peers, mut absent) = (Vec::new(), Vec::new());
    for &name in &options.peers {
        match peer::find(name, options).await {
            Ok(peer) => peers.push((name, peer)),
            Err(error) if options.strict => return Err(error.context(format!("{} is absent", name.as_str()))),
            Err(error) => {
                eprintln!("!!! {} is ABSENT and left out: {error:#}", name.as_str());
                absent.push((name, format!("{error:#}")));
            }
        }
    }
    anyhow::ensure!(!peers.is_empty(), "there is no proxy to measure");
    Ok((peers, absent))
}

/// The server behind the proxies.
struct Backend {
    process: Process,
    address: SocketAddr,
    /// Ends the process when it is closed.
    _conversation: Conversation,
}

impl Backend {
    async fn start(folder: &Path) -> anyhow::Result<Self> {
        let (process, mut conversation) = Process::role(&["backend".to_owned()], folder)?;
        let address = conversation.hear(Duration::from_secs(10)).await?.parse()?;
        Ok(Self { process, address, _conversation: conversation })
    }
}

/// A proxy at work, and the role that talks to it.
struct Scene {
    proxy: Process,
    load: Process,
    conversation: Conversation,
    folder: TempDir,
}

impl Scene {
    fn start(
        peer: &dyn Peer,
        role: &str,
        place: &Place<'_>,
        folder: TempDir,
        numbers: [String; 2],
    ) -> anyhow::Result<Self> {
        let proxy = peer.start(place)?;
        let asked = if peer.has_features() { place.scenario } else { place.scenario.plain() };
        let mut arguments = vec![
            role.to_owned(),
            format!("--target={}", place.listen),
            format!("--scenario={}", asked.name()),
        ];
        arguments.extend(numbers);
        let load_folder = folder.path().join("load");
        std::fs::create_dir(&load_folder)?;
        let (load, conversation) = Process::role(&arguments, &load_folder)?;
        Ok(Self { proxy, load, conversation, folder })
    }

    /// The next line of the role; an error with the standard error of the role or the proxy if one of them ends.
    async fn hear(&mut self) -> anyhow::Result<String> {
        tokio::select! {
            error = self.proxy.ended() => Err(error.context("the proxy is gone")),
            heard = self.conversation.hear(PHASE_LIMIT) => match heard {
                Ok(line) => Ok(line),
                Err(error) => {
                    let proxy = self.proxy.complaint();
                    Err(error.context(format!("load: {}; proxy: {proxy}", self.load.complaint())))
                }
            },
        }
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.proxy.stop().await?;
        self.load.stop().await?;
        Ok(self.folder.close()?)
    }
}

async fn serve(
    options: &Options,
    scenario: Scenario,
    peer: &dyn Peer,
    backend: &Backend,
) -> anyhow::Result<Run> {
    let folder = process::scratch("proxy-bench-")?;
    let path = folder.path().to_owned();
    let place = Place { scenario, listen: process::free_address()?, backend: backend.address, folder: &path };
    let warm_up = options.requests / 4;
    let numbers = [format!("--warm-up={warm_up}"), format!("--requests={}", options.requests)];
    let mut scene = Scene::start(peer, "load", &place, folder, numbers)?;
    let logs = scenario.has_mesh_features() && peer.has_features();
    let mut log = logs.then(|| AccessLog::new(peer.access_log(&place)));

    scene.hear().await?;
    if let Some(log) = &mut log {
        log.wait_for(warm_up).await?;
    }
    let (proxy, others) = (scene.proxy.pid(), [scene.load.pid(), backend.process.pid()]);
    let before = Usage::now(proxy, &others)?;
    scene.conversation.go().await?;
    let served: Served = serde_json::from_str(&scene.hear().await?)?;
    // A log that is written behind the requests' back costs the proxy all the same.
    if let Some(log) = &mut log {
        log.wait_for(warm_up + options.requests).await?;
    }
    let spent = Usage::now(proxy, &others)?.since(&before);
    scene.stop().await?;
    anyhow::ensure!(served.requests == options.requests, "{} answers were counted", served.requests);
    Ok(Run {
        cpu_us: spent.proxy * 1e6 / served.requests as f64,
        busy: spent.proxy / served.seconds,
        others: spent.others(),
        served,
    })
}

async fn hold(options: &Options, peer: &dyn Peer, backend: &Backend) -> anyhow::Result<Footprint> {
    let folder = process::scratch("proxy-bench-")?;
    let path = folder.path().to_owned();
    let place = Place {
        scenario: Scenario::Idle,
        listen: process::free_address()?,
        backend: backend.address,
        folder: &path,
    };
    let numbers = ["--warm-up=0".to_owned(), format!("--requests={}", options.connections)];
    let mut scene = Scene::start(peer, "idle", &place, folder, numbers)?;
    scene.hear().await?;
    let start_kib = measure::resident_kib(scene.proxy.pid())?;
    scene.conversation.go().await?;
    scene.hear().await?;
    let held_kib = measure::resident_kib(scene.proxy.pid())?;
    scene.stop().await?;
    let connection_kib = held_kib.saturating_sub(start_kib) as f64 / options.connections as f64;
    Ok(Footprint { start_kib, connection_kib })
}
