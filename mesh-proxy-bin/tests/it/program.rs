//! The built program: what it prints and how it ends.

use std::net::SocketAddr;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::support::{DEADLINE, echo_heads, exchange, gateway_to, get};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesh-proxy"));
    command.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn it_announces_serves_and_drains_when_its_parent_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mesh.yaml"), gateway_to(echo_heads().await)).unwrap();
    let mut child = program()
        .args(["run", "--admin", "127.0.0.1:0", "--bind", "80=127.0.0.1:0", "--workers", "2"])
        .args(["--termination-drain", "0s", "--until-stdin-closes", "--config"])
        .arg(folder.path())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut addresses = Vec::new();
    for _ in 0..2 {
        let line = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap().unwrap();
        let (name, address) = line.strip_prefix("listening ").unwrap().split_once(' ').unwrap();
        addresses.push((name.to_owned(), address.parse().unwrap()));
    }
    assert_eq!((addresses[0].0.as_str(), addresses[1].0.as_str()), ("gateway|80", "admin"));
    assert!(get(addresses[0].1, "/").await.starts_with("HTTP/1.1 200 "));
    drop(child.stdin.take());
    let status = timeout(DEADLINE, child.wait()).await.expect("it drains").unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn check_exits_with_79_and_shows_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = gateway_to("127.0.0.1:1".parse().unwrap()).replace("resolution:", "resolutoin:");
    std::fs::write(folder.path().join("mesh.yaml"), yaml).unwrap();
    let output = program().arg("check").arg(folder.path()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(79));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("IST0106") && text.contains("mesh.yaml:7:"), "{text}");
    let json = program().args(["check", "-o", "json"]).arg(folder.path()).output().await.unwrap();
    let findings: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let mut findings = findings.as_array().unwrap().iter();
    assert!(findings.any(|one| one["code"] == "IST0106" && one["line"] == 7 && one["column"] == 3));
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let output = program().args(["run", "--config", "/nowhere/at/all"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("/nowhere/at/all"), "{text}");
}

#[tokio::test]
async fn a_file_in_place_of_a_folder_is_told_what_would_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    std::fs::write(&file, "").unwrap();
    let output = program().args(["run", "--config"]).arg(&file).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    let expected =
        format!("{} is a file: name the folder that it is in, {}", file.display(), folder.path().display());
    assert!(text.contains(&expected), "{text}");
}

/// Y-11: the whole of what is printed, for the mistakes that beginners make.
#[tokio::test]
async fn check_reads_standard_input_and_shows_what_would_be_right() {
    let mut child = program().args(["check", "-"]).spawn().unwrap();
    let yaml = "\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - match:
    - headers:
        end-user: jason
    route:
    - destination: {host: reviews}
  - route:
    - destination:
      host: reviews
    retries: {attempts: two, perTryTimeout: 1s}
---
hosts:
- *
";
    child.stdin.take().unwrap().write_all(yaml.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(79));
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = "\
error[IST0106]: must be an object, not the text jason
 --> <stdin>:9:19
  |
9 |         end-user: jason
  |                   ^^^^^ spec.http[0].match[0].headers.end-user
  |
  = note: in VirtualService default/reviews
  = help: write `end-user: {exact: jason}`, or `prefix` or `regex` for `exact`

error[IST0106]: unknown field `host`
  --> <stdin>:14:7
   |
14 |       host: reviews
   |       ^^^^ spec.http[1].route[0].host
   |
   = note: in VirtualService default/reviews
   = help: `host` is a field of `destination`: indent it below that

error[IST0106]: must be a whole number, not the text two
  --> <stdin>:15:25
   |
15 |     retries: {attempts: two, perTryTimeout: 1s}
   |                         ^^^ spec.http[1].retries.attempts
   |
   = note: in VirtualService default/reviews

error[IST0106]: not valid YAML: `*` without quotes is an alias
  --> <stdin>:18:3
   |
18 | - *
   |   ^ hosts[0]
   |
   = help: put it in quotes: \"*\"

errors: 4, warnings: 0, remarks: 0
";
    let shown: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_eq!(shown, expected.lines().collect::<Vec<_>>(), "{text}");
}

/// A program that has printed its address.
struct Running {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    /// Of its first listener, and of the admin endpoint.
    addresses: Vec<SocketAddr>,
    _folder: TempDir,
}

async fn running(yaml: &str, args: &[&str]) -> Running {
    let folder = tempfile::tempdir().unwrap();
    if !yaml.is_empty() {
        std::fs::write(folder.path().join("mesh.yaml"), yaml).unwrap();
    }
    let mut child = program()
        .args(["run", "--admin", "127.0.0.1:0", "--workers", "1", "--termination-drain", "0s", "--config"])
        .arg(folder.path())
        .args(args)
        .env_remove("MESH_LOG")
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut addresses = Vec::new();
    for _ in 0..2 {
        let line = timeout(DEADLINE, output.next_line()).await.unwrap().unwrap().unwrap();
        let (_, address) = line.strip_prefix("listening ").unwrap().split_once(' ').unwrap();
        addresses.push(address.parse().unwrap());
    }
    Running { child, output, addresses, _folder: folder }
}

#[tokio::test]
async fn a_finding_is_logged_once_and_a_second_signal_is_announced() {
    let Running { mut child, output: _output, .. } = running("", &["--outbound", "127.0.0.1:0"]).await;
    let kill = format!("kill -INT {}", child.id().unwrap());
    assert!(Command::new("sh").arg("-c").arg(kill).status().await.unwrap().success());
    let mut log = String::new();
    timeout(DEADLINE, child.stderr.take().unwrap().read_to_string(&mut log)).await.unwrap().unwrap();
    assert_eq!(log.matches("MESH0012").count(), 1, "{log}");
    assert!(log.contains("a second signal (Ctrl-C) ends it at once"), "{log}");
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn al_5_an_access_log_by_flag_needs_no_mesh_config() {
    let yaml = gateway_to(echo_heads().await);
    let args = ["--bind", "80=127.0.0.1:0", "--access-log", "/dev/stdout"];
    let mut program = running(&yaml, &args).await;
    assert!(get(program.addresses[0], "/seen").await.starts_with("HTTP/1.1 200 "));
    let line = timeout(DEADLINE, program.output.next_line()).await.unwrap().unwrap().unwrap();
    assert!(line.contains("\"GET /seen HTTP/1.1\" 200 "), "{line}");
}

#[tokio::test]
async fn op_3_what_is_logged_is_changed_at_run_time() {
    let program = running("", &["--outbound", "127.0.0.1:0", "--log", "warn"]).await;
    let admin = program.addresses[1];
    let ask = async |method: &str, path: &str| {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answer = exchange(admin, &head).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].to_owned(), body.trim_end().to_owned())
    };
    let answer = |code: &str, text: &str| (code.to_owned(), text.to_owned());
    assert_eq!(ask("POST", "/logging").await, answer("200", "warn"));
    assert_eq!(ask("POST", "/logging?paths=mesh_tower:debug").await, answer("200", "mesh_tower=debug,warn"));
    assert_eq!(ask("POST", "/logging?level=info").await, answer("200", "info"));
    let wrong = "\"loud\" is no level: trace, debug, info, warn, error or off";
    assert_eq!(ask("POST", "/logging?level=loud").await, answer("400", wrong));
    assert_eq!(ask("GET", "/logging").await.0, "405");
}
