//! Random configurations: every field of a rule and of a policy that affects a decision occurs.

mod edge;
mod gateway_api;
mod mesh;
mod policy;
mod rule;
mod scope;
mod services;
mod wait;

use mesh_tests::config::destination_rule;

use super::backends::Backends;
use super::draw::Draw;

pub(super) use self::edge::configured;
pub(super) use self::mesh::LOG;

/// A whole folder in one file.
pub(super) fn generate(draw: &mut Draw, backends: &Backends) -> String {
    let mut yaml = mesh::config(draw) + WORKLOAD;
    yaml += &entries(draw, backends);
    yaml += &policy::destination_rule("a.test", draw);
    yaml += &policy::destination_rule("b.test", draw);
    yaml += &rule::virtual_service("a.test", draw);
    if draw.percent(50) {
        yaml += &rule::virtual_service("b.test", draw);
    }
    yaml += &rule::delegate(draw);
    yaml += &services::services(draw, backends);
    yaml += &workloads(draw, backends);
    yaml += &policy::destination_rule("w.test", draw);
    if draw.percent(50) {
        yaml += &rule::virtual_service("w.test", draw);
    }
    yaml += &gateway_api::http_route(draw);
    yaml += &gateway_api::grpc_route(draw);
    yaml += &scope::sidecar(draw);
    yaml
}

/// The sender.
const WORKLOAD: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, version: v1, topology.kubernetes.io/region: here}}
---
";

/// Service `w.test`, whose endpoints are workloads with the labels that it selects.
fn workloads(draw: &mut Draw, backends: &Backends) -> String {
    let mut yaml = "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: w-test, namespace: default}
spec:
  hosts: [w.test]
  ports: [{number: 8080, name: http, protocol: HTTP}, {number: 8081, name: http-two, protocol: HTTP2}]
  resolution: STATIC
  location: MESH_INTERNAL
  workloadSelector: {labels: {app: w}}
---
"
    .to_owned();
    for (index, at) in backends.addresses.iter().take(3).enumerate() {
        // Each subset keeps an endpoint that it needs.
        let spare = index == 1;
        let app = if spare { draw.one(&["w", "other"]) } else { "w" };
        let version = if index < 2 { "v1" } else { "v2" };
        let away = if spare && draw.percent(20) { ", network: away" } else { "" };
        let more = draw.one(&["", ", locality: here/one", ", locality: there/one, weight: 3"]);
        yaml += &format!(
            "apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: w-{index}, namespace: default}}
spec: {{address: {}, ports: {{http: {port}, http-two: {port}}}, \
             labels: {{app: {app}, version: {version}}}, serviceAccount: w{more}{away}}}
---
",
            at.ip(),
            port = at.port()
        );
    }
    yaml
}

/// Services: `a.test` has two endpoints of version v1 and one of v2, `b.test` one of each, `dead.test` one that
/// refuses connections, and `mirror.test` one that gets only mirrored requests.
fn entries(draw: &mut Draw, backends: &Backends) -> String {
    let [first, second, third, mirror] = &backends.addresses[..] else { panic!("there are four") };
    let endpoint = |at: &std::net::SocketAddr, version: &str, locality: &str, weight: u32| {
        format!(
            "  - {{address: {}, ports: {{http: {port}, http-two: {port}}}, labels: {{version: {version}}}, \
             locality: {locality}, weight: {weight}, serviceAccount: {version}}}\n",
            at.ip(),
            port = at.port()
        )
    };
    let away = if draw.percent(10) { "network: away, labels" } else { "labels" };
    let mut entry = |host: &str, endpoints: &[String]| {
        let location = draw.one(&["MESH_INTERNAL", "MESH_INTERNAL", "MESH_EXTERNAL"]);
        let more =
            draw.one(&["", "  exportTo: ['.']\n", "  exportTo: ['*']\n", "  addresses: [240.1.2.3]\n"]);
        // Another address for each: two services of one address and port cannot be distinguished.
        let more =
            more.replace("240.1.2.3", &format!("240.1.2.{}", host.len() + usize::from(host.as_bytes()[0])));
        format!(
            "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {}, namespace: default}}
spec:
  hosts: [{host}]
  ports: [{{number: 8080, name: http, protocol: HTTP, targetPort: 9}}, {{number: 8081, name: http-two, protocol: HTTP2}}]
  resolution: STATIC
  location: {location}
{more}  endpoints:
{}---
",
            host.replace('.', "-"),
            endpoints.concat()
        )
    };
    entry(
        "a.test",
        &[
            endpoint(first, "v1", "here/one", 1),
            endpoint(second, "v1", "here/two", 2).replace("labels", away),
            endpoint(third, "v2", "there/one", 1),
        ],
    ) + &entry("b.test", &[endpoint(second, "v1", "here/one", 1), endpoint(third, "v2", "here/one", 1)])
        + &entry("dead.test", &[endpoint(&backends.closed.address(), "v1", "here/one", 1)])
        + &entry("mirror.test", &[endpoint(mirror, "v1", "here/one", 1)])
        + &destination_rule("mirror.test", "  subsets: [{name: v1, labels: {version: v1}}]")
}
