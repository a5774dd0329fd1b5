//! Each example runs and prints the expected lines; the README shows programs that compile.

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
    let output = run("axum_server");
    assert!(output.contains("traceparent: 00-0af7651916cd43dd8448eb211c80319c-"), "{output}");
    assert!((1..=250).contains(&number(&output, "x-envoy-expected-rq-timeout-ms: ")), "{output}");
}

#[test]
fn canary_split_sends_testers_to_the_new_version() {
    let output = run("canary_split");
    assert!((17..=83).contains(&number(&output, "x-tester: no: v2 answered ")), "{output}");
    assert_eq!(number(&output, "x-tester: yes: v2 answered "), 500);
}

#[test]
fn client_from_yaml_follows_the_file() {
    let output = run("client_from_yaml");
    assert!((1..=45).contains(&number(&output, "weights 90 and 10: v2 answered ")), "{output}");
    assert_eq!(number(&output, "weights 0 and 100: v2 answered "), 200);
}

#[test]
fn code_first_splits_by_weight() {
    let output = run("code_first");
    // Ten percent of a thousand, and five standard deviations on either side.
    assert!((52..=148).contains(&number(&output, "v2 answered ")), "{output}");
}

#[test]
fn fault_injects_its_share() {
    assert!((136..=264).contains(&number(&run("fault"), "")));
}

#[test]
fn mount_admin_serves_the_pages_beside_the_application() {
    let output = run("mount_admin");
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[..2], ["/: the application", "/mesh/ready: LIVE"], "{output}");
    assert!(
        lines[2].starts_with("/mesh/clusters: outbound|9080||reviews.default.svc.cluster.local::127.0.0.1:"),
        "{output}"
    );
    assert_eq!(
        lines[3],
        "/mesh/stats/prometheus: # HELP istio_requests_total Requests, counted when they have ended"
    );
}

/// ME-5
#[test]
fn prometheus_shows_buckets_and_help() {
    let label = "{destination_service=\"reviews.default.svc.cluster.local\"}";
    let output = run("prometheus");
    let lines: Vec<&str> = output.lines().collect();
    let requests = format!("istio_requests_total{label} 3");
    let most = format!("istio_request_duration_milliseconds_bucket{label} 3");
    let count = format!("istio_request_duration_milliseconds_count{label} 3");
    for line in [
        "# HELP istio_requests_total Requests, counted when they have ended",
        "# TYPE istio_requests_total counter",
        &requests,
        "# TYPE istio_request_duration_milliseconds histogram",
        &most,
        &count,
    ] {
        assert!(lines.contains(&line), "{line} is not in\n{output}");
    }
}

#[test]
fn reqwest_client_sends_and_reads() {
    assert_eq!(
        run("reqwest_client"),
        "ordered [\"bread\", \"wine\"]\npassed on [\"salt\"]\nGET /nothing: 404 Not Found\n"
    );
}

#[test]
fn retry_repeats_what_is_safe() {
    let output = run("retry");
    assert_eq!(output, "GET: 200 OK after 3 tries\nPOST: 503 Service Unavailable after 1 try\n");
}

#[test]
fn stack_by_hand_retries_by_the_rule() {
    assert_eq!(run("stack_by_hand"), "3 attempts, flags URX,UF\n");
}

#[test]
fn test_kit_takes_no_time() {
    let output = run("test_kit");
    assert_eq!(output, "refused once: 200 OK, attempt 2\ntoo slow: 504 Gateway Timeout UT after 2s\n");
}

#[test]
fn timeout_ends_a_call_that_never_answers() {
    let output = run("timeout");
    assert!(output.starts_with("504 Gateway Timeout after the time was spent: "), "{output}");
}

#[test]
fn tonic_client_gets_a_status_from_endpoint_and_mesh_alike() {
    let output = run("tonic_client");
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "reviews: Serving");
    assert!(lines[1].starts_with("reviews: NotFound: "), "{output}");
    assert!(lines[2].starts_with("ratings: Unavailable: upstream connect error"), "{output}");
}

#[test]
fn tower_http_layers_stand_around_client_and_server() {
    let output = run("tower_http_layers");
    let start = "user-agent: shop/1\nthe page that panics: 500 Internal Server Error\n\
                 an order of 5,000 bytes: 413 Payload Too Large\n";
    assert!(output.starts_with(start), "{output}");
    assert!(output.ends_with(" bytes of gzip, 22000 bytes unpacked\n"), "{output}");
    assert!(number(&output, "the catalog: ") < 1_000, "{output}");
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

/// The dependencies that the README lists are the dependencies of this workspace.
#[test]
fn the_dependencies_to_paste_are_ours() {
    let readme = std::fs::read_to_string(here("../README.md")).unwrap();
    let workspace = std::fs::read_to_string(here("../Cargo.toml")).unwrap();
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let (lines, _) = rest.split_once("```").unwrap();
    let named: Vec<_> = lines.lines().filter_map(|line| line.split_once(" = ")).collect();
    assert_eq!(named.len(), 5, "{named:?}");
    for (name, line) in named.into_iter().filter(|(name, _)| *name != "mesh-tower") {
        let version = line.trim_start_matches("{ version = ").split('"').nth(1).unwrap();
        let ours = workspace.lines().find_map(|line| line.strip_prefix(&format!("{name} = "))).unwrap();
        let ours = ours.trim_start_matches("{ version = ").split('"').nth(1).unwrap();
        assert!(
            ours == version || ours.starts_with(&format!("{version}.")),
            "{name}: {version} is not {ours}"
        );
    }
    assert!(here("../mesh-tower/Cargo.toml").is_file() && lines.contains("path = \"../mesh/mesh-tower\""));
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
