//! Configurations by chance: every field of a rule and of a policy that decides anything comes up.

mod gateway_api;
mod policy;
mod rule;
mod scope;
mod wait;

use mesh_tests::config::{destination_rule, mesh_config};

use super::backends::Backends;
use super::draw::Draw;

/// Stands for the file that the access log goes to, which is not the same for both.
pub(super) const LOG: &str = "@LOG@";

/// What is logged of a request: every decision, and no time.
const FORMAT: &str = r#"{"route": "%ROUTE_NAME%", "cluster": "%UPSTREAM_CLUSTER_RAW%", "host": "%UPSTREAM_HOST%",
      "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%",
      "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "grpc": "%GRPC_STATUS%",
      "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%", "method": "%REQ(:METHOD)%", "path": "%REQ(:PATH)%",
      "original": "%REQ(X-ENVOY-ORIGINAL-PATH)%", "authority": "%REQ(:AUTHORITY)%",
      "decision": "%METADATA(MESH:decision)%", "id": "%REQ(X-REQUEST-ID)%", "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%"}"#;

/// A whole folder in one file.
pub(super) fn generate(draw: &mut Draw, backends: &Backends) -> String {
    let mut yaml = mesh();
    yaml += &entries(draw, backends);
    yaml += &policy::destination_rule("a.test", draw);
    yaml += &policy::destination_rule("b.test", draw);
    yaml += &rule::virtual_service("a.test", draw);
    if draw.percent(50) {
        yaml += &rule::virtual_service("b.test", draw);
    }
    yaml += &rule::delegate(draw);
    yaml += &gateway_api::service(backends);
    yaml += &gateway_api::http_route(draw);
    yaml += &gateway_api::grpc_route(draw);
    yaml += &scope::sidecar(draw);
    yaml
}

fn mesh() -> String {
    mesh_config(&format!(
        "outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}
accessLogFile: {LOG}
accessLogEncoding: JSON
accessLogFormat: |
  {FORMAT}"
    )) + "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, version: v1, topology.kubernetes.io/region: here}}
---
"
}

/// Services: `a.test` has two endpoints of version v1 and one of v2, `b.test` one of each, `dead.test` one where
/// nobody listens, and `mirror.test` one that only mirrors go to.
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
    let mut entry = |host: &str, endpoints: &[String]| {
        let location = draw.one(&["MESH_INTERNAL", "MESH_INTERNAL", "MESH_EXTERNAL"]);
        let more =
            draw.one(&["", "  exportTo: ['.']\n", "  exportTo: ['*']\n", "  addresses: [240.1.2.3]\n"]);
        // Another address for each: two services of one address and port are told apart by nothing.
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
            endpoint(second, "v1", "here/two", 2),
            endpoint(third, "v2", "there/one", 1),
        ],
    ) + &entry("b.test", &[endpoint(second, "v1", "here/one", 1), endpoint(third, "v2", "here/one", 1)])
        + &entry("dead.test", &[endpoint(&backends.closed.address(), "v1", "here/one", 1)])
        + &entry("mirror.test", &[endpoint(mirror, "v1", "here/one", 1)])
        + &destination_rule("mirror.test", "  subsets: [{name: v1, labels: {version: v1}}]")
}
