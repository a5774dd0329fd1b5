//! The built program: what it prints and how it ends.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::{DEADLINE, echo_heads, gateway_to, get};

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
