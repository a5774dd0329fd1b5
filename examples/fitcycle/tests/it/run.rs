//! One launcher under way, on manifests of its own.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

use crate::process::DEADLINE;

/// A launcher under way. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) child: Child,
    out: Lines<BufReader<ChildStdout>>,
    pub(crate) err: Lines<BufReader<ChildStderr>>,
    pub(crate) gateway: String,
    pub(crate) members: Vec<String>,
    _folder: tempfile::TempDir,
    folder: std::path::PathBuf,
}

impl Run {
    /// Starts it on a copy of the manifests and waits for its addresses.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().to_owned();
        std::fs::create_dir(folder.join("mesh")).unwrap();
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("mesh")).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.join("mesh").join(entry.file_name())).unwrap();
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_fitcycle"))
            .args(arguments)
            .arg("--mesh")
            .arg(folder.join("mesh"))
            .arg("--report")
            .arg(folder.join("report.json"))
            .arg("--until-stdin-closes")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let err = BufReader::new(child.stderr.take().unwrap()).lines();
        let (mut urls, mut line) = (Vec::new(), wait_for(&mut out, "http://").await);
        while !line.starts_with("edit the YAML") {
            urls.extend(line.split_once("http://").map(|(_, url)| url.trim_end_matches('/').to_owned()));
            line = timeout(DEADLINE, out.next_line()).await.unwrap().unwrap().unwrap();
        }
        let gateway = format!("http://{}", urls[0]);
        let members = urls.into_iter().filter(|url| !url.contains('/')).collect();
        Self { child, out, err, gateway, members, _folder: temporary, folder }
    }

    /// Replaces `from` by `to` in a manifest, as an editor does.
    pub(crate) fn edit(&self, manifest: &str, from: &str, to: &str) {
        let (file, beside) = (self.folder.join("mesh").join(manifest), self.folder.join("edited"));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{manifest} has no {from}");
        std::fs::write(&beside, text.replace(from, to)).unwrap();
        std::fs::rename(beside, file).unwrap();
    }

    /// Waits for its end: whether it was a success, what it wrote to its standard output, and the report.
    pub(crate) async fn end(mut self) -> (bool, String, Value) {
        let mut text = String::new();
        // The child must not wait for room in a pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = self.err.next_line().await {} });
        while let Some(line) = timeout(DEADLINE, self.out.next_line()).await.unwrap().unwrap() {
            text.push_str(&line);
            text.push('\n');
        }
        let status = timeout(DEADLINE, self.child.wait()).await.unwrap().unwrap();
        let report = std::fs::read(self.folder.join("report.json"));
        (status.success(), text, report.map_or(Value::Null, |json| serde_json::from_slice(&json).unwrap()))
    }
}

/// Reads lines until one has `part` in it.
pub(crate) async fn wait_for<R: AsyncBufRead + Unpin>(lines: &mut Lines<R>, part: &str) -> String {
    let found = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(part) {
                return line;
            }
        }
        panic!("the launcher ended without saying {part:?}");
    };
    timeout(DEADLINE, found).await.unwrap_or_else(|_| panic!("the launcher never said {part:?}"))
}
