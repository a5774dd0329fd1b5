//! How endpoints are picked: by name (LB-1), by hash (LB-5 to LB-8, RT-7).

use std::time::Duration;

use super::{CompileOptions, compile, documents, options, outbound, sidecar};
use crate::api::Documents;
use crate::balance::{BalancePolicy, HashCookie, HashHeader, HashSource};
use crate::diagnostic::{Code, Level};
use crate::plan::{Discovery, Plan};
use crate::route::{Action, Forward};

/// Service `api` with two subsets, a DestinationRule with this policy, and these rules for `http`.
fn world(balancer: &str, http: &str) -> String {
    let rules = if http.is_empty() {
        String::new()
    } else {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: api}}\nspec:\n  \
             hosts: [api]\n  http:\n{http}\n"
        )
    };
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: api}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: api}}\nspec:\n  host: api\n  \
         trafficPolicy: {{loadBalancer: {balancer}}}\n  \
         subsets: [{{name: v1, labels: {{v: v1}}}}, {{name: v2, labels: {{v: v2}}}}]\n{rules}"
    )
}

fn hash(settings: &str) -> String {
    format!("{{consistentHash: {settings}}}")
}

fn balance(plan: &Plan) -> BalancePolicy {
    plan.cluster_named("outbound|80||api.default.svc.cluster.local").unwrap().policy.balance
}

fn forward(plan: &Plan) -> Forward {
    match &outbound(plan, 80, "api", "/").unwrap().action {
        Action::Forward(forward) => forward.clone(),
        other => panic!("{other:?}"),
    }
}

fn sources(settings: &str, http: &str) -> Vec<HashSource> {
    let forward = forward(&sidecar(&world(&hash(settings), http), "web").plan);
    forward.hash.map(|hash| hash.sources().to_vec()).unwrap_or_default()
}

fn header() -> HashSource {
    HashSource::Header(HashHeader::new("x-user").unwrap())
}

#[test]
fn lb_7_lb_8_the_algorithm_and_its_size() {
    for (settings, expected) in [
        ("{httpHeaderName: x}", BalancePolicy::RingHash { minimum: 1_024 }),
        ("{httpHeaderName: x, ringHash: {}}", BalancePolicy::RingHash { minimum: 1_024 }),
        ("{httpHeaderName: x, ringHash: {minimumRingSize: 0}}", BalancePolicy::RingHash { minimum: 1_024 }),
        ("{httpHeaderName: x, ringHash: {minimumRingSize: 7}}", BalancePolicy::RingHash { minimum: 7 }),
        ("{httpHeaderName: x, minimumRingSize: 9}", BalancePolicy::RingHash { minimum: 9 }),
        ("{httpHeaderName: x, maglev: {tableSize: 101}}", BalancePolicy::Maglev { size: 101 }),
    ] {
        assert_eq!(balance(&sidecar(&world(&hash(settings), ""), "web").plan), expected, "{settings}");
    }
}

#[test]
fn lb_7_the_old_ring_size_warns_and_counts() {
    let text = world(&hash("{httpHeaderName: x, minimumRingSize: 9}"), "");
    let (_, diagnostics) = Documents::parse([("mesh.yaml", text.as_str())]);
    let found: Vec<_> = diagnostics.iter().map(|one| (one.code, one.level)).collect();
    assert_eq!(found, [(Code::Deprecated, Level::Warning)]);
}

#[test]
fn lb_5_each_kind_of_key_reaches_the_route() {
    assert_eq!(sources("{httpHeaderName: X-User}", ""), [header()]);
    assert_eq!(sources("{useSourceIp: true}", ""), [HashSource::SourceIp]);
    assert_eq!(sources("{useSourceIp: false}", ""), []);
    assert_eq!(sources("{httpQueryParameterName: id}", ""), [HashSource::QueryParameter("id".into())]);
    let cookie = "{httpCookie: {name: u, path: /p, ttl: 60s, attributes: [{name: SameSite, value: Lax}]}}";
    let expected = HashCookie {
        name: "u".into(),
        path: "/p".into(),
        ttl: Some(Duration::from_secs(60)),
        attributes: vec![("SameSite".into(), "Lax".into())],
    };
    assert_eq!(sources(cookie, ""), [HashSource::Cookie(expected)]);
    let session = sources("{httpCookie: {name: u, ttl: 0s}}", "");
    assert!(matches!(&session[..], [HashSource::Cookie(cookie)] if cookie.ttl == Some(Duration::ZERO)));
    let unset = sources("{httpCookie: {name: u}}", "");
    assert!(matches!(&unset[..], [HashSource::Cookie(cookie)] if cookie.ttl.is_none()));
}

#[test]
fn lb_5_a_route_has_the_keys_of_all_its_destinations() {
    let to = |parts: &[(&str, u32)]| {
        let part = |(subset, weight): &(&str, u32)| {
            format!("    - {{destination: {{host: api, subset: {subset}}}, weight: {weight}}}\n")
        };
        format!("  - route:\n{}", parts.iter().map(part).collect::<String>())
    };
    let settings = "{httpHeaderName: x-user}";
    assert_eq!(sources(settings, &to(&[("v1", 0)])), [header()]);
    assert_eq!(sources(settings, &to(&[("v1", 90), ("v2", 10)])), [header(), header()]);
    assert_eq!(sources(settings, &to(&[("v1", 100), ("v2", 0)])), [header()]);
    let simple = sidecar(&world("{simple: RANDOM}", &to(&[("v1", 90), ("v2", 10)])), "web").plan;
    assert!(forward(&simple).hash.is_none() && forward(&simple).sticky.is_none());
}

#[test]
fn wish_22_all_rules_of_a_resource_choose_alike_but_not_under_istio_runtime() {
    let split = "route: [{destination: {host: api, subset: v1}, weight: 90}, {destination: {host: api, subset: v2}, weight: 10}]";
    let http = format!("  - match: [{{uri: {{prefix: /a}}}}]\n    {split}\n  - {split}");
    let text = world(&hash("{httpHeaderName: x-user}"), &http);
    let salts = |options: &CompileOptions| {
        let plan = compile(&documents(&text), options, None).plan;
        ["/a", "/b"].map(|path| match &outbound(&plan, 80, "api", path).unwrap().action {
            Action::Forward(forward) => forward.sticky,
            other => panic!("{other:?}"),
        })
    };
    let [one, other] = salts(&options("web"));
    assert!(one.is_some());
    assert_eq!(one, other);
    assert_eq!(salts(&CompileOptions { istio_runtime: true, ..options("web") }), [None, None]);
}

#[test]
fn rt_7_a_retry_stays_with_the_host_of_its_key_unless_told() {
    let avoids = |balancer: &str, http: &str, more: &str| {
        let text = format!("{}{more}", world(balancer, http));
        let plan = sidecar(&text, "web").plan;
        outbound(&plan, 80, "api", "/").unwrap().retry.avoid_previous_hosts
    };
    let hashed = hash("{httpHeaderName: x}");
    let lone = "  - route: [{destination: {host: api}}]";
    let retries = |more: &str| format!("{lone}\n    retries: {{attempts: 2{more}}}");
    assert!(!avoids(&hashed, lone, ""));
    assert!(!avoids(&hashed, &retries(""), ""));
    assert!(avoids(&hashed, &retries(", retryIgnorePreviousHosts: true"), ""));
    assert!(!avoids("{simple: RANDOM}", &retries(", retryIgnorePreviousHosts: false"), ""));
    assert!(avoids("{simple: RANDOM}", &retries(""), ""));
    assert!(avoids("{simple: RANDOM}", lone, ""));
    // Istio looks at the key of a rule's only destination; elsewhere RT-6 holds.
    assert!(avoids(&hashed, "", ""));
    let two = "  - route: [{destination: {host: api, subset: v1}, weight: 1}, {destination: {host: api, subset: v2}, weight: 1}]";
    assert!(avoids(&hashed, two, ""));
    let mesh = |value: &str| {
        format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\ndata:\n  \
             mesh: 'defaultHttpRetryPolicy: {{attempts: 1{value}}}'\n"
        )
    };
    assert!(!avoids(&hashed, lone, &mesh("")));
    assert!(avoids(&hashed, lone, &mesh(", retryIgnorePreviousHosts: true")));
}

#[test]
fn lb_1_simple_names_and_what_they_stand_for() {
    for (simple, expected) in [
        ("UNSPECIFIED", BalancePolicy::LeastRequest),
        ("LEAST_CONN", BalancePolicy::LeastRequest),
        ("LEAST_REQUEST", BalancePolicy::LeastRequest),
        ("ROUND_ROBIN", BalancePolicy::RoundRobin),
        ("RANDOM", BalancePolicy::Random),
        ("PASSTHROUGH", BalancePolicy::Passthrough),
    ] {
        let plan = sidecar(&world(&format!("{{simple: {simple}}}"), ""), "web").plan;
        assert_eq!(balance(&plan), expected, "{simple}");
        let node = plan.cluster_named("outbound|80||api.default.svc.cluster.local").unwrap();
        assert_eq!(matches!(node.discovery, Discovery::Authority), simple == "PASSTHROUGH", "{simple}");
    }
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: api}\nspec: {ports: [{name: http, port: 80}]}\n";
    assert_eq!(balance(&sidecar(service, "web").plan), BalancePolicy::LeastRequest);
}
