//! Settings of the proxy, and which of the places that may say them wins (MC-3).

use http::HeaderValue;

use super::yaml::object;
use super::{codes, sidecar};
use crate::api::Documents;
use crate::diagnostic::{Code, Level};
use crate::identity::Workload;
use crate::plan::compile::{CompileOptions, compile};
use crate::plan::{ServerHeader, Settings, WorkloadSource};

const MESH: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    defaultConfig:
      concurrency: 1
      proxyAdminPort: 15100
      statusPort: 15021
      drainDuration: 20s
      terminationDrainDuration: 21s
      gatewayTopology: {numTrustedProxies: 1}
      proxyMetadata: {ISTIO_META_HTTP10: '1'}
";

fn web(annotation: &str) -> String {
    format!(
        "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  template:
    metadata:
      labels: {{app: web, version: v1}}
      annotations:
        proxy.istio.io/config: |
{annotation}"
    )
}

fn kind(name: &str, namespace: &str, spec: &str) -> String {
    object("ProxyConfig", &format!("{namespace}/{name}"), spec)
}

fn settings(yaml: &str) -> Settings {
    let compiled = sidecar(yaml, "web");
    assert!(!compiled.diagnostics.has_errors(), "{:#}", compiled.diagnostics);
    compiled.plan.settings
}

fn threads(yaml: &str) -> usize {
    settings(yaml).concurrency.map_or(0, Into::into)
}

#[test]
fn mc_3_without_a_word_the_defaults_hold() {
    let plain = settings("");
    assert_eq!((plain.concurrency, plain.admin_port), (None, 15_000));
    assert_eq!((plain.drain_duration.as_secs(), plain.termination_drain_duration.as_secs()), (45, 5));
    assert_eq!((plain.trusted_proxies, plain.http10, plain.status_port), (0, false, None));
    let told = settings(MESH);
    assert_eq!((told.concurrency.map(usize::from), told.admin_port), (Some(1), 15_100));
    assert_eq!((told.drain_duration.as_secs(), told.termination_drain_duration.as_secs()), (20, 21));
    assert_eq!((told.trusted_proxies, told.http10, told.status_port), (1, true, Some(15_021)));
    let off = settings(&format!("{MESH}{}", web("          statusPort: 0\n")));
    assert_eq!(off.status_port, None);
}

/// MC-3: each place wins over those before it.
#[test]
fn mc_3_later_places_win() {
    let mut yaml = MESH.to_owned();
    let mut add = |more: &str| {
        yaml.push_str(more);
        threads(&yaml)
    };
    assert_eq!(add(&web("          # nothing\n")), 1, "the mesh");
    assert_eq!(add(&kind("z", "elsewhere", "{concurrency: 9}")), 1, "of another namespace");
    assert_eq!(add(&kind("root", "istio-system", "{concurrency: 2}")), 2, "the root namespace");
    assert_eq!(add(&kind("own", "default", "{concurrency: 3}")), 3, "the namespace");
    assert_eq!(add(&kind("younger", "default", "{concurrency: 8}")), 3, "the oldest of several");
    let api = "{selector: {matchLabels: {app: api}}, concurrency: 7}";
    assert_eq!(add(&kind("api", "default", api)), 3, "another workload's");
    let annotated = yaml.replace("          # nothing", "          concurrency: 4");
    assert_eq!(threads(&annotated), 4, "the annotation");
    let selects = |name: &str, namespace: &str, count: u32| {
        let spec = format!("{{selector: {{matchLabels: {{app: web}}}}, concurrency: {count}}}");
        kind(name, namespace, &spec)
    };
    let rooted = format!("{annotated}{}", selects("a", "istio-system", 5));
    assert_eq!(threads(&rooted), 5, "selected from the root namespace");
    let selected = format!("{rooted}{}{}", selects("c", "default", 8), selects("b", "default", 6));
    assert_eq!(threads(&selected), 6, "the first that selects it");
    assert_eq!(threads(&format!("{selected}{}", selects("a", "default", 0))), 0, "0 is one for each core");
}

/// MC-3: a place changes what it names and nothing else; metadata goes entry by entry.
#[test]
fn mc_3_places_complete_each_other() {
    let annotation = "          drainDuration: 30s\n          proxyMetadata: {ISTIO_META_HTTP10: '0'}\n";
    let told = settings(&format!("{MESH}{}", web(annotation)));
    assert_eq!((told.drain_duration.as_secs(), told.termination_drain_duration.as_secs()), (30, 21));
    assert_eq!((told.admin_port, told.trusted_proxies, told.http10), (15_100, 1, false));
    let environment = kind("own", "default", "{environmentVariables: {ISTIO_META_HTTP10: '1'}}");
    let annotation = "          proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true'}\n";
    let mesh = MESH.replace("'1'", "'0'");
    assert!(settings(&format!("{mesh}{}{environment}", web(annotation))).http10, "the other entry stays");
}

/// HD-4: the headers that a proxy sets, place by place.
#[test]
fn hd_4_the_server_header_and_the_request_id() {
    let told = |mesh: &str, annotation: &str| {
        let mesh = MESH.replace("      concurrency: 1\n", &format!("      proxyHeaders: {mesh}\n"));
        let own = web(&format!("          proxyHeaders: {annotation}\n"));
        let settings = settings(&format!("{mesh}{own}"));
        (settings.server, settings.request_id)
    };
    let named = |name: &'static str| ServerHeader::Is(HeaderValue::from_static(name));
    assert_eq!(told("{}", "{}"), (ServerHeader::Own, true));
    assert_eq!(told("{server: {value: edge}}", "{}"), (named("edge"), true));
    assert_eq!(told("{server: {value: edge}}", "{server: {disabled: true}}"), (ServerHeader::Kept, true));
    assert_eq!(told("{server: {disabled: true}}", "{server: {disabled: false}}"), (ServerHeader::Own, true));
    assert_eq!(told("{requestId: {disabled: true}}", "{server: {value: a}}"), (named("a"), false));
    assert!(told("{requestId: {disabled: true}}", "{requestId: {disabled: false}}").1);
    let found = |headers: &str| {
        let yaml = web(&format!("          proxyHeaders: {headers}\n"));
        codes(&Documents::parse([("web.yaml", &*yaml)]).1)
    };
    assert_eq!(found("{attemptCount: {disabled: true}}"), [Code::NotImplemented]);
    assert_eq!(found("{metadataExchangeHeaders: {mode: IN_MESH}}"), [Code::NotImplemented]);
    assert_eq!(found("{server: {value: \"a\\nb\"}}"), [Code::SchemaValidationError]);
}

/// MC-3, Y-11: a mistake in the annotation is told at its place, and costs the annotation only.
#[test]
fn mc_3_a_broken_annotation_is_told_at_its_place() {
    let yaml = web("          concurrency: 2\n          concurency: 3\n          drainDuration: 500us\n");
    let (documents, found) = Documents::parse([("web.yaml", &*yaml)]);
    let found: Vec<_> = found.iter().map(|one| (one.code, one.origin.line, one.origin.column)).collect();
    assert_eq!(found, [(Code::SchemaValidationError, 12, 11), (Code::SchemaValidationError, 13, 26)]);
    let options =
        CompileOptions { workload: WorkloadSource::Named("web".into()), ..CompileOptions::default() };
    let plan = compile(&documents, &options, None).plan;
    assert_eq!((plan.workload.labels["app"].as_str(), plan.settings.concurrency), ("web", None));

    let misplaced = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, annotations: \
                     {proxy.istio.io/config: 'concurrency: 2'}}\nspec: {template: {metadata: \
                     {labels: {app: web, version: v1}}}}\n";
    let (_, found) = Documents::parse([("web.yaml", misplaced)]);
    assert_eq!(codes(&found), [Code::MisplacedAnnotation]);
}

/// MC-3, MC-4: the annotation of a workload that files tell of.
#[test]
fn mc_3_the_annotation_of_a_workload_that_was_told() {
    let told = |text: &str| {
        let mut workload = Workload { name: "web".into(), ..Workload::default() };
        workload.annotations.insert("proxy.istio.io/config".into(), text.into());
        let options = CompileOptions { workload: workload.into(), ..CompileOptions::default() };
        let compiled = compile(&Documents::default(), &options, None);
        let found: Vec<_> = compiled.diagnostics.iter().map(|one| (one.code, one.level)).collect();
        (compiled.plan.settings.concurrency.map(usize::from), found)
    };
    assert_eq!(told("concurrency: 3\n"), (Some(3), vec![]));
    assert_eq!(told("{\"concurrency\": 3}"), (Some(3), vec![]));
    assert_eq!(told(""), (None, vec![]));
    assert_eq!(told("concurrency: x"), (None, vec![(Code::SchemaValidationError, Level::Error)]));
    assert_eq!(told("binaryPath: a"), (None, vec![(Code::NotImplemented, Level::Info)]));
}

/// MC-3: what a document of kind ProxyConfig may hold.
#[test]
fn mc_3_a_proxy_config_is_checked() {
    let found = |spec: &str| codes(&Documents::parse([("a.yaml", &*kind("a", "default", spec))]).1);
    assert_eq!(found("{concurrency: 2, image: {}}"), []);
    assert_eq!(found("{concurrency: -2}"), [Code::SchemaValidationError]);
    assert_eq!(found("{selector: {matchLabels: {app: '*'}}}"), [Code::SchemaValidationError]);
    assert_eq!(found("{selector: {matchLabels: {}}}"), [Code::IneffectiveSelector]);
    assert_eq!(found("{image: {imageType: debug}}"), [Code::NotImplemented]);
    assert_eq!(found("{environmentVariables: {A: b}}"), [Code::NotImplemented]);
    assert_eq!(found("{drainDuration: 5s}"), [Code::SchemaValidationError]);
}
