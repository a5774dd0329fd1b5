//! Rules, references and findings (VS, VA, DR, IST0101).

use super::yaml::{object, service};
use super::{addresses, clusters, codes, outbound, sidecar};
use crate::api::Documents;
use crate::diagnostic::{Code, Level};
use crate::endpoint::ClusterId;
use crate::plan::compile::compile;
use crate::route::Action;

const SERVICE: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {ports: [{name: http, port: 9080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-1, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
ports: [{name: http, port: 9080}]
endpoints:
- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: r1}}
- {addresses: [10.0.0.2], targetRef: {kind: Pod, name: r2}}
---
apiVersion: v1
kind: Pod
metadata: {name: r1, labels: {app: reviews, version: v1}}
---
apiVersion: v1
kind: Pod
metadata: {name: r2, labels: {app: reviews, version: v2}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy:
    loadBalancer: {simple: ROUND_ROBIN}
    connectionPool: {tcp: {maxConnections: 7}, http: {http2MaxRequests: 9}}
  subsets:
  - {name: v1, labels: {version: v1}}
  - name: v2
    labels: {version: v2}
    trafficPolicy: {loadBalancer: {simple: RANDOM}}
"#;

fn with(rules: &str) -> String {
    format!("{SERVICE}{rules}")
}

#[test]
fn dr_5_dr_6_subsets_have_their_endpoints_and_policy() {
    let plan = sidecar(SERVICE, "nobody").plan;
    let v2 = "outbound|9080|v2|reviews.default.svc.cluster.local";
    assert_eq!(addresses(&plan, v2), ["10.0.0.2:9080"]);
    let policy = &plan.cluster_named(v2).unwrap().policy;
    assert_eq!(format!("{:?}", policy.balance), "Random");
    assert_eq!((policy.circuit.max_connections, policy.circuit.max_requests), (7, 9));
    let whole = &plan.cluster_named("outbound|9080||reviews.default.svc.cluster.local").unwrap().policy;
    assert_eq!(format!("{:?}", whole.balance), "RoundRobin");
}

/// MO-2
#[test]
fn dr_2_own_namespace_beats_the_services_and_specific_beats_wildcard() {
    let rule = |name: &str, namespace: &str, host: &str, most: u32| {
        let pool = format!("{{connectionPool: {{tcp: {{maxConnections: {most}}}}}}}");
        let spec = format!("{{host: \"{host}\", trafficPolicy: {pool}}}");
        object("DestinationRule", &format!("{namespace}/{name}"), &spec)
    };
    let service = service("srv/a");
    let limit = |rules: &[String], workload: &str| {
        let plan = sidecar(&format!("{service}{}", rules.concat()), workload).plan;
        let cluster = plan.cluster_named("outbound|80||a.srv.svc.cluster.local").unwrap();
        cluster.policy.circuit.max_connections
    };
    let full = "a.srv.svc.cluster.local";
    let all = [
        rule("root", "istio-system", full, 1),
        rule("service", "srv", "a", 2),
        rule("client", "cli", full, 3),
        rule("wild", "cli", "*.srv.svc.cluster.local", 4),
        rule("stranger", "else", full, 5),
    ];
    assert_eq!(limit(&all, "cli/me"), 3);
    assert_eq!(limit(&all[3..], "cli/me"), 4);
    assert_eq!(limit(&all, "third/me"), 2);
    assert_eq!(limit(&[all[0].clone(), all[4].clone()], "third/me"), 1);
}

#[test]
fn dr_3_rules_of_one_host_are_merged() {
    let more = &object(
        "DestinationRule",
        "z-more",
        "
  host: reviews.default.svc.cluster.local
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 99}}}
  subsets: [{name: all, labels: {app: reviews}}, {name: v1, labels: {version: v9}}]",
    );
    let plan = sidecar(&with(more), "nobody").plan;
    let all = "outbound|9080|all|reviews.default.svc.cluster.local";
    assert_eq!(addresses(&plan, all).len(), 2);
    assert_eq!(plan.cluster_named(all).unwrap().policy.circuit.max_connections, 7, "the first policy whole");
    assert_eq!(addresses(&plan, "outbound|9080|v1|reviews.default.svc.cluster.local"), ["10.0.0.1:9080"]);
}

#[test]
fn vs_5_va_2_rules_in_order_and_unknown_subsets() {
    let compiled = sidecar(
        &with(&object(
            "VirtualService",
            "reviews",
            "
  hosts: [reviews]
  http:
  - name: new
    match: [{name: path, uri: {prefix: /new}}]
    rewrite: {uri: /old}
    route: [{destination: {host: reviews, subset: v22}}]
  - route: [{destination: {host: reviews, subset: v1}}]",
        )),
        "nobody",
    );
    let plan = &compiled.plan;
    let route = outbound(plan, 9080, "reviews", "/new/1").unwrap();
    assert_eq!(&*route.name, "new.path", "VS-9");
    let Action::Forward(forward) = &route.action else { panic!("forward") };
    assert_eq!(forward.destinations()[0].cluster, ClusterId::UNKNOWN);
    assert_eq!(
        clusters(plan, outbound(plan, 9080, "reviews", "/x").unwrap())[0].0,
        "outbound|9080|v1|reviews.default.svc.cluster.local"
    );
    assert_eq!(codes(&compiled.diagnostics)[0], Code::ReferencedResourceNotFound);
    let finding = &compiled.diagnostics.as_slice()[0];
    assert_eq!(finding.level, Level::Error);
    assert_eq!(finding.origin.path.as_ref(), "spec.http[0].route[0].destination.subset");
    assert!(finding.origin.line > 0 && finding.message.contains("reviews+v22"));
    let hint = finding.hint.as_deref().unwrap();
    assert!(hint.contains("defined in DestinationRule default/reviews (mesh.yaml:"), "{hint}");
    assert!(hint.contains("v1, v2; did you mean v2?"), "{hint}");
}

#[test]
fn va_2_an_unknown_host_is_named_with_what_was_meant() {
    let compiled = sidecar(
        &with(&object(
            "VirtualService",
            "reviews",
            "{hosts: [reviews], http: [{route: [{destination: {host: revews}}]}]}",
        )),
        "nobody",
    );
    let finding = &compiled.diagnostics.as_slice()[0];
    assert_eq!(finding.hint.as_deref(), Some("did you mean reviews.default.svc.cluster.local?"));
    assert!(clusters(&compiled.plan, outbound(&compiled.plan, 9080, "reviews", "/").unwrap())[0].0 == "-");
}

#[test]
fn vs_8_static_conditions_are_settled_here() {
    let text = with(&object(
        "VirtualService",
        "reviews",
        "
  hosts: [reviews]
  http:
  - {name: port, match: [{port: 1234}], route: [{destination: {host: reviews, subset: v1}}]}
  - {name: label, match: [{sourceLabels: {app: web}}], route: [{destination: {host: reviews, subset: v2}}]}
  - {name: gw, match: [{gateways: [edge]}], route: [{destination: {host: reviews, subset: v1}}]}
  - {name: rest, route: [{destination: {host: reviews}}]}",
    ));
    let names = |workload: &str| -> Vec<String> {
        let plan = sidecar(&text, workload).plan;
        let host = plan.outbound[&9080].host("reviews").unwrap();
        host.routes.iter().map(|route| route.name.to_string()).collect()
    };
    assert_eq!(names("web"), ["label"], "nothing is left for the rest (VS-3)");
    assert_eq!(names("other"), ["rest"]);
}

/// MO-1
#[test]
fn vs_3_vs_4_the_oldest_has_the_host_and_wildcards_yield() {
    let service = |name: &str, host: &str, route: &str| {
        let to = "[{destination: {host: reviews}}]";
        let spec = format!("{{hosts: [\"{host}\"], http: [{{name: {route}, route: {to}}}]}}");
        object("VirtualService", name, &spec)
    };
    let wild = service("a-wild", "*.default.svc.cluster.local", "wild");
    let first = service("b", "reviews", "first");
    let second = service("c", "reviews.default.svc.cluster.local", "second");
    let compiled = sidecar(&format!("{SERVICE}{second}{first}{wild}"), "nobody");
    assert_eq!(&*outbound(&compiled.plan, 9080, "reviews", "/").unwrap().name, "first");
    let conflicts: Vec<_> = compiled
        .diagnostics
        .iter()
        .filter(|finding| finding.code == Code::ConflictingMeshGatewayVirtualServiceHosts)
        .collect();
    assert_eq!(conflicts.len(), 2, "on all of them");
    let only = sidecar(&format!("{SERVICE}{wild}"), "nobody");
    assert_eq!(&*outbound(&only.plan, 9080, "reviews", "/").unwrap().name, "wild");
}

#[test]
fn va_1_a_service_of_several_ports_needs_one_named() {
    let compiled = sidecar(
        &(object("Service", "a", "{ports: [{name: http-a, port: 80}, {name: http-b, port: 81}]}")
            + &object("VirtualService", "a", "{hosts: [a], http: [{route: [{destination: {host: a}}]}]}")),
        "nobody",
    );
    let code = Code::VirtualServiceDestinationPortSelectorRequired;
    assert_eq!(compiled.diagnostics.iter().filter(|finding| finding.code == code).count(), 1);
    let route = outbound(&compiled.plan, 81, "a:81", "/").unwrap();
    assert_eq!(clusters(&compiled.plan, route)[0].0, "outbound|81||a.default.svc.cluster.local");
}

#[test]
fn an_4_gateways_and_rules_that_lead_nowhere_are_told() {
    let compiled = sidecar(
        &with(
            &(object(
                "VirtualService",
                "reviews",
                "{hosts: [reviews], gateways: [mesh, nowhere], http: [{route: [{destination: {host: reviews}}]}]}",
            ) + &object(
                "DestinationRule",
                "ghost",
                "
  host: ghost
  subsets: [{name: v1, labels: {version: v1}}]",
            ) + &object(
                "DestinationRule",
                "z-reviews",
                "
  host: reviews
  trafficPolicy:
    outlierDetection: {interval: 1s}
    portLevelSettings: [{port: {number: 9080}, loadBalancer: {simple: RANDOM}}]
  subsets: [{name: v7, labels: {version: v7}}]",
            )),
        ),
        "nobody",
    );
    let found = codes(&compiled.diagnostics);
    for code in [
        Code::ReferencedResourceNotFound,
        Code::UnknownDestinationRuleHost,
        Code::DestinationRuleSubsetNotSelectPods,
        Code::PolicyLosesParentSettings,
        Code::OutlierDetectionNeverEjects,
    ] {
        assert!(found.contains(&code), "{code} is missing from {:#}", compiled.diagnostics);
    }
}

#[test]
fn h_6_a_host_that_only_rules_know_stands_on_port_80() {
    let compiled = sidecar(
        &with(&object(
            "VirtualService",
            "alias",
            "{hosts: [alias.example.com], http: [{name: alias, route: [{destination: {host: reviews}}]}]}",
        )),
        "nobody",
    );
    assert_eq!(&*outbound(&compiled.plan, 80, "alias.example.com", "/").unwrap().name, "alias");
}

#[test]
fn mc_1_the_mesh_config_changes_the_defaults() {
    let compiled = sidecar(
        &with(
            "---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    connectTimeout: 3s
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
    accessLogFile: /dev/stdout
    trustDomain: example.org
    defaultHttpRetryPolicy: {attempts: 5, retryOn: reset}
",
        ),
        "nobody",
    );
    let plan = &compiled.plan;
    assert_eq!(plan.workload.trust_domain, "example.org");
    assert!(plan.settings.access_log.is_some());
    assert_eq!(outbound(plan, 9080, "reviews", "/").unwrap().retry.attempts, 5);
    let cluster = plan.cluster_named("outbound|9080||reviews.default.svc.cluster.local").unwrap();
    assert_eq!(cluster.policy.circuit.connect_timeout.as_secs(), 3);
}

#[test]
fn dr_4_a_rule_with_a_selector_is_for_its_workloads_and_wins_there() {
    let selected = &object(
        "DestinationRule",
        "z-selected",
        "
  host: reviews
  workloadSelector: {matchLabels: {app: web}}
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 3}}}",
    );
    let limit = |workload: &str| {
        let plan = sidecar(&with(selected), workload).plan;
        let name = "outbound|9080||reviews.default.svc.cluster.local";
        plan.cluster_named(name).unwrap().policy.circuit.max_connections
    };
    assert_eq!((limit("web"), limit("api"), limit("other/web")), (3, 7, 7));
}

#[test]
fn vs_4_what_is_nearer_has_the_host() {
    let service = |name: &str, namespace: &str, export: &str| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n\
             metadata: {{name: {name}, namespace: {namespace}}}\n\
             spec: {{hosts: [reviews.default.svc.cluster.local], exportTo: [\"{export}\"], http: [{{name: {name}, \
             route: [{{destination: {{host: reviews.default.svc.cluster.local}}}}]}}]}}\n"
        )
    };
    // By creation order, which is the names', each would win over the next.
    let all = [
        service("a-public", "other", "*"),
        service("b-exported", "other", "shop"),
        service("c-private", "shop", "."),
        service("0-hidden", "other", "."),
    ];
    let chosen = |rules: &[String], workload: &str| {
        let plan = sidecar(&format!("{SERVICE}{}", rules.concat()), workload).plan;
        outbound(&plan, 9080, "reviews.default", "/").unwrap().name.to_string()
    };
    assert_eq!(chosen(&all, "shop/web"), "c-private");
    assert_eq!(chosen(&[all[0].clone(), all[1].clone(), all[3].clone()], "shop/web"), "b-exported");
    assert_eq!(chosen(&all, "third/web"), "a-public");
    assert_eq!(chosen(&all[3..], "third/web"), "default");
}

#[test]
fn vs_2_a_host_may_be_an_address() {
    let compiled = sidecar(
        &with(&object(
            "VirtualService",
            "address",
            "{hosts: [10.9.8.7, 'fd00::7'], http: [{name: address, route: [{destination: {host: reviews}}]}]}",
        )),
        "nobody",
    );
    assert_eq!(&*outbound(&compiled.plan, 80, "10.9.8.7", "/").unwrap().name, "address");
    for authority in ["[fd00::7]", "[fd00::7]:80"] {
        let route = outbound(&compiled.plan, 80, authority, "/");
        assert_eq!(&*route.expect("an IPv6 address has brackets").name, "address", "{authority}");
    }
}

/// VA-8: once, as the warning that it is; 0 is not written at all.
#[test]
fn va_8_another_3xx_drops_the_rule_and_is_told_once() {
    let told = |code: u32| {
        let yaml = SERVICE.to_owned()
            + &object(
                "VirtualService",
                "reviews",
                &format!("{{hosts: [reviews], http: [{{redirect: {{uri: /x, redirectCode: {code}}}}}]}}"),
            );
        let (documents, mut told) = Documents::parse([("mesh.yaml", yaml)]);
        let compiled = compile(&documents, &super::options("nobody"), None);
        told.extend(compiled.diagnostics.iter().cloned());
        let told = told.iter().filter(|one| one.code != Code::ReferencedResourceNotFound);
        let told: Vec<_> = told.map(|one| (one.code, one.level)).collect();
        // The host stays its own: what the rule was for goes nowhere else.
        assert!(compiled.plan.outbound[&9080].host("reviews").is_some());
        (told, outbound(&compiled.plan, 9080, "reviews", "/").is_some())
    };
    let warning = (Code::SchemaWarning, Level::Warning);
    assert_eq!(told(304), (vec![warning], false));
    assert_eq!(told(0), (vec![], true));
}

/// DR-3: rules that are not exported alike stay apart, and a client uses the first that it sees, whole.
#[test]
fn dr_3_rules_exported_differently_are_not_merged() {
    let rule = |name: &str, to: &str, subset: &str| {
        let full = "a.srv.svc.cluster.local";
        let spec =
            format!("{{host: {full}, exportTo: ['{to}'], subsets: [{{name: {subset}, labels: {{v: x}}}}]}}");
        object("DestinationRule", &format!("srv/{name}"), &spec)
    };
    let subsets = |client: &str, rules: &[String]| {
        let plan = sidecar(&format!("{}{}", service("srv/a"), rules.concat()), client).plan;
        ["v1", "v2"].map(|subset| {
            plan.cluster_named(&format!("outbound|80|{subset}|a.srv.svc.cluster.local")).is_some()
        })
    };
    let apart = [rule("a", "*", "v1"), rule("b", ".", "v2")];
    assert_eq!(subsets("srv/me", &apart), [true, false], "the first that is visible");
    assert_eq!(subsets("cli/me", &apart), [true, false]);
    let other = [rule("a", ".", "v1"), rule("b", "*", "v2")];
    assert_eq!(subsets("srv/me", &other), [true, false]);
    assert_eq!(subsets("cli/me", &other), [false, true], "the first is not for it");
    assert_eq!(
        subsets("cli/me", &[rule("a", "*", "v1"), rule("b", "*", "v2")]),
        [true, true],
        "alike: merged"
    );
}

/// DR-2: a client in the root namespace has its own rules only where they are for that namespace alone.
#[test]
fn dr_2_the_root_namespace_is_a_clients_own_for_private_rules_only() {
    let rule = |name: &str, more: &str, most: u32| {
        let pool = format!("{{connectionPool: {{tcp: {{maxConnections: {most}}}}}}}");
        let spec = format!("{{host: a.srv.svc.cluster.local, {more}trafficPolicy: {pool}}}");
        object("DestinationRule", name, &spec)
    };
    let limit = |rules: &[String]| {
        let plan = sidecar(&format!("{}{}", service("srv/a"), rules.concat()), "istio-system/me").plan;
        plan.cluster_named("outbound|80||a.srv.svc.cluster.local").unwrap().policy.circuit.max_connections
    };
    let of_service = rule("srv/a", "", 2);
    assert_eq!(limit(&[rule("istio-system/a", "exportTo: ['.'], ", 1), of_service.clone()]), 1);
    assert_eq!(
        limit(&[rule("istio-system/a", "", 1), of_service]),
        2,
        "one for all comes last, as for others"
    );
}

/// VA-1: of a service with one port that port is meant, whatever port the request was for.
#[test]
fn va_1_the_only_port_of_a_service_needs_no_name() {
    let compiled = sidecar(
        &(object("Service", "a", "{ports: [{name: http-a, port: 80}, {name: http-b, port: 81}]}")
            + &object("Service", "b", "{ports: [{name: http, port: 9000}]}")
            + &object("VirtualService", "a", "{hosts: [a], http: [{route: [{destination: {host: b}}]}]}")),
        "nobody",
    );
    let code = Code::VirtualServiceDestinationPortSelectorRequired;
    assert!(!codes(&compiled.diagnostics).contains(&code));
    for port in [80, 81] {
        let route = outbound(&compiled.plan, port, &format!("a:{port}"), "/").unwrap();
        assert_eq!(clusters(&compiled.plan, route)[0].0, "outbound|9000||b.default.svc.cluster.local");
    }
}
