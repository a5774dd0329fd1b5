//! The whole application, started by the launcher as a user starts it.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

use crate::process::{DEADLINE, client};

/// A launcher under way.
struct Run {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
    gateway: String,
    members: Vec<String>,
    _folder: tempfile::TempDir,
    folder: std::path::PathBuf,
}

impl Run {
    /// Starts it on a copy of the manifests and waits for its addresses.
    async fn start(arguments: &[&str]) -> Self {
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
    fn edit(&self, manifest: &str, from: &str, to: &str) {
        let (file, beside) = (self.folder.join("mesh").join(manifest), self.folder.join("edited"));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{manifest} has no {from}");
        std::fs::write(&beside, text.replace(from, to)).unwrap();
        std::fs::rename(beside, file).unwrap();
    }

    /// Waits for its end: whether it was a success, what it wrote to its standard output, and the report.
    async fn end(mut self) -> (bool, String, Value) {
        let mut text = String::new();
        // Nobody may wait for room in a pipe.
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
async fn wait_for<R: AsyncBufRead + Unpin>(lines: &mut Lines<R>, part: &str) -> String {
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

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    &checks.iter().find(|check| check["name"] == name).unwrap()["passed"]
}

#[tokio::test]
async fn a_crash_and_an_edit_during_the_run_cost_no_read() {
    let mut run = Run::start(&["--duration", "9s", "--rate", "80", "--seed", "1"]).await;

    // One in ten becomes one in two, from outside and from inside.
    for manifest in ["gateway.yaml", "canary.yaml"] {
        run.edit(manifest, "weight: 90", "weight: 50");
        run.edit(manifest, "weight: 10", "weight: 50");
    }
    let told = wait_for(&mut run.err, "the edit is").await;
    assert!(told.contains("in force everywhere after"), "{told}");

    let client = client();
    for (path, part) in
        [("/", "Join FitCycle"), ("/signups", "Members"), ("/mobile", "members"), ("/report", "domains")]
    {
        let response = client.get(format!("{}{path}", run.gateway)).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{path}");
        assert!(response.headers().contains_key("x-fitcycle-version"), "{path}");
        assert!(response.text().await.unwrap().contains(part), "{path}");
    }
    let missing = client.get(format!("{}/no-such-page", run.gateway)).send().await.unwrap();
    assert_eq!(missing.status().as_u16(), 404);

    let (success, text, report) = run.end().await;
    assert!(success, "{text}");
    for name in ["load", "shares", "reads", "edits", "sign-ups", "end"] {
        assert_eq!(check(&report, name), &Value::Bool(true), "{name}\n{text}");
    }
    assert_eq!(report["requests"]["failed_get"], 0);
    let requests = report["requests"]["total"].as_u64().unwrap();
    assert!(requests > 500, "{requests}");
    let new = report["weights"].as_array().unwrap().iter().filter(|share| share["weight"] == 50);
    assert_eq!(new.clone().count(), 4, "{text}");
    assert!(new.clone().any(|share| share["within"] == true), "{text}");
    for event in ["was killed", "was taken off", "was started", "is in force everywhere"] {
        let events = report["events"].as_array().unwrap();
        assert!(events.iter().any(|e| e["what"].as_str().unwrap().contains(event)), "{event}\n{text}");
    }
    // Every form of the mesh took part.
    for member in [
        "gateway",
        "report-server-1-sidecar",
        "web-server-1",
        "web-server-2",
        "mobile-server-1",
        "mobile-server-2",
    ] {
        assert!(report["mesh"]["by_member"][member].is_object(), "{member}");
    }
    assert!(
        report["mesh"]["total"]["retries"].as_u64().unwrap() > 0,
        "nothing met the killed instance\n{text}"
    );
}

#[tokio::test]
async fn faults_come_at_their_share_and_ctrl_c_is_no_failure() {
    let mut run = Run::start(&["--rate", "0"]).await;
    // Every write is aborted; no read is.
    run.edit("gateway.yaml", "percentage: {value: 2}", "percentage: {value: 100}");
    wait_for(&mut run.err, "in force everywhere").await;

    let client = client();
    let api = format!("{}/api/v1.0/signups", run.gateway);
    let draft = serde_json::json!({ "firstname": "Ada", "lastname": "Lovelace", "email": "ada@example.com" });
    for _ in 0..5 {
        let response = client.post(&api).json(&draft).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 503);
        assert_eq!(client.get(&api).send().await.unwrap().status().as_u16(), 200);
    }
    // A wrong manifest changes nothing.
    run.edit("gateway.yaml", "weight: 90", "weigth: 90");
    let told = wait_for(&mut run.err, "what was good stays in force").await;
    assert!(told.contains("gateway.yaml:") && told.contains("weigth"), "{told}");
    assert_eq!(client.post(&api).json(&draft).send().await.unwrap().status().as_u16(), 503);
    assert_eq!(client.get(&api).send().await.unwrap().status().as_u16(), 200);

    let interrupt = std::process::Command::new("sh")
        .args(["-c", &format!("kill -INT {}", run.child.id().unwrap())])
        .status()
        .unwrap();
    assert!(interrupt.success());
    let (success, text, report) = run.end().await;
    assert!(success, "{text}");
    assert_eq!(
        (&report["mesh"]["by_member"]["gateway"]["aborts"], check(&report, "end")),
        (&6.into(), &true.into()),
        "{text}"
    );
}

#[tokio::test]
async fn nothing_outlives_a_launcher_that_is_killed() {
    let mut run = Run::start(&["--rate", "0"]).await;
    // The gateway itself, and the six members' admin endpoints.
    assert_eq!(run.members.len(), 7, "{:?}", run.members);
    let mut connections = Vec::new();
    for address in &run.members {
        connections.push(TcpStream::connect(address).await.unwrap());
    }
    run.child.kill().await.unwrap();
    for mut connection in connections {
        let end = timeout(DEADLINE, connection.read(&mut [0; 1])).await.expect("a process lives on");
        // Closed or reset: its process is gone.
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
}
