//! Several resources about one thing: which holds, and what is joined (MO).

use super::{codes, found, gateway, outbound, sidecar};
use crate::api::Documents;
use crate::diagnostic::{Code, Diagnostics};
use crate::plan::{Listener, ListenerProtocol, ListenerRoutes, OutboundMode, Plan};

const SERVICES: &str = "
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
";

/// A resource of `networking.istio.io`, made on the first of January of `year`.
fn made(kind: &str, year: u32, name: &str, namespace: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}, \
         creationTimestamp: '{year}-01-01T00:00:00Z'}}\nspec: {spec}\n"
    )
}

fn listener(plan: &Plan, port: u16) -> &Listener {
    plan.listeners.iter().find(|listener| listener.port == port).expect("the listener exists")
}

/// The names say the opposite of the ages, and the files the opposite of both in turn.
#[test]
fn mo_1_the_oldest_rules_of_a_mesh_host_and_all_rules_at_a_gateway() {
    let rules = |name: &str, year: u32| {
        let spec = format!(
            "{{hosts: [api.default.svc.cluster.local], gateways: [mesh, edge], http: [\
             {{name: {name}, match: [{{uri: {{prefix: /{name}}}}}], route: [{{destination: {{host: api}}}}]}}]}}"
        );
        made("VirtualService", year, name, "default", &spec)
    };
    let edge = made(
        "Gateway",
        2020,
        "edge",
        "default",
        "{selector: {app: edge}, servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}]}",
    );
    let (first, second, third) = (rules("z", 2021), rules("m", 2022), rules("a", 2023));
    for files in [[&first, &second, &third], [&third, &first, &second], [&second, &third, &first]] {
        let text = format!("{SERVICES}{edge}{}{}{}", files[0], files[1], files[2]);
        let plan = sidecar(&text, "client").plan;
        let at = |path| outbound(&plan, 80, "api", path).map(|route| route.name.to_string());
        assert_eq!((at("/z"), at("/m"), at("/a")), (Some("z".into()), None, None), "only the oldest");

        let plan = gateway(&text, "edge").plan;
        let ListenerRoutes::Table(table) = &listener(&plan, 8080).routes else { panic!("a table") };
        let host = table.host("api.default.svc.cluster.local").unwrap();
        let names: Vec<_> = host.routes.iter().map(|route| route.name.to_string()).collect();
        assert_eq!(names, ["z", "m", "a"]);
        assert!(found(table, "api.default.svc.cluster.local", "/a").is_some());
    }
}

/// Each step decides before the next is asked.
#[test]
fn mo_2_destination_rules_by_namespace_then_host_then_age() {
    let full = "api.shop.svc.cluster.local";
    let wild = "\"*.shop.svc.cluster.local\"";
    let rule = |year: u32, name: &str, namespace: &str, host: &str, most: u32, subset: &str| {
        let spec = format!(
            "{{host: {host}, trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: {most}}}}}}}, \
             subsets: [{{name: {subset}, labels: {{}}}}]}}"
        );
        made("DestinationRule", year, name, namespace, &spec)
    };
    // The one who calls is of `default`, the service of `shop`.
    let own_wild = rule(2025, "z", "default", wild, 1, "own-wild");
    let own_young = rule(2024, "a", "default", full, 2, "young");
    let own_old = rule(2023, "b", "default", full, 3, "old");
    let of_service = rule(2020, "a", "shop", full, 4, "service");
    let of_root = rule(2020, "a", "istio-system", full, 5, "root");
    let chosen = |rules: &[&String]| {
        let text = rules.iter().fold(SERVICES.to_owned(), |text, rule| text + rule);
        let plan = sidecar(&text, "client").plan;
        let subsets = ["own-wild", "young", "old", "service", "root"];
        let known = subsets
            .into_iter()
            .filter(|subset| plan.cluster_named(&format!("outbound|80|{subset}|{full}")).is_some());
        let cluster = plan.cluster_named(&format!("outbound|80||{full}")).unwrap();
        (cluster.policy.circuit.max_connections, known.collect::<Vec<_>>())
    };
    let all = [&own_wild, &own_young, &own_old, &of_service, &of_root];
    assert_eq!(chosen(&all), (3, vec!["young", "old"]), "namespace, host; both subsets, the older's policy");
    assert_eq!(chosen(&[&own_young, &own_wild]), (2, vec!["young"]), "the specific host");
    assert_eq!(chosen(&[&of_service, &own_wild]), (1, vec!["own-wild"]), "the namespace before the host");
    assert_eq!(chosen(&[&of_root, &of_service]), (4, vec!["service"]));
    assert_eq!(chosen(&[&of_root]), (5, vec!["root"]));
}

#[test]
fn mo_4_the_older_gateway_has_a_port_and_a_server_that_conflicts_is_skipped() {
    let tls = "tls: {mode: SIMPLE, serverCertificate: /c, privateKey: /k}";
    let old = made(
        "Gateway",
        2020,
        "z",
        "default",
        "{selector: {app: edge}, servers: [{port: {number: 8443, name: http, protocol: HTTP}, hosts: [old.test]}]}",
    );
    let young = made(
        "Gateway",
        2021,
        "a",
        "default",
        &format!(
            "{{selector: {{app: edge}}, servers: [\
             {{port: {{number: 8443, name: https, protocol: HTTPS}}, hosts: [young.test], {tls}}}, \
             {{port: {{number: 9443, name: more, protocol: HTTPS}}, hosts: [young.test], {tls}}}]}}"
        ),
    );
    for text in [format!("{old}{young}"), format!("{young}{old}")] {
        let compiled = gateway(&text, "edge");
        let plan = &compiled.plan;
        assert_eq!(listener(plan, 8443).protocol, ListenerProtocol::Http, "the older one's");
        assert_eq!(&*listener(plan, 8443).origin.resource, "Gateway default/z");
        assert!(
            matches!(listener(plan, 9443).protocol, ListenerProtocol::Https(_)),
            "its other server serves"
        );
        assert_eq!(plan.listeners.len(), 2);
        let skipped: Vec<_> =
            compiled.diagnostics.iter().filter(|one| one.code == Code::ConflictingGateways).collect();
        let [skipped] = skipped[..] else { panic!("{:#}", compiled.diagnostics) };
        assert_eq!(&*skipped.origin.resource, "Gateway default/a");
        assert_eq!(&*skipped.origin.path, "spec.servers[0].port.protocol");
    }
}

/// Of the kinds that MO-5 is about, Sidecar is implemented; the others are refused, never half heard.
#[test]
fn mo_5_the_oldest_sidecar_without_selector_holds() {
    let of = |name: &str, year: u32, namespace: &str, mode: &str| {
        made("Sidecar", year, name, namespace, &format!("{{outboundTrafficPolicy: {{mode: {mode}}}}}"))
    };
    for namespace in ["default", "istio-system"] {
        let mode = |old: &str, young: &str| {
            let (old, young) = (of("z", 2020, namespace, old), of("a", 2021, namespace, young));
            let modes = [format!("{old}{young}"), format!("{young}{old}")]
                .map(|text| sidecar(&text, "client").plan.settings.outbound_mode);
            assert_eq!(modes[0], modes[1], "whichever file comes first");
            modes[0]
        };
        assert_eq!(mode("REGISTRY_ONLY", "ALLOW_ANY"), OutboundMode::RegistryOnly, "{namespace}");
        assert_eq!(mode("ALLOW_ANY", "REGISTRY_ONLY"), OutboundMode::AllowAny, "{namespace}");
    }
    let refused = |kind: &str, api: &str| {
        let text = format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{}}\n");
        let (_, found): (Documents, Diagnostics) = Documents::parse([("a.yaml", &*text)]);
        codes(&found)
    };
    assert_eq!(refused("PeerAuthentication", "security.istio.io/v1"), [Code::NotImplemented]);
    assert_eq!(refused("Telemetry", "telemetry.istio.io/v1"), [Code::NotImplemented]);
}
