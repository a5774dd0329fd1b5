//! Equal, kept by name, or other.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::Value;

use super::case::{self, Case, Configuration};
use super::kept::Kept;
use super::play::{self, Role};

/// The number of threads that play a file, each with a clock of its own.
const THREADS: usize = 2;

/// The outcomes of the cases of a recording.
#[derive(Default)]
pub(super) struct Report {
    equal: usize,
    kept: BTreeMap<&'static str, usize>,
    other: Vec<String>,
}

impl Report {
    /// Sorts a case by our answer to it.
    pub(super) fn judge(&mut self, case: Case<'_>, ours: &Value, kept: &[Kept]) {
        if ours == case.observed {
            self.equal += 1;
            return;
        }
        let matching = kept.iter().find(|kept| (kept.instead)(case).is_some_and(|instead| instead == *ours));
        match matching {
            Some(kept) => *self.kept.entry(kept.name).or_default() += 1,
            None => self.other.push(format!(
                "line {}: {}\n  Istio: {}\n  ours:  {ours}",
                case.configuration.line, case.request, case.observed
            )),
        }
    }

    fn add(&mut self, other: Self) {
        self.equal += other.equal;
        for (name, count) in other.kept {
            *self.kept.entry(name).or_default() += count;
        }
        self.other.extend(other.other);
    }

    /// Prints the sums, and fails if a case is other, or if a kept difference does not occur.
    pub(super) fn assert(&self, file: &str, cases: usize, kept: &[Kept]) {
        let mut text = format!("{file}: {} equal", self.equal);
        for (name, count) in &self.kept {
            write!(text, ", {count} kept ({name})").unwrap();
        }
        say(&format!("{text}, {} other", self.other.len()));
        let page = std::fs::read_to_string(PAGE).unwrap();
        let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
        for one in kept {
            assert!(page.contains(one.page), "{PAGE} has no {:?}", one.page);
        }
        if std::env::var_os(ONLY).is_some() {
            say(&self.other.join("\n"));
            return;
        }
        assert_eq!(self.equal + self.kept.values().sum::<usize>() + self.other.len(), cases);
        let shown = self.other.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
        assert!(self.other.is_empty(), "{text}, {} other:\n{shown}", self.other.len());
        for one in kept {
            assert!(self.kept.contains_key(one.name), "no case is {:?}: it is kept no more", one.name);
        }
    }
}

/// Prints a line that the test runner does not hide.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("there is a terminal, or a file");
}

/// The page that lists the kept differences.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/differences-from-envoy.md");

/// Names the one configuration to play.
const ONLY: &str = "MESH_RECORDED";

/// Plays the cases of a file, one after another, each configuration afresh.
pub(super) fn file(name: &str, role: &Role, kept: &[Kept]) -> Report {
    each(name, |configuration, report| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let test = role.start(configuration).await;
            let listener = play::listener(&test).expect("the recording's port is open");
            for case in configuration.cases() {
                let ours = play::play(&listener, play::request(case), role.only).await;
                report.judge(case, &ours, kept);
            }
        });
    })
}

/// Plays each configuration of a file by `play`, on a few threads.
pub(super) fn each(name: &str, play: impl Fn(&Configuration, &mut Report) + Sync) -> Report {
    let all = case::read(name);
    let only: Option<usize> = std::env::var(ONLY).ok().and_then(|line| line.parse().ok());
    let wanted = |one: &&Configuration| only.is_none_or(|line| one.line == line);
    let of = |thread: usize| {
        let mut report = Report::default();
        let mine = all.iter().filter(|one| one.line % THREADS == thread).filter(wanted);
        mine.for_each(|configuration| play(configuration, &mut report));
        report
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || of(thread))).collect();
        let mut sum = Report::default();
        threads.into_iter().for_each(|thread| sum.add(thread.join().expect("a thread without a panic")));
        sum
    })
}
