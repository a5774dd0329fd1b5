//! What a DestinationRule says for each port and subset (DR-1, DR-6 to DR-8).

use super::sidecar;
use super::yaml::object;
use crate::api::istio::{DestinationRule, ProxyProtocol, TrafficPolicy, TunnelSettings};
use crate::api::{Documents, Metadata, Resource};
use crate::diagnostic::{Code, Level};
use crate::plan::Plan;

const API: &str = "
apiVersion: v1
kind: Service
metadata: {name: api}
spec:
  selector: {app: api}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: http-admin, port: 81, targetPort: 8081}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec: {template: {metadata: {labels: {app: api, version: v1}}}}
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {ports: [{name: http, port: 80}]}
";

/// Each block once; the entry for port 81 has one of them only.
const POLICY: &str = "
    loadBalancer: {simple: ROUND_ROBIN}
    connectionPool: {tcp: {maxConnections: 7}}
    outlierDetection: {consecutive5xxErrors: 3}
    tls: {mode: SIMPLE, sni: api}
    retryBudget: {percent: 30}
    portLevelSettings: [{port: {number: 81}, loadBalancer: {simple: RANDOM}}]";

const MESH: &str = "---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    defaultTrafficPolicy:
      connectionPool: {tcp: {maxConnections: 50}}
      outlierDetection: {consecutive5xxErrors: 9}
";

fn rule(rest: &str) -> String {
    object("DestinationRule", "api", &format!("\n  host: api\n{rest}"))
}

/// The blocks of a cluster: balancer, connections, 5xx errors, server name, budget; `-` where the default is.
fn blocks(plan: &Plan, port: u16, subset: &str, service: &str) -> String {
    let name = format!("outbound|{port}|{subset}|{service}.default.svc.cluster.local");
    let policy = &plan.cluster_named(&name).expect("the cluster exists").policy;
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let circuit = &policy.circuit;
    let connections = (circuit.max_connections < u32::MAX).then(|| circuit.max_connections.to_string());
    let outlier = policy.outlier.as_ref().map(|outlier| outlier.consecutive_5xx.to_string());
    let sni = policy.tls.as_ref().and_then(|tls| tls.sni.as_deref().map(str::to_owned));
    let budget = circuit.retry_budget.map(|budget| budget.percent.value().to_string());
    let (connections, outlier, sni, budget) = (text(connections), text(outlier), text(sni), text(budget));
    format!("{:?} {connections} {outlier} {sni} {budget}", policy.balance)
}

/// What is lost where, by MESH0007.
fn losses(text: &str) -> Vec<String> {
    let compiled = sidecar(text, "api");
    let lossy = compiled.diagnostics.iter().filter(|one| one.code == Code::PolicyLosesParentSettings);
    lossy
        .map(|one| {
            assert_eq!((one.level, one.code.as_str()), (Level::Warning, "MESH0007"));
            assert!(one.origin.line > 0);
            let message = one.message.trim_start_matches("this port loses ");
            format!("{} {message}", one.origin.path)
        })
        .collect()
}

#[test]
fn dr_1_each_field_of_a_rule_does_what_it_says() {
    let subsets = "  subsets:
  - {name: v1, labels: {version: v1}, trafficPolicy: {connectionPool: {tcp: {maxConnections: 9}}}}";
    let of = |who: &str, client: &str| {
        let text = format!("{API}{}", rule(&format!("{who}\n  trafficPolicy:{POLICY}\n{subsets}")));
        sidecar(&text, client).plan
    };
    let public = of("", "third/me");
    assert_eq!(blocks(&public, 80, "", "api"), "RoundRobin 7 3 api 30");
    assert_eq!(blocks(&public, 81, "", "api"), "Random - - - -", "portLevelSettings");
    assert_eq!(blocks(&public, 80, "v1", "api"), "RoundRobin 9 3 api 30", "subsets");
    let v1 = public.cluster_named("outbound|80|v1|api.default.svc.cluster.local").unwrap();
    assert_eq!(v1.policy.subset_labels["version"], "v1");
    assert_eq!(blocks(&public, 80, "", "other"), "LeastRequest - - - -", "host");

    for (who, sees, does_not) in [
        ("  exportTo: [., cli]", "cli/me", "third/me"),
        ("  exportTo: [., cli]", "api", "third/me"),
        ("  workloadSelector: {matchLabels: {app: web}}", "web", "api"),
    ] {
        assert_eq!(blocks(&of(who, sees), 80, "", "api"), "RoundRobin 7 3 api 30", "{who} {sees}");
        assert_eq!(blocks(&of(who, does_not), 80, "", "api"), "LeastRequest - - - -", "{who} {does_not}");
    }
    for refused in ["tunnel: {protocol: CONNECT, targetHost: a, targetPort: 1}", "proxyProtocol: {}"] {
        let (_, found) = Documents::parse([("a.yaml", &*rule(&format!("  trafficPolicy: {{{refused}}}")))]);
        let found: Vec<_> = found.iter().map(|one| (one.code, &*one.origin.path)).collect();
        let field = refused.split(':').next().unwrap();
        assert_eq!(found, [(Code::NotImplemented, &*format!("spec.trafficPolicy.{field}"))]);
    }
}

/// DR-6 (a): the entry for the port stands alone, and the mesh's defaults (b) fill two of its gaps.
#[test]
fn dr_6_a_port_has_its_own_blocks_and_the_meshs_defaults_but_not_the_rules() {
    let text = format!("{API}{}", rule(&format!("  trafficPolicy:{POLICY}")));
    let plan = sidecar(&text, "api").plan;
    assert_eq!(blocks(&plan, 80, "", "api"), "RoundRobin 7 3 api 30");
    assert_eq!(blocks(&plan, 81, "", "api"), "Random - - - -");

    let plan = sidecar(&format!("{text}{MESH}"), "api").plan;
    assert_eq!(blocks(&plan, 80, "", "api"), "RoundRobin 7 3 api 30", "nothing is absent");
    assert_eq!(blocks(&plan, 81, "", "api"), "Random 50 9 - -");
    assert_eq!(blocks(&plan, 80, "", "other"), "LeastRequest 50 9 - -", "without any rule");
}

/// DR-6 (c): block by block, unless the subset has an entry for the port: that has all four, even where it
/// says nothing, and the mesh's defaults come before it.
#[test]
fn dr_6_a_subset_replaces_block_by_block_and_its_port_all_four() {
    let subsets = "  subsets:
  - {name: whole, labels: {}}
  - {name: pool, labels: {}, trafficPolicy: {connectionPool: {tcp: {maxConnections: 9}}}}
  - {name: http, labels: {}, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 5}}}}
  - name: port
    labels: {}
    trafficPolicy:
      connectionPool: {tcp: {maxConnections: 9}}
      retryBudget: {percent: 40}
      portLevelSettings: [{port: {number: 81}, tls: {mode: SIMPLE, sni: port}}]";
    let text = format!("{API}{MESH}{}", rule(&format!("  trafficPolicy:{POLICY}\n{subsets}")));
    let plan = sidecar(&text, "api").plan;
    for (subset, on_80, on_81) in [
        ("whole", "RoundRobin 7 3 api 30", "Random 50 9 - -"),
        ("pool", "RoundRobin 9 3 api 30", "Random 9 9 - -"),
        // The block goes in whole: the connections of the rule's are not kept beside it.
        ("http", "RoundRobin - 3 api 30", "Random - 9 - -"),
        ("port", "RoundRobin 9 3 api 40", "LeastRequest - - port 40"),
    ] {
        assert_eq!(blocks(&plan, 80, subset, "api"), on_80, "{subset}");
        assert_eq!(blocks(&plan, 81, subset, "api"), on_81, "{subset}");
    }
}

/// DR-6, MESH0007: each loss by (a) and (c) is told at the entry, by the names of what is lost there.
#[test]
fn dr_6_mesh0007_tells_what_a_port_loses() {
    let top = format!("  trafficPolicy:{POLICY}");
    let port = "spec.trafficPolicy.portLevelSettings[0]";
    let at_top =
        format!("{port} connectionPool, outlierDetection, tls, retryBudget of the rule: repeat it here");
    assert_eq!(losses(&format!("{API}{}", rule(&top))), std::slice::from_ref(&at_top));

    // Of the subset's port: what the subset itself says, what the rule says for that port, and the mesh.
    let subset = |policy: &str| {
        format!("  subsets: [{{name: v1, labels: {{version: v1}}, trafficPolicy: {{{policy}}}}}]")
    };
    let own = "connectionPool: {tcp: {maxConnections: 9}}, retryBudget: {percent: 40}";
    let tls = "portLevelSettings: [{port: {number: 81}, tls: {mode: SIMPLE}}]";
    let both = format!("{own}, {tls}");
    let lost = |text: &str| losses(&format!("{API}{text}"));
    let at = "spec.subsets[0].trafficPolicy.portLevelSettings[0]";
    assert_eq!(
        lost(&rule(&subset(&both))),
        [format!("{at} connectionPool of the subset: repeat it here")],
        "the subset's own block; the budget is not lost"
    );
    assert_eq!(
        lost(&rule(&format!("{top}\n{}", subset(tls)))),
        [at_top, format!("{at} loadBalancer of the subset: repeat it here")],
        "of the rule, what it has for that port"
    );
    assert_eq!(
        lost(&format!("{MESH}{}", rule(&subset(tls)))),
        [format!("{at} connectionPool, outlierDetection of the subset: repeat it here")]
    );

    // Repeated, or of another port: nothing is lost.
    for fine in [
        format!("  trafficPolicy: {{{tls}}}"),
        "  trafficPolicy: {tls: {mode: SIMPLE}, portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]}"
            .to_owned(),
        subset(tls),
        subset(own),
    ] {
        assert_eq!(lost(&rule(&fine)), Vec::<String>::new(), "{fine}");
    }
}

/// The empty ones stand in `tests/fixtures/broken/traffic-policy-parts.yaml`.
#[test]
fn dr_7_a_tunnel_excludes_the_proxy_protocol_and_a_host_has_a_service() {
    let policy = TrafficPolicy {
        tunnel: Some(TunnelSettings::default()),
        proxy_protocol: Some(ProxyProtocol::default()),
        ..TrafficPolicy::default()
    };
    let of = |policy: TrafficPolicy| {
        let spec = DestinationRule {
            host: "api".into(),
            traffic_policy: Some(policy.into()),
            ..DestinationRule::default()
        };
        let meta = Metadata { name: "api".into(), namespace: "default".into(), ..Metadata::default() };
        let found = Resource::new(meta, spec).validate();
        found.iter().map(|one| format!("{} {}", one.origin.path, one.message)).collect::<Vec<_>>()
    };
    assert_eq!(of(policy.clone()), ["proxyProtocol excludes `tunnel`"]);
    assert_eq!(of(TrafficPolicy { tunnel: None, ..policy }), Vec::<String>::new());

    let unknown = |host: &str| {
        let text =
            format!("{API}{}", rule("  exportTo: ['*']").replace("host: api", &format!("host: '{host}'")));
        let compiled = sidecar(&text, "api");
        let found = compiled.diagnostics.iter().filter(|one| one.code.as_str() == "IST0174");
        found.map(|one| (one.origin.path.to_string(), one.origin.column)).collect::<Vec<_>>()
    };
    for host in ["ghost", "api.elsewhere.svc.cluster.local", "*.elsewhere.svc.cluster.local"] {
        assert_eq!(unknown(host), [("spec.host".into(), 9)], "{host}");
    }
    for host in ["api", "api.default.svc.cluster.local", "*.default.svc.cluster.local"] {
        assert_eq!(unknown(host), [], "{host}");
    }
}

#[test]
fn dr_8_a_rules_pool_bounds_its_server_too_unless_a_sidecar_says_otherwise() {
    let policy = "  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 7}, http: {http2MaxRequests: 6}}
    outlierDetection: {consecutive5xxErrors: 3}
    portLevelSettings: [{port: {number: 81}, connectionPool: {tcp: {maxConnections: 8}}}]
  subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {connectionPool: {tcp: {maxConnections: 9}}}}]";
    let inbound = |more: &str| {
        let plan = sidecar(&format!("{API}{}{more}", rule(policy)), "api").plan;
        assert_eq!(blocks(&plan, 80, "", "api"), "LeastRequest 7 3 - -", "its clients keep the rule's");
        [8080, 8081].map(|port| {
            let policy = &plan.cluster_named(&format!("inbound|{port}||")).unwrap().policy;
            assert!(policy.outlier.is_none(), "the pool alone");
            (policy.circuit.max_connections, policy.circuit.max_requests)
        })
    };
    const NONE: u32 = u32::MAX;
    assert_eq!(inbound(""), [(7, 6), (8, NONE)]);
    let other = "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: api}\nspec:\n";
    let whole = "  inboundConnectionPool: {tcp: {maxConnections: 3}}\n";
    assert_eq!(inbound(&format!("{other}{whole}")), [(3, NONE); 2], "the block as a whole");
    let listed = "  ingress:
  - {port: {number: 8080, name: http, protocol: HTTP}, connectionPool: {http: {http2MaxRequests: 2}}}
  - {port: {number: 8081, name: http-admin, protocol: HTTP}}\n";
    assert_eq!(inbound(&format!("{other}{whole}{listed}")), [(NONE, 2), (3, NONE)]);
    assert_eq!(inbound(&format!("{other}{listed}")), [(NONE, 2), (8, NONE)], "by the port that leads there");
    let elsewhere = "  outboundTrafficPolicy: {mode: ALLOW_ANY}\n";
    assert_eq!(inbound(&format!("{other}{elsewhere}")), [(7, 6), (8, NONE)], "it says nothing of the pool");
}

/// OD-6: hosts are counted where they are ejected, in the cluster of a port and subset.
#[test]
fn od_6_each_block_is_judged_by_the_smallest_cluster_that_it_holds_for() {
    let slice = |port: u16, name: &str, hosts: u8| {
        let endpoints: Vec<String> =
            (1..=hosts).map(|host| format!("{{addresses: [10.0.{port}.{host}]}}")).collect();
        format!(
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
             metadata: {{name: api-{port}, labels: {{kubernetes.io/service-name: api}}}}\n\
             addressType: IPv4\nports: [{{name: {name}, port: {port}}}]\nendpoints: [{}]\n",
            endpoints.join(", ")
        )
    };
    let pod = "---
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: api, version: v2}}
status: {podIP: 10.0.80.1}
";
    let told = |policy: &str| {
        let slices = slice(80, "http", 20) + &slice(81, "http-admin", 3);
        let compiled = sidecar(&format!("{API}{slices}{pod}{}", rule(policy)), "nobody");
        let found = compiled.diagnostics.iter();
        let found = found.filter(|one| one.code == Code::OutlierDetectionNeverEjects);
        found.map(|one| format!("{}: {}", one.origin.path, one.message)).collect::<Vec<_>>()
    };
    let none = "maxEjectionPercent 10 none is ever ejected";
    let block = "outlierDetection: {consecutive5xxErrors: 3}";
    assert_eq!(
        told(&format!("  trafficPolicy: {{{block}}}\n")),
        [format!("spec.trafficPolicy.outlierDetection: with 3 endpoints of port 81 and {none}")]
    );
    let port = |port: u16| {
        format!("  trafficPolicy: {{portLevelSettings: [{{port: {{number: {port}}}, {block}}}]}}\n")
    };
    assert!(told(&port(80)).is_empty());
    let at = "spec.trafficPolicy.portLevelSettings[0].outlierDetection";
    assert_eq!(told(&port(81)), [format!("{at}: with 3 endpoints of port 81 and {none}")]);
    // A subset's own block: of its own endpoints, whatever the service has in all.
    let subset = "  subsets: [{name: v2, labels: {version: v2}, trafficPolicy: {";
    assert_eq!(
        told(&format!("{subset}{block}}}}}]\n")),
        [format!(
            "spec.subsets[0].trafficPolicy.outlierDetection: with 1 endpoints of subset \"v2\" and {none}"
        )]
    );
}
