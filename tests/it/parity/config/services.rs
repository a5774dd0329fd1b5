//! Random Kubernetes services.

use std::net::SocketAddr;

use mesh_tests::config::destination_rule;

use crate::parity::backends::Backends;
use crate::parity::draw::Draw;

/// Service `c` for HTTP, its siblings `c-one` and `c-two` that its routes lead to, `m`, which gets only mirrored
/// requests, `far` in another namespace, which may need a grant, and `alias`, another name of `c`.
pub(in crate::parity) fn services(draw: &mut Draw, backends: &Backends) -> String {
    let [first, second, third, mirror] = &backends.addresses[..] else { panic!("there are four") };
    let mut yaml = String::new();
    for (number, (name, at)) in [
        ("c", &[first, second] as &[&SocketAddr]),
        ("c-one", &[second]),
        ("c-two", &[third, first]),
        ("m", &[mirror]),
    ]
    .into_iter()
    .enumerate()
    {
        yaml += &service(name, number, draw);
        for (index, at) in at.iter().enumerate() {
            yaml += &slice("default", name, index, at, &good(draw, index));
        }
        if name == "c" && draw.percent(40) {
            let bad =
                draw.one(&["{ready: false}", "{terminating: true}", "{ready: false, terminating: true}"]);
            let at = backends.closed.address();
            yaml += &slice("default", name, 9, &at, &format!("conditions: {bad}"));
        }
    }
    yaml += "apiVersion: v1
kind: Service
metadata: {name: far, namespace: other, annotations: {networking.istio.io/exportTo: '*'}}
spec: {ports: [{name: http, port: 8080}, {name: grpc, port: 8082}]}
---
apiVersion: v1
kind: Service
metadata: {name: alias, namespace: default}
spec: {type: ExternalName, externalName: c.default.svc.cluster.local, ports: [{name: http, port: 8080}]}
---
";
    // The service of large requests: without a visible endpoint, the answer would come while they are being sent.
    yaml += &destination_rule(
        "c-one.default.svc.cluster.local",
        "  trafficPolicy:
    loadBalancer: {simple: RANDOM, localityLbSetting: {enabled: false}}
    outlierDetection: {consecutive5xxErrors: 0}",
    );
    yaml + &slice("other", "far", 0, second, "conditions: {}") + &grant(draw) + &traffic_policy(draw)
}

fn service(name: &str, number: usize, draw: &mut Draw) -> String {
    let http = draw.one(&["", "", ", targetPort: 80, protocol: TCP, appProtocol: http", ", targetPort: web"]);
    let grpc = draw.one(&["", "", ", appProtocol: grpc", ", appProtocol: kubernetes.io/h2c"]);
    let address =
        draw.one(&["", "  type: ClusterIP\n  clusterIP: @\n  clusterIPs: [@]\n", "  clusterIP: None\n"]);
    let address = address.replace('@', &format!("10.1.0.{number}"));
    let more = draw.one(&[
        "",
        "",
        "  publishNotReadyAddresses: true\n",
        "  internalTrafficPolicy: Cluster\n",
        "  trafficDistribution: PreferClose\n",
        "  trafficDistribution: PreferSameZone\n",
    ]);
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec:
  selector: {{app: {name}}}
{address}{more}  ports: [{{name: http, port: 8080{http}}}, {{name: grpc, port: 8082{grpc}}}]
---
"
    )
}

/// The fields of a healthy endpoint.
fn good(draw: &mut Draw, index: usize) -> String {
    let place = draw.one(&["", ", zone: one", ", nodeName: node-1", ", zone: two, nodeName: node-2"]);
    let name = draw.one(&[
        "",
        ", hostname: pod-@",
        ", targetRef: {kind: Pod, name: pod-@, namespace: default}",
        ", deprecatedTopology: {topology.kubernetes.io/zone: one}",
    ]);
    format!("conditions: {{ready: true}}{place}{}", name.replace('@', &index.to_string()))
}

fn slice(namespace: &str, service: &str, index: usize, at: &SocketAddr, rest: &str) -> String {
    let (ip, port) = (at.ip(), at.port());
    let version = if rest.contains("deprecatedTopology") { "v1beta1" } else { "v1" };
    format!(
        "apiVersion: discovery.k8s.io/{version}
kind: EndpointSlice
metadata:
  name: {service}-{index}
  namespace: {namespace}
  labels: {{kubernetes.io/service-name: {service}}}
addressType: IPv4
ports: [{{name: http, port: {port}}}, {{name: grpc, port: {port}}}]
endpoints: [{{addresses: [{ip}], {rest}}}]
---
"
    )
}

/// Whether routes may lead to another namespace.
fn grant(draw: &mut Draw) -> String {
    let to = draw.one(&[
        "",
        "group: '', kind: Service",
        "group: '', kind: Service, name: far",
        "group: '', kind: Service, name: none",
    ]);
    if to.is_empty() {
        return String::new();
    }
    let from = |kind: &str| format!("{{group: gateway.networking.k8s.io, kind: {kind}, namespace: default}}");
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {{name: far, namespace: other}}
spec: {{from: [{}, {}], to: [{{{to}}}]}}
---
",
        from("HTTPRoute"),
        from("GRPCRoute")
    )
}

/// The number of endpoints that may be ejected before all are used again.
fn traffic_policy(draw: &mut Draw) -> String {
    let target = draw.one(&[
        "",
        "",
        "targetRef: {group: '', kind: Service, name: c}",
        "targetRef: {group: '', kind: Service, name: c, sectionName: http}",
        "targetRefs: [{group: networking.istio.io, kind: ServiceEntry, name: a-test}]",
        "targetRefs: [{group: networking.istio.io, kind: ServiceEntry, name: a-test, sectionName: http}]",
    ]);
    if target.is_empty() {
        return String::new();
    }
    let share = draw.one(&[0, 50, 100]);
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: panic, namespace: default}}
spec: {{{target}, healthCheck: {{panicThreshold: {share}}}}}
---
"
    )
}
