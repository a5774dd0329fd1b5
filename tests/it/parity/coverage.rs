//! The generator leaves no field out.

use std::collections::BTreeSet;

use mesh_core::api::message::Status;
use mesh_core::api::support;
use saphyr_parser::{Event, Parser};

use super::backends::Backends;
use super::config;
use super::draw::Draw;
use super::{CHUNKS, CONFIGURATIONS};

/// What is not generated here, and why.
const ELSEWHERE: [(&str, &str); 21] = [
    ("=UNSPECIFIED", "the same as nothing"),
    (".tls", "certificates: tests/it/upstream_tls.rs"),
    ("Mesh", "decided before a request comes"),
    (".warmup", "depends on the time since the start"),
    ("useSourceIp", "a library call has no source address"),
    ("=PASSTHROUGH", "dials what the caller dialled: tests/it/blackbox"),
    ("@request", "claims are for gateways"),
    ("workloadSelector", "decided when the plan is built"),
    ("=NONE", "needs a name server, or a listener: tests/it/dns"),
    ("ServiceEntry resolution=D", "needs a name server: tests/it/dns"),
    ("ServiceEntry endpoints[].network", "decided when the plan is built"),
    ("ServiceEntry subjectAltNames", "certificates: tests/it/upstream_tls.rs"),
    ("Sidecar ingress", "inbound: tests/it/blackbox/sidecar.rs"),
    ("Sidecar inbound", "inbound: tests/it/blackbox/sidecar.rs"),
    ("Sidecar egress[].port", "a listener of its own: tests/it/blackbox/sidecar.rs"),
    ("Sidecar egress[].bind", "the same"),
    ("Sidecar egress[].captureMode", "the same"),
    ("Sidecar outboundTrafficPolicy.egressProxy", "for hosts that nobody knows: tests/it/scope.rs"),
    ("Sidecar outboundTrafficPolicy.mode=ALLOW_ANY", "dials what the caller dialled: tests/it/scope.rs"),
    ("Route hostnames", "do not matter inside the mesh"),
    ("extensionRef", "leads nowhere: mesh-core's tests of the Gateway API"),
];

/// Methods that are generated are generated alike, and a backend's own filters are those of a rule.
fn is_alike(path: &str) -> bool {
    let method = path.split_once("matches[].method=").map(|(_, method)| method);
    let own = path.contains("backendRefs[].filters[].") && !path.contains("HeaderModifier.");
    method.is_some_and(|method| !["GET", "POST", "PUT", "OPTIONS"].contains(&method))
        || own
        || path.contains("=ExtensionRef")
}

/// Fields of the kinds that decide about requests.
fn wanted() -> BTreeSet<String> {
    let kinds = ["VirtualService", "DestinationRule", "ServiceEntry", "Sidecar", "HTTPRoute", "GRPCRoute"];
    let rows =
        support().into_iter().filter(|row| kinds.iter().any(|kind| row.kind.ends_with(&format!("/{kind}"))));
    let works = rows.filter(|row| row.status == Status::Supported && !row.path.is_empty());
    let kind = |row: &str| row.rsplit('/').next().unwrap_or_default().to_owned();
    let rows = works.map(|row| format!("{} {}", kind(&row.kind), row.path));
    rows.filter(|path| !is_alike(path) && !ELSEWHERE.iter().any(|(part, _)| path.contains(part))).collect()
}

/// What is open where the reader is.
enum Open {
    List,
    Map { key: Option<String> },
}

/// The paths of all nodes of a document's `spec`, as the table of fields writes them, values of leaves behind `=`.
/// A map's own keys stand as they are: see [`is_named`].
fn paths(document: &str) -> BTreeSet<String> {
    let (mut open, mut found) = (Vec::new(), BTreeSet::new());
    let shown = |open: &[Open]| {
        open.iter().fold(String::new(), |path, one| match one {
            Open::List => path + "[]",
            Open::Map { key } if path.is_empty() => key.clone().unwrap_or_default(),
            Open::Map { key } => format!("{path}.{}", key.as_deref().unwrap_or_default()),
        })
    };
    let ended = |open: &mut Vec<Open>| {
        if let Some(Open::Map { key }) = open.last_mut() {
            *key = None;
        }
    };
    for event in Parser::new_from_str(document) {
        match event.expect("sound YAML").0 {
            Event::MappingStart(..) => {
                found.insert(shown(&open));
                open.push(Open::Map { key: None });
            }
            Event::SequenceStart(..) => open.push(Open::List),
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop();
                ended(&mut open);
            }
            Event::Scalar(text, ..) => {
                if let Some(Open::Map { key: key @ None }) = open.last_mut() {
                    *key = Some(text.into_owned());
                } else {
                    let path = shown(&open);
                    found.insert(format!("{path}={text}"));
                    found.insert(path);
                    ended(&mut open);
                }
            }
            _ => {}
        }
    }
    found.iter().filter_map(|path| path.strip_prefix("spec.").map(str::to_owned)).collect()
}

/// Whether this path is of the row `wanted`, where `{}` stands for any key.
fn is_named(wanted: &str, path: &str) -> bool {
    match wanted.split_once("{}") {
        None => wanted == path,
        Some((before, after)) => {
            let key = path.strip_prefix(before).and_then(|rest| rest.strip_prefix('.'));
            // Keys may have dots: the rest has to fit somewhere behind.
            key.is_some_and(|key| if after.is_empty() { !key.is_empty() } else { key.ends_with(after) })
        }
    }
}

#[test]
fn ou_5_a_field_occurs_where_it_stands_and_nowhere_else() {
    let of = paths(
        "kind: A\nspec:\n  http:\n  - redirect: {authority: a}\n    route: [{port: {number: 1}}]\n    headers: {a.b: {exact: c}}\n",
    );
    let has = |wanted: &str| of.iter().any(|path| is_named(wanted, path));
    for there in [
        "http[].redirect",
        "http[].redirect.authority",
        "http[].route[].port.number=1",
        "http[].headers{}.exact",
    ] {
        assert!(has(there), "{there}: {of:?}");
    }
    for elsewhere in [
        "http[].redirect.port",
        "http[].port",
        "http[].headers{}.prefix",
        "http[].route[].port.number=2",
        "kind",
    ] {
        assert!(!has(elsewhere), "{elsewhere}: {of:?}");
    }
}

#[tokio::test]
async fn ou_5_every_field_that_decides_is_generated() {
    let backends = Backends::start().await;
    let mut missing = wanted();
    assert!(missing.len() > 100, "the table of fields is there");
    for seed in 0..CHUNKS * CONFIGURATIONS {
        let yaml = config::generate(&mut Draw::new(seed), &backends);
        let objects = yaml.split("---\n").filter(|object| !object.is_empty());
        let objects: Vec<_> = objects.map(|object| (object, paths(object))).collect();
        missing.retain(|row| {
            let (kind, wanted) = row.split_once(' ').expect("a kind and a path");
            let kind = format!("kind: {kind}\n");
            let of_kind = objects.iter().filter(|(object, _)| object.contains(&kind));
            !of_kind.flat_map(|(_, paths)| paths).any(|path| is_named(wanted, path))
        });
    }
    assert!(missing.is_empty(), "never generated: {missing:#?}");
}
