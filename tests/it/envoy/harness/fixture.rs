//! The two configurations of a scenario, and the parts that all scenarios share.
//!
//! `tests/fixtures/envoy/NAME.istio.yaml` is the folder of Istio's YAML. `NAME.envoy.yaml` is the same configuration,
//! written by hand for Envoy, without the parts that never change: its top-level keys are `virtual_hosts`, `clusters`, and
//! where needed `filters` (before the router) and `manager` (more fields of the connection manager). In both,
//! `{{endpoints a b}}` are the backends with these names; `{{service HOST PROTOCOL a b}}` is a ServiceEntry of port 8080,
//! and `{{cluster HOST PROTOCOL a b}}` the cluster that Istio makes of it; `{{retry}}`, `{{unlimited}}` and `{{http2}}` are
//! Istio's defaults.

use std::fmt::Write as _;
use std::path::Path;

use mesh_tests::config::mesh_config;

use super::{Backends, log};

const MANAGER: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const STDOUT: &str = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";
/// Istio's retry policy for a rule without `retries` (RT-6).
const RETRY: &str = "{retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes', \
    num_retries: 2, retry_host_predicate: [{name: envoy.retry_host_predicates.previous_hosts, typed_config: \
    {'@type': type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}], \
    host_selection_retry_max_attempts: 5}";
/// Istio's thresholds for every cluster (CB-3).
const UNLIMITED: &str = "{thresholds: [{max_connections: 4294967295, max_pending_requests: 4294967295, \
    max_requests: 4294967295, max_retries: 4294967295, track_remaining: true}]}";
const HTTP2: &str = "{envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {'@type': \
    type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, \
    explicit_http_config: {http2_protocol_options: {}}}}";

fn read(name: &str, language: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/envoy");
    let file = folder.join(format!("{name}.{language}.yaml"));
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Istio's YAML with the access log that is compared.
pub(crate) fn istio(name: &str, backends: &Backends) -> String {
    let endpoints = |names: &[&str]| {
        let one = |name: &&str| {
            let address = backends.address(name);
            format!("{{address: {}, ports: {{port: {}}}}}", address.ip(), address.port())
        };
        format!("[{}]", names.iter().map(one).collect::<Vec<_>>().join(", "))
    };
    let mesh = mesh_config(&format!(
        "accessLogFile: /dev/stdout\naccessLogEncoding: JSON\naccessLogFormat: '{}'",
        log::format()
    ));
    let service = |words: &[&str]| {
        let [host, protocol, names @ ..] = words else { panic!("{words:?}") };
        format!(
            "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {}, namespace: default}}
spec:
  hosts: [{host}]
  ports: [{{number: 8080, name: port, protocol: {protocol}}}]
  resolution: STATIC
  endpoints: {}
---",
            host.replace('.', "-"),
            endpoints(names)
        )
    };
    mesh + &filled(&filled(&read(name, "istio"), "service", service), "endpoints", endpoints)
}

/// Envoy's whole bootstrap.
pub(crate) fn envoy(name: &str, gateway: bool, backends: &Backends) -> String {
    let endpoints = |names: &[&str]| {
        let one = |name: &&str| {
            let address = backends.address(name);
            format!(
                "{{endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}}}",
                address.ip(),
                address.port()
            )
        };
        let all = names.iter().map(one).collect::<Vec<_>>().join(", ");
        format!("{{cluster_name: any, endpoints: [{{lb_endpoints: [{all}]}}]}}")
    };
    let cluster = |words: &[&str]| {
        let [host, protocol, names @ ..] = words else { panic!("{words:?}") };
        let options = if matches!(*protocol, "HTTP2" | "GRPC") { HTTP2 } else { "{}" };
        format!(
            "{{name: outbound|8080||{host}, connect_timeout: 10s, lb_policy: LEAST_REQUEST, \
             circuit_breakers: {UNLIMITED}, typed_extension_protocol_options: {options}, \
             load_assignment: {}}}",
            endpoints(names)
        )
    };
    let text = filled(&filled(&read(name, "envoy"), "cluster", cluster), "endpoints", endpoints);
    let text =
        text.replace("{{retry}}", RETRY).replace("{{unlimited}}", UNLIMITED).replace("{{http2}}", HTTP2);
    let section = |name: &str, indent: usize| indented(&text, name, indent);
    format!(
        "admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}}}
static_resources:
  clusters:
{clusters}
  listeners:
  - name: entry
    address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': {MANAGER}
          stat_prefix: entry
          server_name: mesh-proxy
          use_remote_address: {gateway}
          server_header_transformation: {server}
          internal_address_config: {{cidr_ranges: [{{address_prefix: 127.0.0.0, prefix_len: 8}}]}}
          normalize_path: true
          path_with_escaped_slashes_action: KEEP_UNCHANGED
          stream_idle_timeout: 0s
          proxy_100_continue: true
          upgrade_configs: [{{upgrade_type: websocket}}]
          access_log: [{{name: log, typed_config: {{'@type': {STDOUT}, log_format: {{json_format: {log}}}}}}}]
{manager}
          http_filters:
{filters}
          - {{name: envoy.filters.http.router, typed_config: {{'@type': {ROUTER}}}}}
          route_config:
            name: routes
            validate_clusters: false
            ignore_port_in_host_matching: true
            virtual_hosts:
{virtual_hosts}
",
        clusters = section("clusters", 2),
        server = if gateway { "OVERWRITE" } else { "PASS_THROUGH" },
        log = log::format(),
        manager = section("manager", 8),
        filters = section("filters", 8),
        virtual_hosts = section("virtual_hosts", 12),
    )
}

/// Replaces each `{{word NAMES}}`.
fn filled(text: &str, word: &str, with: impl Fn(&[&str]) -> String) -> String {
    let start = format!("{{{{{word} ");
    let mut parts = text.split(&start);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (names, rest) = part.split_once("}}").expect("a placeholder ends");
        out.push_str(&with(&names.split(' ').collect::<Vec<_>>()));
        out.push_str(rest);
    }
    out
}

/// The lines below a top-level key, moved to the right.
fn indented(text: &str, key: &str, by: usize) -> String {
    let mut lines = text.lines().skip_while(|line| *line != format!("{key}:"));
    lines.next();
    let mut out = String::new();
    for line in lines.take_while(|line| line.starts_with([' ', '-', '#']) || line.is_empty()) {
        writeln!(out, "{:by$}{line}", "").unwrap();
    }
    out
}
