//! The generator leaves out no field.

use std::collections::BTreeSet;

use mesh_core::api::message::Status;
use mesh_core::read::support;
use saphyr_parser::{Event, Parser};

use super::backends::Backends;
use super::config;
use super::draw::Draw;
use super::{CHUNKS, CONFIGURATIONS};

/// Fields that are not generated here, with the reason: part of a row's kind and path.
const ELSEWHERE: [(&str, &str); 43] = [
    ("=UNSPECIFIED", "the same as nothing"),
    ("Policy.tls", "certificates: tests/it/upstream_tls.rs"),
    ("portLevelSettings[].tls", "the same"),
    ("ServiceEntry subjectAltNames", "the same"),
    ("servers[].tls.mode", "certificates: tests/it/blackbox/tls.rs"),
    ("servers[].tls.serverCertificate", "the same"),
    ("servers[].tls.privateKey", "the same"),
    ("servers[].tls.credentialName", "the same"),
    ("servers[].tls.minProtocolVersion", "the same"),
    ("servers[].tls.maxProtocolVersion", "the same"),
    ("servers[].tls.cipherSuites", "the same"),
    ("servers[].bind", "where a gateway listens, not what it decides"),
    (".warmup", "depends on the time since the start"),
    ("useSourceIp", "a library call has no source address"),
    ("=PASSTHROUGH", "dials what the caller dialled: tests/it/blackbox"),
    ("DestinationRule workloadSelector", "which rule a workload has: mesh-core's tests of destination rules"),
    ("ServiceEntry resolution=NONE", "dials what the caller dialled: mesh-core's tests of services"),
    ("ServiceEntry resolution=D", "needs a name server: tests/it/dns"),
    ("Sidecar ingress", "inbound: tests/it/blackbox/sidecar.rs"),
    ("Sidecar inbound", "the same"),
    ("Sidecar egress[].port", "a listener of its own: tests/it/blackbox/sidecar.rs"),
    ("Sidecar egress[].bind", "the same"),
    ("Sidecar egress[].captureMode", "the same"),
    ("Sidecar outboundTrafficPolicy.egressProxy", "for hosts that nobody knows: tests/it/scope.rs"),
    ("Sidecar outboundTrafficPolicy.mode=ALLOW_ANY", "dials what the caller dialled: tests/it/scope.rs"),
    ("MeshConfig outboundTrafficPolicy.mode=ALLOW_ANY", "the same"),
    ("listeners[].tls", "certificates: tests/it/blackbox/tls.rs"),
    ("Gateway addresses", "where a gateway listens, not what it decides"),
    ("allowedRoutes.namespaces.from=None", "refused, as by a cluster: mesh-core's tests of the Gateway API"),
    ("=ExtensionRef", "the same"),
    ("healthCheck.active", "checks come by the clock: tests/it/health"),
    ("MeshConfig proxy", "where a proxy listens, not what it decides"),
    ("MeshConfig dnsRefreshRate", "needs a name server: tests/it/dns"),
    ("MeshConfig defaultInboundHttpRetryPolicy", "inbound: mesh-core's tests of sidecars"),
    ("MeshConfig extensionProviders", "another place for the log, which is what is compared"),
    ("MeshConfig defaultProviders", "the same"),
    ("defaultConfig.drainDuration", "how a proxy ends: mesh-proxy-bin/tests/it/drain.rs"),
    ("defaultConfig.terminationDrainDuration", "the same"),
    ("defaultConfig.proxyAdminPort", "where a proxy listens, not what it decides"),
    ("defaultConfig.statusPort", "the same"),
    ("defaultConfig.concurrency", "how a proxy runs, not what it decides"),
    ("defaultConfig.proxyMetadata", "settings of one proxy: mesh-core's tests of ProxyConfig"),
    ("defaultConfig.proxyHeaders.server", "a proxy's own name, which is left out"),
];

/// Methods that are generated are generated alike.
fn is_alike(path: &str) -> bool {
    let method = path.split_once("matches[].method=").map(|(_, method)| method);
    method.is_some_and(|method| !["GET", "POST", "PUT", "OPTIONS"].contains(&method))
}

/// The kinds that decide about requests.
const KINDS: [&str; 14] = [
    "Service",
    "discovery.k8s.io/EndpointSlice",
    "networking.istio.io/VirtualService",
    "networking.istio.io/DestinationRule",
    "networking.istio.io/ServiceEntry",
    "networking.istio.io/WorkloadEntry",
    "networking.istio.io/Sidecar",
    "networking.istio.io/Gateway",
    "gateway.networking.k8s.io/Gateway",
    "gateway.networking.k8s.io/HTTPRoute",
    "gateway.networking.k8s.io/GRPCRoute",
    "gateway.networking.k8s.io/ReferenceGrant",
    "gateway.envoyproxy.io/BackendTrafficPolicy",
    "MeshConfig",
];

/// Their fields that work, each with its kind.
fn supported() -> BTreeSet<String> {
    let rows = support().into_iter().filter(|row| KINDS.contains(&row.kind.as_str()));
    let works = rows.filter(|row| row.status == Status::Supported && !row.path.is_empty());
    works.map(|row| format!("{} {}", row.kind, row.path)).collect()
}

fn is_elsewhere(row: &str) -> bool {
    ELSEWHERE.iter().any(|(part, _)| row.contains(part))
}

/// Fields that must occur.
fn wanted() -> BTreeSet<String> {
    supported().into_iter().filter(|row| !is_alike(row) && !is_elsewhere(row)).collect()
}

/// The open list or map at the reader's position.
enum Open {
    List,
    Map { key: Option<String> },
}

/// The fields that a document sets: its kind with its group, and their paths.
fn described(document: &str) -> (String, BTreeSet<String>) {
    let paths = paths(document);
    let text = |name: &str| {
        let named = paths.iter().find_map(|path| path.strip_prefix(name)?.strip_prefix('='));
        named.unwrap_or_default().to_owned()
    };
    let mesh = text("data.mesh");
    if !mesh.is_empty() {
        return ("MeshConfig".to_owned(), self::paths(&mesh));
    }
    let (version, kind) = (text("apiVersion"), text("kind"));
    let kind = version.split_once('/').map_or(kind.clone(), |(group, _)| format!("{group}/{kind}"));
    if kind.ends_with("/EndpointSlice") {
        return (kind, paths);
    }
    (kind, below_spec(&paths))
}

fn below_spec(paths: &BTreeSet<String>) -> BTreeSet<String> {
    paths.iter().filter_map(|path| path.strip_prefix("spec.").map(str::to_owned)).collect()
}

/// The paths of all nodes of a document, as the table of fields writes them, with the values of leaves after `=`. A
/// map's own keys stay: see [`is_named`].
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
    found
}

/// Whether this path is of the row `wanted`, where `{}` stands for any key.
fn is_named(wanted: &str, path: &str) -> bool {
    match wanted.split_once("{}") {
        None => wanted == path,
        Some((before, after)) => {
            let key = path.strip_prefix(before).and_then(|rest| rest.strip_prefix('.'));
            // Keys may have dots: the rest must fit at a later place.
            key.is_some_and(|key| if after.is_empty() { !key.is_empty() } else { key.ends_with(after) })
        }
    }
}

#[test]
fn ou_5_a_field_occurs_where_it_stands_and_nowhere_else() {
    let (kind, of) = described(
        "apiVersion: b/v1\nkind: A\nspec:\n  http:\n  - redirect: {authority: a}\n    \
         route: [{port: {number: 1}}]\n    headers: {a.b: {exact: c}}\n",
    );
    assert_eq!(kind, "b/A");
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

#[test]
fn ou_5_what_is_left_out_is_there_and_works() {
    let rows = supported();
    for (part, why) in ELSEWHERE {
        assert!(rows.iter().any(|row| row.contains(part)), "{part} ({why}) is in no row");
    }
}

#[tokio::test]
async fn ou_5_every_field_that_decides_is_generated() {
    let backends = Backends::start().await;
    let mut missing = wanted();
    assert!(missing.len() > 100, "the table of fields is there");
    for seed in 0..CHUNKS * CONFIGURATIONS {
        let mut draw = Draw::new(seed);
        let yaml = config::generate(&mut draw, &backends);
        let yaml = config::configured(&yaml, &mut draw);
        let objects: Vec<_> =
            yaml.split("---\n").filter(|object| !object.is_empty()).map(described).collect();
        missing.retain(|row| {
            let (kind, wanted) = row.split_once(' ').expect("a kind and a path");
            let of_kind = objects.iter().filter(|(known, _)| known == kind);
            !of_kind.flat_map(|(_, paths)| paths).any(|path| is_named(wanted, path))
        });
    }
    assert!(missing.is_empty(), "never generated: {missing:#?}");
}
