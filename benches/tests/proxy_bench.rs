//! The command itself, with few requests: it measures the expected figures, checks the answers, and leaves no process
//! or file behind.

use std::process::{Command, Output};

use serde_json::Value;

fn proxy_bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_proxy-bench"))
        .args(arguments)
        .output()
        .expect("it was built for this test")
}

#[test]
fn every_scenario_gives_figures_for_the_floor() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let output = proxy_bench(&[
        "--peers=hyper",
        "--rounds=2",
        "--requests=200",
        "--connections=20",
        "--strict",
        "--json",
        file.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let report: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let results = report["results"].as_array().unwrap();
    let names: Vec<_> = results.iter().map(|result| result["scenario"].as_str().unwrap()).collect();
    assert_eq!(names, ["h1", "h1-mesh", "h2", "h2-mesh", "grpc", "grpc-mesh", "idle"]);
    for result in &results[..6] {
        let rounds = result["rounds"].as_array().unwrap();
        let served: Vec<_> =
            rounds.iter().map(|round| round["served"]["requests"].as_u64().unwrap()).collect();
        assert_eq!(served, [200, 200], "{result}");
    }
    assert!(results[6]["start_kib"].as_f64().unwrap() > 0.0, "{}", results[6]);
}

#[test]
fn an_absent_proxy_is_said_aloud_and_fails_when_strict() {
    let folder = tempfile::tempdir().unwrap();
    let venv = format!("--venv={}", folder.path().display());
    let arguments = ["--peers=envoy,hyper", "--scenario=h1", "--rounds=1", "--requests=50", &venv];
    let lenient = proxy_bench(&arguments);
    assert!(lenient.status.success());
    assert!(String::from_utf8_lossy(&lenient.stderr).contains("envoy is ABSENT"));

    let strict = proxy_bench(&[&arguments[..], &["--strict"]].concat());
    assert!(!strict.status.success());
    assert!(String::from_utf8_lossy(&strict.stderr).contains("envoy is absent"));
}

#[test]
fn a_proxy_that_cannot_be_run_is_reported_as_absent() {
    let output = proxy_bench(&["--peers=ours", "--scenario=h1", "--proxy=/nonexistent/mesh-proxy"]);
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("ours is ABSENT") && stderr.contains("no proxy to measure"), "{stderr}");
}
