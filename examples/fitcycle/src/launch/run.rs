//! The order of events in one run.
//!
//! ```text
//! start ──> load begins ──> an api-server is killed ──> taken off the list ──┐
//!     ┌─────────────────────────────────────────────────────────────────────┘
//!     └──> another is started ──> load ends ──> account ──> stop
//! ```
//!
//! All the while, manifests that are edited are brought into force.

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::time::{interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::application::Application;
use super::checks::{self, Deeds};
use super::folder::Edit;
use super::instance::API_V1;
use super::load::{Load, SharedTally, lock};
use super::options::LaunchArgs;
use super::progress::Progress;
use super::report::{Event, Report, Run, Signups};
use super::rules::Rules;
use super::tally::Tally;
use super::traffic::{Crowd, Route};
use crate::serve;
use crate::store::{Location, Store};
use crate::upstream::SIGNUPS;

/// How often to look whether a manifest was edited.
const LOOK: Duration = Duration::from_millis(250);
/// The length of the story where the run has none.
const STORY: Duration = Duration::from_secs(20);

/// Runs the application until ctrl-c, or as long as asked.
pub(crate) async fn run(args: LaunchArgs) -> anyhow::Result<ExitCode> {
    let stop = serve::stop_requested(args.until_stdin_closes)?;
    let scratch =
        tempfile::Builder::new().prefix("fitcycle-").tempdir().context("making a temporary folder")?;
    let application = tokio::select! {
        started = Box::pin(Application::start(&args, scratch.path())) => started?,
        () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
    };
    print(&addresses(&application)?)?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    // Another name each time, so that the sign-ups of this run can be counted alone.
    let domain = format!("run-{:016x}.example", fastrand::Rng::new().u64(..));

    let began = Instant::now();
    let mut story = Story {
        began,
        tally: Arc::new(Mutex::new(Tally::new(began))),
        progress: Progress::new(began, args.duration),
        steps: steps(args.duration.unwrap_or(STORY)),
        killed: None,
        events: Vec::new(),
        deeds: Deeds::default(),
        application,
    };
    story.configure(began);
    let load = Load {
        gateway: story.application.gateway()?,
        rate: args.rate,
        seed,
        crowd: Crowd::new(domain.clone()),
    };
    let load_stop = CancellationToken::new();
    let sending = tokio::spawn(load.run(Arc::clone(&story.tally), load_stop.clone()));
    let told = story.go_on(&stop, args.duration.map(|length| began + length)).await;
    load_stop.cancel();
    sending.await.context("the load")??;
    let by_itself = told?;

    let length = began.elapsed();
    let Story { tally, mut deeds, events, application, progress, .. } = story;
    progress.show(Instant::now(), &tally);
    progress.say("");
    let members = application.deeds().await?;
    let signups = signups(&application.database, &domain, &tally).await?;
    (deeds.stopped, deeds.problems) = application.stop().await;
    let mut report = Report::new(Run { length, seed, members, signups, events }, &lock(&tally));
    report.checks = checks::all(&report, &deeds);
    print(&report.to_string())?;
    if let Some(file) = &args.report {
        write(file, &report)?;
    }
    let failed = report.checks.iter().any(|check| check.passed == Some(false));
    let matters = args.check || by_itself;
    Ok(if failed && matters { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// An event at a set time.
#[derive(Clone, Copy, Debug)]
enum Step {
    Kill,
    Unlist,
    Replace,
}

fn steps(length: Duration) -> VecDeque<(Duration, Step)> {
    // Longer than any client needs to notice by itself, as in a cluster.
    let unnoticed = (length / 10).min(Duration::from_secs(2));
    let (kill, replace) = (length.mul_f64(0.3), length.mul_f64(0.6));
    [(kill, Step::Kill), (kill + unnoticed, Step::Unlist), (replace, Step::Replace)].into()
}

/// A run under way.
struct Story {
    began: Instant,
    tally: SharedTally,
    progress: Progress,
    steps: VecDeque<(Duration, Step)>,
    killed: Option<String>,
    events: Vec<Event>,
    deeds: Deeds,
    application: Application,
}

impl Story {
    /// Goes on until `stop` or `end`; true if it was the end.
    async fn go_on(&mut self, stop: &CancellationToken, end: Option<Instant>) -> anyhow::Result<bool> {
        let (mut show, mut look) = (interval(self.progress.pause()), interval(LOOK));
        let end = end.unwrap_or_else(far);
        loop {
            let next = self.steps.front().map_or_else(far, |(at, _)| self.began + *at);
            tokio::select! {
                () = stop.cancelled() => return Ok(false),
                () = sleep_until(end.into()) => return Ok(true),
                () = sleep_until(next.into()) => {
                    if let Some((_, step)) = self.steps.pop_front() {
                        self.step(step).await?;
                    }
                }
                _ = look.tick() => {
                    self.application.check()?;
                    if let Some(edit) = self.application.fleet.folder.look()? {
                        self.edit(edit).await?;
                    }
                }
                _ = show.tick() => self.progress.show(Instant::now(), &self.tally),
            }
        }
    }

    async fn step(&mut self, step: Step) -> anyhow::Result<()> {
        match step {
            Step::Kill => {
                let pods = self.application.fleet.pods(API_V1);
                let pod = pods.into_iter().next().context("there is an api-server")?;
                self.application.fleet.kill(&pod).await?;
                self.tell(format!("{pod} was killed (SIGKILL)"));
                self.killed = Some(pod);
            }
            Step::Unlist => {
                if let Some(pod) = &self.killed {
                    self.application.fleet.unlist(pod)?;
                    let what = format!("{pod} was taken off the list");
                    self.tell(what);
                }
            }
            Step::Replace => {
                let pod = self.application.replace().await?;
                self.tell(format!("{pod} was started and listed"));
                self.deeds.replaced += 1;
            }
        }
        Ok(())
    }

    /// Brings edited manifests into force, and sees to it that they are.
    async fn edit(&mut self, edit: Edit) -> anyhow::Result<()> {
        let before = self.application.generations().await?;
        let seen = Instant::now();
        self.application.fleet.folder.apply(edit)?;
        let (_, findings) = self.application.fleet.folder.documents();
        if findings.has_errors() {
            for finding in findings.iter().filter(|finding| finding.is_error()) {
                self.tell(format!("the edit is wrong, what was good stays in force: {finding:#}"));
            }
            return Ok(());
        }
        self.configure(seen);
        if let Some(now) = self.application.follow(&before).await? {
            let took = seen.elapsed().as_millis();
            let generation = now.values().max().copied().unwrap_or_default();
            self.deeds.edits += 1;
            self.tell(format!("the edit is in force everywhere after {took} ms, as generation {generation}"));
        } else {
            self.deeds.edits_ignored += 1;
            self.tell("the edit is not in force everywhere".to_owned());
        }
        lock(&self.tally).settle(Instant::now());
        Ok(())
    }

    /// Compares the run with the manifests as they are now.
    fn configure(&self, now: Instant) {
        let (documents, _) = self.application.fleet.folder.documents();
        for route in Route::ALL {
            if let Some(rules) = Rules::find(&documents, route) {
                lock(&self.tally).configure(now, route, rules);
            }
        }
    }

    fn tell(&mut self, what: String) {
        let second = self.began.elapsed().as_secs_f64();
        self.progress.say(&format!("{second:>6.1} s  {what}"));
        self.events.push(Event { second, what });
    }
}

/// So late that it never comes.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(100 * 365 * 24 * 60 * 60)
}

fn addresses(application: &Application) -> anyhow::Result<String> {
    let gateway = application.gateway()?;
    let pages = [
        ("pages", "/"),
        ("members", "/signups"),
        ("phones", "/mobile"),
        ("report", "/report"),
        ("API", SIGNUPS),
    ];
    let mut text = "fitcycle is up, through the gateway:\n".to_owned();
    for (name, path) in pages {
        text.push_str(&format!("  {name:<24} {gateway}{path}\n"));
    }
    text.push_str("what each member of the mesh does:\n");
    for (name, address) in application.members()? {
        text.push_str(&format!("  {name:<24} http://{address}/\n"));
    }
    let folder = application.fleet.folder.manifests().display();
    text.push_str(&format!(
        "edit the YAML in {folder}\nwhile it runs; it takes effect at once. Ctrl-C ends it.\n\n"
    ));
    Ok(text)
}

/// Stored sign-ups, beside those confirmed to users.
async fn signups(database: &Location, domain: &str, tally: &SharedTally) -> anyhow::Result<Signups> {
    let store = Store::open(database).await?;
    let (stored, different) = store.of_domain(domain).await.context("counting the sign-ups")?;
    store.close().await;
    let (posts, failed) = lock(tally).count(Some("POST"));
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(Signups {
        acknowledged: posts - failed,
        stored: count(stored),
        stored_twice: count(stored - different),
    })
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("writing to standard output")
}

fn write(file: &Path, report: &Report) -> anyhow::Result<()> {
    let json = serde_json::to_vec_pretty(report).context("writing the report as JSON")?;
    std::fs::write(file, json).with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_instance_is_listed_for_a_while_and_replaced_before_the_end() {
        let at: Vec<_> = steps(Duration::from_secs(20)).into_iter().map(|(at, _)| at.as_secs()).collect();
        assert_eq!(at, [6, 8, 12]);
    }
}
