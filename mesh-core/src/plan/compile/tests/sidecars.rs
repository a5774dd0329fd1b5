//! What a Sidecar does for its workload (SC, MO-5).

use std::time::Duration;

use super::yaml::object;
use super::{codes, found, outbound, sidecar};
use crate::diagnostic::Code;
use crate::plan::{ListenerRoutes, OutboundMode, Plan};
use crate::route::RouteTable;

const MESH: &str = "
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: stock, namespace: store}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: price, namespace: store}
spec: {ports: [{name: http, port: 81}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: stock, namespace: store}
spec: {hosts: [stock], http: [{name: of-stock, route: [{destination: {host: stock}}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec: {template: {metadata: {labels: {app: cart, version: v1}}}}
";

fn with(name: &str, namespace: &str, spec: &str) -> String {
    object("Sidecar", &format!("{namespace}/{name}"), spec)
}

fn cart(sidecars: &str) -> Plan {
    sidecar(&format!("{MESH}{sidecars}"), "shop/Deployment/cart").plan
}

fn sees(plan: &Plan, port: u16, host: &str) -> bool {
    plan.outbound.contains_key(&port) && outbound(plan, port, host, "/").is_some()
}

/// MO-5
#[test]
fn sc_1_mo_5_which_sidecar_is_a_workloads() {
    let selected = |name: &str, host: &str| {
        with(
            name,
            "shop",
            &format!("{{workloadSelector: {{labels: {{app: cart}}}}, egress: [{{hosts: ['{host}']}}]}}"),
        )
    };
    let plain = |name: &str, namespace: &str, host: &str| {
        with(name, namespace, &format!("{{egress: [{{hosts: ['{host}']}}]}}"))
    };
    let visible = |sidecars: &str| {
        let plan = cart(sidecars);
        [sees(&plan, 80, "cart"), sees(&plan, 80, "stock.store"), sees(&plan, 81, "price.store")]
    };
    assert_eq!(visible(""), [true; 3], "without any, everything");
    let root = plain("root", "istio-system", "*/price.store.svc.cluster.local");
    assert_eq!(visible(&root), [false, false, true]);
    let own = plain("own", "shop", "store/stock.store.svc.cluster.local");
    assert_eq!(visible(&format!("{root}{own}")), [false, true, false]);
    let mine = selected("mine", "./*");
    assert_eq!(visible(&format!("{root}{own}{mine}")), [true, false, false]);
    // The oldest, which in files is the first by name.
    let second = selected("second", "store/*");
    let compiled = sidecar(&format!("{MESH}{second}{mine}"), "shop/Deployment/cart");
    assert!(sees(&compiled.plan, 80, "cart"));
    assert!(codes(&compiled.diagnostics).contains(&Code::ConflictingSidecarWorkloadSelectors));
    let zwei = plain("zwei", "shop", "./*");
    let compiled = sidecar(&format!("{MESH}{zwei}{own}"), "shop/Deployment/cart");
    assert!(sees(&compiled.plan, 80, "stock.store"));
    assert!(codes(&compiled.diagnostics).contains(&Code::MultipleSidecarsWithoutWorkloadSelectors));
}

#[test]
fn sc_2_hosts_of_an_egress_listener() {
    let scope = |hosts: &str| {
        let plan = cart(&with("a", "shop", &format!("{{egress: [{{hosts: {hosts}}}]}}")));
        [sees(&plan, 80, "cart"), sees(&plan, 80, "stock.store"), sees(&plan, 81, "price.store")]
    };
    assert_eq!(scope("['*/*']"), [true; 3]);
    assert_eq!(scope("['./*']"), [true, false, false]);
    assert_eq!(scope("['store/*']"), [false, true, true]);
    assert_eq!(scope("['*/*', '~store/price.store.svc.cluster.local']"), [true, true, false]);
    assert_eq!(scope("['~/*']"), [false; 3]);
}

fn table<'p>(plan: &'p Plan, listener: &str, port: u16) -> Option<&'p RouteTable> {
    match &plan.listeners.iter().find(|one| one.key.to_string() == listener).unwrap().routes {
        ListenerRoutes::ByAuthority => plan.outbound.get(&port).map(|table| &**table),
        ListenerRoutes::ByAuthorityOf(tables) => tables.get(&port).map(|table| &**table),
        ListenerRoutes::Table(table) => Some(table),
    }
}

/// SC-3: what is not seen is an unknown host.
#[test]
fn sc_2_sc_3_each_egress_listener_sees_its_own_hosts_and_their_rules() {
    let plan = cart(&with(
        "a",
        "shop",
        "
  egress:
  - {port: {number: 80, protocol: HTTP, name: http}, hosts: ['store/*']}
  - {port: {number: 3128, protocol: HTTP_PROXY, name: proxy}, hosts: ['store/price.store.svc.cluster.local']}
  - {hosts: ['./*']}",
    ));
    let route = |listener: &str, port: u16, host: &str| {
        let route = found(table(&plan, listener, port)?, host, "/")?;
        Some(route.name.to_string())
    };
    assert_eq!(
        route("outbound|80", 80, "stock.store").as_deref(),
        Some("of-stock"),
        "with its VirtualService"
    );
    assert_eq!(route("outbound|80", 80, "cart"), None);
    assert_eq!(route("outbound|3128", 81, "price.store").as_deref(), Some("default"));
    assert_eq!(route("outbound|3128", 80, "stock.store"), None);
    // Where nothing captures traffic, the listener of all ports finds there what that of the port would.
    assert_eq!(route("outbound|15001", 80, "stock.store").as_deref(), Some("of-stock"));
    assert_eq!(route("outbound|15001", 80, "cart"), None);
    assert_eq!(route("outbound|15001", 81, "price.store"), None, "no block has the port: the last one's");
}

#[test]
fn sc_4_unknown_hosts_by_the_sidecars_policy() {
    let mode = |policy: &str| {
        cart(&with("a", "shop", &format!("{{egress: [{{hosts: ['*/*']}}]{policy}}}"))).settings.outbound_mode
    };
    assert_eq!(mode(""), OutboundMode::AllowAny, "the mesh's");
    assert_eq!(mode(", outboundTrafficPolicy: {}"), OutboundMode::RegistryOnly, "present without mode");
    assert_eq!(mode(", outboundTrafficPolicy: {mode: ALLOW_ANY}"), OutboundMode::AllowAny);
    let proxied = |to: &str| {
        let policy = format!("{{outboundTrafficPolicy: {{mode: ALLOW_ANY, egressProxy: {to}}}}}");
        sidecar(&format!("{MESH}{}", with("a", "shop", &policy)), "shop/Deployment/cart")
    };
    let compiled = proxied("{host: stock.store.svc.cluster.local, port: {number: 80}}");
    let cluster = compiled.plan.cluster(compiled.plan.egress_proxy.unwrap()).unwrap();
    assert_eq!(&*cluster.policy.name, "outbound|80||stock.store.svc.cluster.local");
    for gone in
        ["{host: gone, port: {number: 80}}", "{host: stock.store.svc.cluster.local, port: {number: 9}}"]
    {
        let compiled = proxied(gone);
        assert!(codes(&compiled.diagnostics).contains(&Code::ReferencedResourceNotFound), "{gone}");
        assert!(compiled.plan.egress_proxy.unwrap().index().is_none(), "fails, and does not pass by");
    }
}

#[test]
fn sc_7_which_limits_hold_on_the_way_in() {
    let rule = &object(
        "DestinationRule",
        "shop/cart",
        "
  host: cart
  trafficPolicy:
    connectionPool: {tcp: {connectTimeout: 1s}}
    portLevelSettings:
    - {port: {number: 80}, loadBalancer: {simple: RANDOM}}",
    );
    let timeout = |sidecars: &str, port: u16| {
        let plan = cart(sidecars);
        plan.cluster_named(&format!("inbound|{port}||")).unwrap().policy.circuit.connect_timeout
    };
    let seconds = Duration::from_secs;
    assert_eq!(timeout("", 8080), seconds(10), "the default");
    assert_eq!(timeout(rule, 8080), seconds(1), "DR-8; a port's entry without the block leaves it");
    let port = rule.replace("loadBalancer: {simple: RANDOM}", "connectionPool: {tcp: {connectTimeout: 2s}}");
    assert_eq!(timeout(&port, 8080), seconds(2));
    let all = with("a", "shop", "{inboundConnectionPool: {tcp: {connectTimeout: 3s}}}");
    assert_eq!(timeout(&format!("{port}{all}"), 8080), seconds(3));
    let own = with(
        "a",
        "shop",
        "
  inboundConnectionPool: {tcp: {connectTimeout: 3s}}
  ingress:
  - port: {number: 8080, protocol: HTTP, name: http}
    connectionPool: {http: {http2MaxRequests: 7}}
  - port: {number: 9090, protocol: HTTP, name: other}",
    );
    assert_eq!(timeout(&format!("{port}{own}"), 8080), seconds(10), "the whole block, not its parts");
    assert_eq!(timeout(&format!("{port}{own}"), 9090), seconds(3));
    let bare = with("a", "shop", "{ingress: [{port: {number: 8080, protocol: HTTP, name: http}}]}");
    assert_eq!(timeout(&format!("{port}{bare}"), 8080), seconds(2), "by the Service that leads to the port");
}

/// SC-8
#[test]
fn sc_5_sc_8_where_listeners_stand() {
    let compiled = sidecar(
        &format!(
            "{MESH}{}",
            with(
                "a",
                "shop",
                "
  ingress:
  - {port: {number: 8080, protocol: HTTP, name: a}, bind: 127.0.0.2, defaultEndpoint: '127.0.0.1:9000'}
  egress:
  - {port: {number: 80, protocol: HTTP, name: a}, captureMode: NONE, hosts: ['*/*']}
  - {port: {number: 81, protocol: HTTP, name: b}, bind: 127.0.0.3, captureMode: NONE, hosts: ['*/*']}
  - {port: {number: 0, protocol: HTTP, name: c}, bind: 'unix:///run/out', hosts: ['*/*']}"
            )
        ),
        "shop/Deployment/cart",
    );
    let binds: Vec<(String, Option<String>)> = (compiled.plan.listeners.iter())
        .map(|one| (one.key.to_string(), one.bind.map(|ip| ip.to_string())))
        .collect();
    let expected = [
        ("outbound|80", Some("127.0.0.1".to_owned())),
        ("outbound|81", Some("127.0.0.3".to_owned())),
        ("inbound|8080", Some("127.0.0.2".to_owned())),
    ];
    assert_eq!(binds, expected.map(|(shown, bind)| (shown.to_owned(), bind)));
    let refused = compiled.diagnostics.iter().filter(|finding| finding.code == Code::NotImplemented);
    assert_eq!(refused.count(), 1, "a unix socket stands nowhere else instead");
    assert_eq!(super::addresses(&compiled.plan, "inbound|8080||"), ["127.0.0.1:9000"]);
}

/// SC-8: two listeners of one port have names of their own, and inbound ones clusters of their own.
#[test]
fn sc_5_listeners_of_one_port_on_two_addresses_stay_apart() {
    let compiled = sidecar(
        &format!(
            "{MESH}{}",
            with(
                "a",
                "shop",
                "
  ingress:
  - {port: {number: 8080, protocol: HTTP, name: a}, bind: 127.0.0.2, defaultEndpoint: '127.0.0.1:9000'}
  - {port: {number: 8080, protocol: HTTP, name: b}, bind: 127.0.0.3, defaultEndpoint: '127.0.0.1:9001'}
  egress:
  - {port: {number: 80, protocol: HTTP, name: a}, captureMode: NONE, hosts: ['*/*']}
  - {port: {number: 80, protocol: HTTP, name: b}, bind: 127.0.0.3, captureMode: NONE, hosts: ['*/*']}"
            )
        ),
        "shop/Deployment/cart",
    );
    let names: Vec<_> = compiled.plan.listeners.iter().map(|one| one.key.to_string()).collect();
    assert_eq!(names, ["outbound|80", "outbound|80|127.0.0.3", "inbound|8080", "inbound|8080|127.0.0.3"]);
    assert_eq!(super::addresses(&compiled.plan, "inbound|8080||"), ["127.0.0.1:9000"]);
    assert_eq!(super::addresses(&compiled.plan, "inbound|8080|127.0.0.3||"), ["127.0.0.1:9001"]);
}

/// The mesh's own default concerns no gRPC port either.
#[test]
fn rt_15_inbound_retries_are_for_http_and_not_for_grpc() {
    let service = object(
        "Service",
        "shop/all",
        "{selector: {app: cart}, ports: [{name: http-a, port: 1001}, {name: http2-b, port: 1002}, \
         {name: grpc-c, port: 1003}, {name: grpc-web-d, port: 1004}]}",
    );
    let attempts = |config: &str| {
        let mesh = format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\n\
             data: {{mesh: '{config}'}}\n"
        );
        let plan = cart(&format!("{service}{mesh}"));
        [1001, 1002, 1003, 1004].map(|port| {
            let name = format!("inbound|{port}");
            let listener = plan.listeners.iter().find(|one| one.key.to_string() == name).expect("a listener");
            let ListenerRoutes::Table(table) = &listener.routes else { panic!("a table") };
            found(table, "cart", "/").expect("a route").retry.attempts
        })
    };
    assert_eq!(attempts("{}"), [2, 2, 0, 0]);
    assert_eq!(attempts("{defaultInboundHttpRetryPolicy: {attempts: 6}}"), [6, 6, 0, 0]);
}
