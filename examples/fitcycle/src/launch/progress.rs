//! Progress while it runs: one line that is written over and over on a terminal, a line every few
//! seconds elsewhere.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::load::{SharedTally, lock};
use super::tally::Tally;

const BAR: usize = 24;

/// Writes to standard error, so that the summary alone is on standard output.
#[derive(Debug)]
pub(super) struct Progress {
    began: Instant,
    length: Option<Duration>,
    terminal: bool,
}

impl Progress {
    pub(super) fn new(began: Instant, length: Option<Duration>) -> Self {
        Self { began, length, terminal: io::stderr().is_terminal() }
    }

    /// How often to call [`show`](Self::show).
    pub(super) fn pause(&self) -> Duration {
        if self.terminal { Duration::from_millis(200) } else { Duration::from_secs(5) }
    }

    /// Shows where the run stands.
    pub(super) fn show(&self, now: Instant, tally: &SharedTally) {
        let line = self.line(now, &lock(tally));
        let mut err = io::stderr().lock();
        // A display that cannot be written is no reason to end the run.
        let _ = if self.terminal { write!(err, "\r\x1b[K{line}") } else { writeln!(err, "{line}") }
            .and_then(|()| err.flush());
    }

    /// Says something that stays on the screen.
    pub(super) fn say(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _ = if self.terminal { writeln!(err, "\r\x1b[K{text}") } else { writeln!(err, "{text}") };
    }

    fn line(&self, now: Instant, tally: &Tally) -> String {
        let passed = now.saturating_duration_since(self.began);
        let mut line = String::new();
        match self.length {
            Some(length) => {
                let part = (passed.as_secs_f64() / length.as_secs_f64()).min(1.0);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "between 0 and the bar's width"
                )]
                let full = (part * 24.0) as usize;
                let (full, rest) = ("█".repeat(full), "░".repeat(BAR - full));
                let _ = write!(
                    line,
                    "{full}{rest} {:>5.1}/{:.0} s",
                    passed.as_secs_f64().min(length.as_secs_f64()),
                    length.as_secs_f64()
                );
            }
            None => {
                let _ = write!(line, "{:>6.1} s (ctrl-c ends it)", passed.as_secs_f64());
            }
        }
        let ((total, _), (_, gets), (_, posts)) =
            (tally.count(None), tally.count(Some("GET")), tally.count(Some("POST")));
        let _ = write!(line, "  {total} requests, failed: {gets} GET {posts} POST");
        let mut versions = std::collections::BTreeMap::<&str, u64>::new();
        for (key, count) in tally.lines().filter(|(key, _)| key.version != "-") {
            *versions.entry(&key.version).or_default() += count.requests;
        }
        let answered: u64 = versions.values().sum();
        for (version, count) in versions {
            #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
            let share = count as f64 * 100.0 / answered.max(1) as f64;
            let _ = write!(line, "  {version} {share:.1} %");
        }
        let ms =
            |quantile| Duration::from_micros(tally.latency().value_at_quantile(quantile)).as_secs_f64() * 1e3;
        let _ = write!(line, "  p50 {:.1} p99 {:.1} ms", ms(0.5), ms(0.99));
        line
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::launch::tally::Answer;
    use crate::launch::traffic::KINDS;

    #[test]
    fn the_line_says_how_far_how_many_and_who() {
        let began = Instant::now();
        let mut tally = Tally::new(began);
        for (status, version) in [(200, Some("v1")), (200, Some("v1")), (200, Some("v2")), (503, None)] {
            let status = Some(StatusCode::from_u16(status).unwrap());
            let version = version.map(str::to_owned);
            tally.record(began, &KINDS[0], Answer { status, version, latency: Duration::from_millis(2) });
        }
        let progress = Progress { began, length: Some(Duration::from_secs(20)), terminal: false };
        let line = progress.line(began + Duration::from_secs(10), &tally);
        assert!(
            line.starts_with("████████████░░░░░░░░░░░░  10.0/20 s  4 requests, failed: 1 GET 0 POST"),
            "{line}"
        );
        assert!(line.contains("v1 66.7 %  v2 33.3 %"), "{line}");
    }
}
