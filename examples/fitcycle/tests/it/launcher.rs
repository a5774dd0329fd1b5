//! The whole application, started by the launcher as a user starts it.

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::process::{DEADLINE, client};
use crate::run::{Run, wait_for};

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
    holds_what_is_promised(&report);
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

/// What `--report` promises: by service, method and version, shares, retries, faults, ejections, percentiles.
fn holds_what_is_promised(report: &Value) {
    let total = report["requests"]["total"].as_u64().unwrap();
    let rows = report["by"].as_array().unwrap();
    let number = |row: &Value, field: &str| row[field].as_u64().unwrap_or_else(|| panic!("{field} in {row}"));
    assert_eq!(rows.iter().map(|row| number(row, "requests")).sum::<u64>(), total);
    let failures = number(&report["requests"], "failed");
    assert_eq!(rows.iter().map(|row| number(row, "failures")).sum::<u64>(), failures);
    for (service, method, version) in [
        ("web-server", "GET", "v1"),
        ("mobile-server", "GET", "v1"),
        ("api-server", "GET", "v2"),
        ("api-server", "POST", "v1"),
    ] {
        let is_it =
            |row: &&Value| row["service"] == service && row["method"] == method && row["version"] == version;
        let row =
            rows.iter().find(is_it).unwrap_or_else(|| panic!("no {service} {method} {version}: {rows:?}"));
        ordered(&row["latency_ms"]);
    }
    ordered(&report["latency_ms"]);
    let faults = report["faults"].as_array().unwrap();
    for (kind, method) in [("delay", "GET"), ("abort", "POST")] {
        let fault = faults.iter().find(|fault| fault["kind"] == kind && fault["method"] == method);
        let fault = fault.unwrap_or_else(|| panic!("no {kind} of {method}: {faults:?}"));
        assert!(
            fault["configured"] == 2.0 && fault["injected"].as_u64() <= fault["requests"].as_u64(),
            "{fault}"
        );
    }
    for deed in ["retries", "ejections", "delays", "aborts"] {
        number(&report["mesh"]["total"], deed);
    }
}

/// Percentiles of something that was measured.
fn ordered(latency: &Value) {
    let percentiles = ["p50", "p90", "p99", "p999", "max"].map(|name| latency[name].as_f64().unwrap());
    assert!(percentiles.is_sorted() && percentiles[0] > 0.0, "{latency}");
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

/// A port that is free now, and is none that systems give away by themselves.
fn free_port() -> String {
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(10_000..30_000)).find(free).unwrap().to_string()
}

#[tokio::test]
async fn ports_are_the_users_and_nothing_outlives_a_launcher_that_is_killed() {
    let [gateway, admin] = [free_port(), free_port()];
    let named = format!("web-server-1-admin={admin}");
    let mut run = Run::start(&["--rate", "0", "--gateway-port", &gateway, "--port", &named]).await;
    // The gateway itself, and the six members' admin endpoints.
    assert_eq!(run.members.len(), 7, "{:?}", run.members);
    assert_eq!(run.gateway, format!("http://127.0.0.1:{gateway}"));
    assert!(run.members.contains(&format!("127.0.0.1:{admin}")), "{:?}", run.members);
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
