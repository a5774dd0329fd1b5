//! Follows a proxy's access log, to be sure that a feature that is counted was really on.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;

/// How long a proxy may hold back the last lines.
const LIMIT: Duration = Duration::from_secs(10);

/// A growing file of one JSON object a line.
#[derive(Debug)]
pub(crate) struct AccessLog {
    path: PathBuf,
    file: Option<File>,
    records: u64,
    rest: Vec<u8>,
}

impl AccessLog {
    /// A log that may not exist yet.
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, file: None, records: 0, rest: Vec::new() }
    }

    /// Waits until the log has at least this many records; fails if they don't come, or if one differs from the
    /// expected record.
    pub(crate) async fn wait_for(&mut self, records: u64) -> anyhow::Result<()> {
        let deadline = Instant::now() + LIMIT;
        loop {
            self.read()?;
            if self.records >= records {
                return Ok(());
            }
            let path = self.path.display();
            anyhow::ensure!(
                Instant::now() < deadline,
                "{path} has {} records of {records} requests",
                self.records
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn read(&mut self) -> anyhow::Result<()> {
        if self.file.is_none() {
            self.file = match File::open(&self.path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error.into()),
            };
        }
        let file = self.file.as_mut().expect("opened above");
        file.read_to_end(&mut self.rest)?;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        let text = std::str::from_utf8(&self.rest[..end])?;
        // The other lines are about the proxy, not about a request.
        let mut records = text.lines().filter(|line| line.starts_with('{'));
        if let Some(first) = records.next() {
            check(first).with_context(|| format!("not an access log record: {first}"))?;
            self.records += 1 + u64::try_from(records.count())?;
        }
        self.rest.drain(..=end);
        Ok(())
    }
}

fn check(line: &str) -> anyhow::Result<()> {
    let record: Value = serde_json::from_str(line)?;
    anyhow::ensure!(record["response_code"] == 200, "its response_code is not 200");
    anyhow::ensure!(record["request_id"].as_str().is_some_and(|id| id.len() >= 32), "it has no request_id");
    Ok(())
}
