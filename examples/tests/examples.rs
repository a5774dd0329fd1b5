//! Every example runs and says what it should; the README shows programs that compile.

use std::path::{Path, PathBuf};
use std::process::Command;

use mesh_tower::mesh_core::api::Documents;

/// Runs an example that cargo built beside this test.
fn run(name: &str) -> String {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    let program = target.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(program.is_file(), "not built: run `cargo test -p mesh-examples`, without `--test`");
    let output = Command::new(program).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The number after `before` in the text.
fn number(text: &str, before: &str) -> u32 {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {text:?}"));
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn axum_server_passes_trace_and_deadline_on() {
    let said = run("axum_server");
    assert!(said.contains("traceparent: 00-0af7651916cd43dd8448eb211c80319c-"), "{said}");
    assert!((1..=250).contains(&number(&said, "x-envoy-expected-rq-timeout-ms: ")), "{said}");
}

#[test]
fn canary_split_sends_testers_to_the_new_version() {
    let said = run("canary_split");
    assert!((17..=83).contains(&number(&said, "x-tester: no: v2 answered ")), "{said}");
    assert_eq!(number(&said, "x-tester: yes: v2 answered "), 500);
}

#[test]
fn client_from_yaml_follows_the_file() {
    let said = run("client_from_yaml");
    assert!((1..=45).contains(&number(&said, "weights 90 and 10: v2 answered ")), "{said}");
    assert_eq!(number(&said, "weights 0 and 100: v2 answered "), 200);
}

#[test]
fn code_first_splits_by_weight() {
    let said = run("code_first");
    // Ten percent of a thousand, and five standard deviations on either side.
    assert!((52..=148).contains(&number(&said, "v2 answered ")), "{said}");
}

#[test]
fn fault_injects_its_share() {
    assert!((136..=264).contains(&number(&run("fault"), "")));
}

#[test]
fn retry_repeats_what_is_safe() {
    let said = run("retry");
    assert_eq!(said, "GET: 200 OK after 3 tries\nPOST: 503 Service Unavailable after 1 try\n");
}

#[test]
fn test_kit_takes_no_time() {
    let said = run("test_kit");
    assert_eq!(said, "refused once: 200 OK, attempt 2\ntoo slow: 504 Gateway Timeout UT after 2s\n");
}

#[test]
fn timeout_ends_a_call_that_never_answers() {
    let said = run("timeout");
    assert!(said.starts_with("504 Gateway Timeout after the time was spent: "), "{said}");
}

fn here(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

#[test]
fn the_readme_shows_what_compiles() {
    let readme = std::fs::read_to_string(here("../README.md")).unwrap();
    for (language, file) in [("rust", "code_first.rs"), ("yaml", "mesh/reviews.yaml")] {
        let text = std::fs::read_to_string(here(file)).unwrap();
        assert!(readme.contains(&format!("```{language}\n{text}```")), "README.md differs from {file}");
    }
}

#[test]
fn every_example_is_in_the_index() {
    let index = std::fs::read_to_string(here("README.md")).unwrap();
    for entry in std::fs::read_dir(here("")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(index.contains(&format!("--example {name}`")), "{name} is not in the index");
        }
    }
}

#[test]
fn the_yaml_is_sound() {
    let text = std::fs::read_to_string(here("mesh/reviews.yaml")).unwrap();
    let (_, findings) = Documents::parse([("reviews.yaml", text.as_str())]);
    assert!(findings.is_empty(), "{findings:#}");
}
