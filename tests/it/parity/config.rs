//! Configurations by chance: every field of a rule and of a policy that decides anything comes up.

mod policy;
mod rule;

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
      "id": "%REQ(X-REQUEST-ID)%", "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%"}"#;

/// A whole folder in one file.
pub(super) fn generate(draw: &mut Draw, backends: &Backends) -> String {
    let mut yaml = mesh();
    yaml += &entries(backends);
    yaml += &policy::destination_rule("a.test", draw);
    yaml += &policy::destination_rule("b.test", draw);
    yaml += &rule::virtual_service("a.test", draw);
    if draw.percent(50) {
        yaml += &rule::virtual_service("b.test", draw);
    }
    yaml += &rule::delegate(draw);
    yaml
}

fn mesh() -> String {
    format!(
        "apiVersion: v1
kind: ConfigMap
metadata: {{name: istio, namespace: istio-system}}
data:
  mesh: |
    outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}
    accessLogFile: {LOG}
    accessLogEncoding: JSON
    accessLogFormat: |
      {FORMAT}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: default}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web, version: v1, topology.kubernetes.io/region: here}}}}
---
"
    )
}

/// Services: `a.test` has two endpoints of version v1 and one of v2, `b.test` one of each, `dead.test` one where
/// nobody listens, and `mirror.test` one that only mirrors go to.
fn entries(backends: &Backends) -> String {
    let [first, second, third, mirror] = &backends.addresses[..] else { panic!("there are four") };
    let endpoint = |at: &std::net::SocketAddr, version: &str, locality: &str, weight: u32| {
        format!(
            "  - {{address: {}, ports: {{http: {port}, http-two: {port}}}, labels: {{version: {version}}}, \
             locality: {locality}, weight: {weight}}}\n",
            at.ip(),
            port = at.port()
        )
    };
    let entry = |host: &str, endpoints: &[String]| {
        format!(
            "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {}, namespace: default}}
spec:
  hosts: [{host}]
  ports: [{{number: 8080, name: http, protocol: HTTP}}, {{number: 8081, name: http-two, protocol: HTTP2}}]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints:
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
}
