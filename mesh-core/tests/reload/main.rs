//! The parts that stay in force when a document is refused or gone: a test for each row of `docs/reload.md`.

mod exports;
mod fields;
mod files;
mod gateways;
mod kinds;
mod mesh_config;
mod news;
mod references;
mod shared;
mod slips;

use mesh_core::analysis::Diagnostics;
use mesh_core::api::Documents;
use mesh_core::endpoint::ClusterId;
use mesh_core::plan::{ClusterNode, CompileOptions, Listener, ListenerRoutes, Loaded, WorkloadSource, load};
use mesh_core::route::{Action, Route, RouteTable, VirtualHost};

/// A service `a` and one endpoint of it.
const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints: [{addresses: [10.0.0.1]}]
---
";

/// A Gateway of the Gateway API, `edge`, for any host at port 80.
const API_EDGE: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
";

/// A workload `web`, with the labels that select it.
const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}}}
---
";

fn options(gateway: bool) -> CompileOptions {
    CompileOptions { workload: WorkloadSource::Named("web".into()), gateway, ..CompileOptions::default() }
}

fn loaded(files: &[(&str, &str)], options: &CompileOptions, last: Option<&Loaded>) -> Loaded {
    let (documents, findings) = Documents::parse(files.iter().copied());
    load(documents, findings, options, last).expect("it goes into force")
}

/// As a sidecar or library client loads one file.
fn client(text: &str, last: Option<&Loaded>) -> Loaded {
    loaded(&[("mesh.yaml", text)], &options(false), last)
}

/// As a gateway loads one file.
fn gateway(text: &str, last: Option<&Loaded>) -> Loaded {
    loaded(&[("mesh.yaml", text)], &options(true), last)
}

/// The action of a host's first route: the name of the route if it forwards, else its answer.
fn answer(table: &RouteTable, host: &str) -> String {
    table.host(host).map_or_else(|| format!("{:?}", table.fallback()), first)
}

fn first(host: &VirtualHost) -> String {
    host.routes.first().map_or_else(|| "no route".into(), |route| action(route))
}

fn action(route: &Route) -> String {
    match &route.action {
        Action::Forward(forward) => {
            let lost = forward.destinations().iter().any(|one| one.cluster == ClusterId::UNKNOWN);
            if lost { forward.unknown_cluster.as_u16().to_string() } else { route.name.to_string() }
        }
        other => format!("{other:?}"),
    }
}

/// The answer to a client's call to port 80.
fn call(loaded: &Loaded, host: &str) -> String {
    loaded.plan.outbound.get(&80).map_or_else(
        || format!("no table, {:?}", loaded.plan.settings.outbound_mode),
        |table| answer(table, host),
    )
}

/// The cluster that is shown so.
fn cluster<'l>(loaded: &'l Loaded, shown: &str) -> Option<&'l ClusterNode> {
    loaded.plan.clusters.iter().find(|node| *node.policy.name == *shown)
}

/// The listener that is shown so.
fn listener<'l>(loaded: &'l Loaded, shown: &str) -> Option<&'l Listener> {
    loaded.plan.listeners.iter().find(|listener| listener.key.to_string() == shown)
}

fn table<'l>(loaded: &'l Loaded, shown: &str) -> Option<&'l RouteTable> {
    match &listener(loaded, shown)?.routes {
        ListenerRoutes::Table(table) => Some(table),
        ListenerRoutes::ByAuthority | ListenerRoutes::ByAuthorityOf(_) => None,
    }
}

/// The answer to a request to a gateway's port 80.
fn request(loaded: &Loaded, host: &str) -> String {
    table(loaded, "gateway|80").map_or_else(|| "closed".into(), |table| answer(table, host))
}

/// The answer that names the refused document.
fn refused(label: &str) -> String {
    format!("Refused({label:?})")
}

fn errors(findings: &Diagnostics) -> Vec<String> {
    findings.iter().filter(|finding| finding.is_error()).map(|finding| format!("{finding:#}")).collect()
}

/// No row is a promise alone.
#[test]
fn every_test_that_the_table_names_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table = std::fs::read_to_string(root.join("docs/reload.md")).expect("the page is there");
    let mut tests = String::new();
    for place in [
        "mesh-core/tests/reload",
        "mesh-core/src/plan",
        "mesh-core/src/plan/compile/tests",
        "mesh-tower/src/mesh",
        "mesh-tower/src/mesh/config",
        "mesh-tower/src/source/folder",
        "tests/it",
        "tests/it/blackbox",
        "tests/it/blackbox/reload",
    ] {
        for entry in std::fs::read_dir(root.join(place)).expect("the folder is there") {
            let path = entry.expect("readable").path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                tests.push_str(&std::fs::read_to_string(path).expect("text"));
            }
        }
    }
    let rows = table.lines().filter(|line| {
        line.starts_with("| ") && !line.starts_with("| what") && !line.starts_with("| kind |")
    });
    let mut named = 0;
    for row in rows {
        let last = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names: Vec<&str> = last.split('`').filter(|name| name.contains('_')).collect();
        assert!(!names.is_empty(), "a row without a test: {row}");
        for name in names {
            assert!(tests.contains(&format!("fn {name}(")), "{name} is not there");
            named += 1;
        }
    }
    assert!(named > 40, "the tables are read");
}
