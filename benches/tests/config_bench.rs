//! The command itself, with few services: it measures the expected figures, and fails if a proxy does not work.

use std::process::{Command, Output};

use serde_json::Value;

fn config_bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_config-bench"))
        .args(arguments)
        .output()
        .expect("it was built for this test")
}

/// A proxy to measure.
const PROXY: &str = concat!("--proxy=", env!("CARGO_BIN_EXE_mesh-proxy-benched"));

#[test]
fn every_size_gives_figures_for_start_memory_and_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let arguments = [PROXY, "--services=6,60", "--edits=4", "--starts=1", "--workers=1", "--strict"];
    let output = config_bench(&[&arguments[..], &["--json", file.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let report: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let sizes = report["sizes"].as_array().unwrap();
    let files: Vec<_> = sizes.iter().map(|size| (&size["services"], &size["files"])).collect();
    assert_eq!(files, [(&6.into(), &1.into()), (&60.into(), &2.into())]);
    for size in sizes {
        let changes: Vec<_> = size["edits"].as_array().unwrap().iter().map(|edit| &edit["change"]).collect();
        assert_eq!(changes, ["header", "match", "weights", "header"], "{size}");
        for figure in ["start_kib", "end_kib"] {
            assert!(size[figure].as_u64().unwrap() > 0, "{size}");
        }
        assert!(size["starts"][0].as_f64().unwrap() > 0.0, "{size}");
    }
    assert_eq!(report["aims"], Value::Array(Vec::new()), "they are for another size");
}

#[test]
fn more_changes_than_services_are_refused() {
    let output = config_bench(&["--services=3", "--edits=4", PROXY]);
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("4 changes"), "{stderr}");
}

#[test]
fn a_proxy_that_cannot_start_is_reported() {
    let output = config_bench(&["--services=3", "--edits=1", "--proxy=/bin/false"]);
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("/bin/false"), "{stderr}");
}
