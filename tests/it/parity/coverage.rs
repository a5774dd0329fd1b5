//! The generator leaves no field out.

use std::collections::BTreeSet;

use mesh_core::api::message::Status;
use mesh_core::api::support;

use super::backends::Backends;
use super::config;
use super::draw::Draw;

/// What is not generated here, and why.
const ELSEWHERE: [(&str, &str); 10] = [
    ("=UNSPECIFIED", "the same as nothing"),
    (".tls", "certificates: tests/it/upstream_tls.rs"),
    ("Mesh", "decided before a request comes"),
    (".warmup", "depends on the time since the start"),
    ("useSourceIp", "a library call has no source address"),
    ("=PASSTHROUGH", "dials what the caller dialled: tests/it/blackbox"),
    ("@request", "claims are for gateways"),
    ("workloadSelector", "decided when the plan is built"),
    ("attributes[].value", "generated, in a list of names"),
    ("=NONE", "needs a name server: tests/it/dns"),
];

/// Fields of the kinds that decide about requests.
fn wanted() -> BTreeSet<String> {
    let kinds = ["networking.istio.io/VirtualService", "networking.istio.io/DestinationRule"];
    let rows = support().into_iter().filter(|row| kinds.contains(&row.kind.as_str()));
    let works = rows.filter(|row| row.status == Status::Supported && !row.path.is_empty());
    let leaves = works.filter(|row| !row.path.ends_with("[]") && !row.path.ends_with("{}"));
    let kind = |row: &str| row.rsplit('/').next().unwrap_or_default().to_owned();
    let leaves = leaves.map(|row| format!("{} {}", kind(&row.kind), row.path));
    leaves.filter(|path| !ELSEWHERE.iter().any(|(part, _)| path.contains(part))).collect()
}

/// Whether the words of the path stand in the text in this order; enough, since names are distinctive.
fn occurs(text: &str, path: &str) -> bool {
    let path = path.split_once(' ').map_or(path, |(_, path)| path);
    let words = path.split(['.', '=', '[', ']', '{', '}']).filter(|word| !word.is_empty());
    let mut rest = text;
    for word in words {
        let Some(at) = rest.find(word) else { return false };
        rest = &rest[at + word.len()..];
    }
    true
}

#[tokio::test]
async fn ou_5_every_field_that_decides_is_generated() {
    let backends = Backends::start().await;
    let mut missing = wanted();
    assert!(missing.len() > 100, "the table of fields is there");
    for seed in 0..400 {
        let yaml = config::generate(&mut Draw::new(seed), &backends);
        let objects: Vec<&str> = yaml.split("---\n").collect();
        missing.retain(|path| {
            let kind = path.split(' ').next().expect("a kind");
            let kind = format!("kind: {kind}\n");
            !objects.iter().any(|object| object.contains(&kind) && occurs(object, path))
        });
    }
    assert!(missing.is_empty(), "never generated: {missing:#?}");
}
