mod large;

use std::time::Duration;

use proptest::prelude::*;

use super::decode::Decoder;
use super::istio::*;
use super::message::Decode;
use super::*;
use crate::diagnostic::{Code, Diagnostics, Level};
use crate::read::yaml;

const GOOD: &str = "\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop, labels: {a: b}}
spec:
  hosts: [reviews]
  http:
  - name: one
    match:
    - headers: {x-a: {exact: b}}
    route:
    - destination: {host: reviews}
      weight: 3
    retries: {attempts: 2, retryOn: connect-failure}
";

fn parse(text: &str) -> (Documents, Diagnostics) {
    Documents::parse([("a.yaml", text)])
}

/// Decodes a spec as if everything were implemented.
fn everything<T: Decode>(text: &str) -> T {
    let documents = yaml::parse(text);
    let mut found = Diagnostics::new();
    let source = Source::builder("test").into();
    let mut decoder = Decoder::new(source, "", Strictness::EverythingImplemented, &mut found);
    let value = T::decode(&documents[0].node, &mut decoder);
    assert!(!found.has_errors(), "{found}");
    value.unwrap()
}

#[test]
fn y_11_each_field_item_and_entry_has_its_origin() {
    let (documents, found) = parse(GOOD);
    assert!(found.is_empty(), "{found}");
    let service = &documents.virtual_services[0];
    assert_eq!(service.origin().to_string(), "a.yaml:1:1 VirtualService shop/reviews");
    let rule = &service.spec.http[0];
    let place = |origin: crate::error::Origin| (origin.line, origin.column, origin.path.to_string());
    assert_eq!(place(rule.at.origin()), (7, 5, "spec.http[0]".into()));
    assert_eq!(place(rule.route[0].at.field("weight")), (12, 15, "spec.http[0].route[0].weight".into()));
    assert_eq!(place(service.spec.at.item("hosts", 0)), (5, 11, "spec.hosts[0]".into()));
    assert_eq!(
        place(rule.r#match[0].at.entry("headers", "x-a")),
        (9, 22, "spec.http[0].match[0].headers.x-a".into())
    );
    assert_eq!(
        place(rule.at.field("timeout")),
        (7, 5, "spec.http[0].timeout".into()),
        "not written: the rule's"
    );
    assert!(rule.at.is_written("retries") && !rule.at.is_written("timeout"));
}

#[test]
fn y_11_a_spec_that_is_not_written_has_the_place_of_its_document() {
    let (_, found) = parse("a: 1\n---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\n");
    let told: Vec<String> = found.iter().filter(|one| one.is_error()).map(ToString::to_string).collect();
    let expected = "Error [IST0106] (Service default/x a.yaml:3) spec.ports: at least one port is needed";
    assert_eq!(told, [expected]);
}

#[test]
fn y_3_unset_is_not_zero() {
    let written: OutlierDetection = everything("consecutive5xxErrors: 0");
    assert_eq!(written.consecutive_5xx_errors, Some(0));
    let unset: OutlierDetection = everything("interval: 1m30s");
    assert_eq!((unset.consecutive_5xx_errors, unset.interval), (None, Some(Duration::from_secs(90))));
}

#[test]
fn y_4_null_is_unset_but_an_error_as_an_element() {
    let unset = "name: null, match: null, timeout: ~, retries: null, rewrite: {uri: null, authority: b}";
    let rule: HttpRoute = everything(&format!("{{{unset}}}"));
    assert_eq!((&*rule.name, rule.r#match.len(), rule.timeout), ("", 0, None));
    assert!(rule.retries.is_none());
    let rewrite = rule.rewrite.unwrap();
    assert_eq!((rewrite.uri, rewrite.authority.as_deref()), (None, Some("b")));
    for (good, bad, at) in [
        ("hosts: [reviews]", "hosts: [reviews, null]", "spec.hosts[1]"),
        ("- destination: {host: reviews}\n      weight: 3", "- null", "spec.http[0].route[0]"),
        ("{x-a: {exact: b}}", "{x-a: null}", "spec.http[0].match[0].headers.x-a"),
    ] {
        assert!(GOOD.contains(good), "{good}");
        let (documents, found) = parse(&GOOD.replace(good, bad));
        assert!(documents.virtual_services.is_empty(), "{bad}");
        let places: Vec<String> = found.iter().map(|one| one.origin.path.to_string()).collect();
        assert_eq!(places, [at], "{found}");
    }
}

#[test]
fn y_7_numbers_may_be_text_and_enums_numbers() {
    let pool: TcpSettings = everything("maxConnections: \"100\"");
    assert_eq!(pool.max_connections, 100);
    let balancer: LoadBalancerSettings = everything("simple: 2");
    assert_eq!(balancer.simple, Some(SimpleLb::Random));
    let hash: ConsistentHashLb = everything("{useSourceIp: true, ringHash: {minimumRingSize: \"1e3\"}}");
    assert_eq!(hash.ring_hash.unwrap().minimum_ring_size, Some(1000));
    let body: HttpBody = everything("bytes: aGk_");
    assert_eq!(body.bytes.unwrap().0, b"hi?", "the URL alphabet");
}

#[test]
fn everything_of_a_virtual_service_is_typed() {
    let service: VirtualService = everything(
        "
hosts: [a]
tls: [{match: [{sniHosts: [a], port: 443, sourceLabels: {a: b}}], route: [{destination: {host: a}}]}]
tcp: [{match: [{destinationSubnets: [10.0.0.0/8]}], route: [{destination: {host: a}, weight: 1}]}]
http:
- delegate: {name: b, namespace: c}
- corsPolicy: {allowOrigins: [{exact: x}], allowCredentials: true, maxAge: 24h, unmatchedPreflights: IGNORE}
- mirror: {host: b}
  mirrorPercent: 5
  mirror_percentage: {value: 5.5}
  fault: {delay: {percent: 5, exponentialDelay: 1s}, abort: {http2Error: x}}
",
    );
    assert_eq!(service.tls[0].r#match[0].sni_hosts, ["a"]);
    assert_eq!(service.tcp[0].route[0].weight, Some(1));
    assert_eq!(service.http[0].delegate.as_ref().unwrap().name, "b");
    let cors = service.http[1].cors_policy.as_ref().unwrap();
    assert_eq!(cors.max_age, Some(Duration::from_secs(86_400)));
    assert_eq!(cors.unmatched_preflights, UnmatchedPreflights::Ignore);
    assert_eq!(service.http[2].mirror_percentage.as_ref().unwrap().value, 5.5);
}

#[test]
fn everything_of_a_destination_rule_is_typed() {
    let rule: DestinationRule = everything(
        "
host: a
workloadSelector: {matchLabels: {app: a}}
trafficPolicy:
  tunnel: {protocol: CONNECT, targetHost: b, targetPort: 1}
  proxyProtocol: {version: V2}
  tls: {mode: MUTUAL, clientCertificate: /a, privateKey: /b}
  loadBalancer:
    consistentHash: {httpCookie: {name: c, ttl: 0s, attributes: [{name: SameSite, value: Lax}]}, maglev: {tableSize: 7}}
    localityLbSetting: {distribute: [{from: a/*, to: {b: 100}}], failover: [{from: a, to: b}], enabled: false}
    warmup: {duration: 10s, aggression: 2}
",
    );
    let policy = rule.traffic_policy.unwrap();
    assert_eq!(policy.proxy_protocol.unwrap().version, ProxyProtocolVersion::V2);
    let balancer = policy.load_balancer.unwrap();
    assert_eq!(balancer.consistent_hash.unwrap().maglev.unwrap().table_size, Some(7));
    assert_eq!(balancer.locality_lb_setting.unwrap().distribute[0].to["b"], 100);
    assert_eq!(policy.tls.unwrap().mode, ClientTlsMode::Mutual);
}

/// Y-1
#[test]
fn y_1_what_is_of_another_kind_is_not_judged() {
    let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
    for body in [
        "spec: {a: 1, a: 2}",
        "spec: !Ref x",
        "spec: {? [a] : b}",
        "spec: {<<: 1}",
        "spec: &a [*a]",
        &format!("spec: {deep}"),
        "name: {a: b}\nmetadata: [x]",
    ] {
        let foreign = format!("apiVersion: example.com/v1\nkind: Recipe\n{body}\n");
        let (documents, found) = parse(&format!("{foreign}---\n{GOOD}"));
        assert!(found.is_empty(), "{body}: {found}");
        assert_eq!(documents.virtual_services.len(), 1, "{body}");
        let items = format!("- {}\n- {}\n", foreign.trim_end(), GOOD.trim_end()).replace('\n', "\n  ");
        let items = items.replace("\n  - ap", "\n- ap").trim_end().to_owned();
        if !body.contains("&a") && !body.contains("[[") {
            let (documents, found) = parse(&format!("apiVersion: v1\nkind: List\nitems:\n{items}\n"));
            assert!(found.is_empty(), "{body}: {found}\n{items}");
            assert_eq!(documents.virtual_services.len(), 1, "{body}");
        }
        let ours = foreign.replace("example.com/v1", "networking.istio.io/v1").replace("Recipe", "Sidecar");
        assert!(parse(&ours).1.has_errors(), "{body}");
    }
    // What cannot be read might be anything.
    assert!(parse("apiVersion: example.com/v1\nkind: Recipe\nspec: [\n").1.has_errors());
}

#[test]
fn y_12_an_invalid_resource_is_dropped_alone() {
    let text = format!(
        "{GOOD}---\n{}",
        GOOD.replace("name: reviews", "name: other").replace("connect-failure", "6xx")
    );
    let (documents, found) = parse(&text);
    assert_eq!(documents.virtual_services.len(), 1);
    assert_eq!(found.len(), 1);
    assert_eq!(&*found.as_slice()[0].origin.resource, "VirtualService shop/other");
    assert_eq!(found.fail_closed(), None);
}

#[test]
fn y_9_lenient_reading_ignores_what_it_reports() {
    let text =
        GOOD.replace("    retries:", "    fault: {abort: {http2Error: x}}\n    retrys: 1\n    retries:");
    let (strict, found) = parse(&text);
    assert!(strict.virtual_services.is_empty() && found.has_errors());
    let (lenient, found) = Documents::parse_with([("a.yaml", &text)], Strictness::Lenient);
    assert_eq!(lenient.virtual_services.len(), 1);
    let fault = lenient.virtual_services[0].spec.http[0].fault.as_ref().unwrap();
    assert_eq!(fault.abort.as_ref().unwrap().http2_error, None);
    let codes: Vec<_> = found.iter().map(|finding| (finding.code, finding.level)).collect();
    // One of them is of the abort, which is left without an effect.
    let warning = |code| (code, Level::Warning);
    let expected = [
        warning(Code::SchemaWarning),
        warning(Code::SchemaWarning),
        warning(Code::NotImplemented),
        (Code::FaultWithRetries, Level::Info),
    ];
    assert_eq!(codes, expected);
}

#[test]
fn security_kinds_fail_closed_however_lenient() {
    let text =
        "apiVersion: security.istio.io/v1beta1\nkind: PeerAuthentication\nmetadata: {name: a}\nspec: {}\n";
    for text in
        [text.to_owned(), text.replace("v1beta1", "v9"), text.replace("PeerAuthentication", "PeerAuthn")]
    {
        let (_, found) = Documents::parse_with([("a.yaml", &text)], Strictness::Lenient);
        assert!(found.fail_closed().is_some(), "{text}{found}");
    }
}

#[test]
fn n_3_order_is_by_age_then_name_and_not_by_file() {
    let named = |name: &str, age: &str| GOOD.replace("name: reviews,", &format!("name: {name}, {age}"));
    let files = [
        ("1.yaml", named("c", "")),
        ("2.yaml", named("a", "creationTimestamp: \"2024-01-02T00:00:00Z\",")),
        ("3.yaml", named("z", "creationTimestamp: 2024-01-01T00:00:00Z,")),
        ("4.yaml", named("b", "creationTimestamp: null,")),
    ];
    let (documents, found) = Documents::parse(files);
    assert!(found.is_empty(), "{found}");
    let names: Vec<&str> = documents.virtual_services.iter().map(|service| &*service.meta.name).collect();
    assert_eq!(names, ["b", "c", "z", "a"]);
}

#[test]
fn n_7_findings_are_hidden_where_the_resource_asks_for_it() {
    let service = |annotation: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\n  annotations: {{{annotation}}}\nspec: {{}}\n"
        )
    };
    assert_eq!(parse(&service("")).1.len(), 1);
    assert_eq!(parse(&service("galley.istio.io/analyze-suppress: MESH0001")).1.len(), 0);
    assert_eq!(parse(&service("internal.istio.io/x: y")).1.worst(), Some(Level::Error));
    let refused = GOOD
        .replace("labels: {a: b}", "annotations: {galley.istio.io/analyze-suppress: \"*\"}")
        .replace("connect-failure", "6xx");
    assert_eq!(parse(&refused).1.len(), 1, "why a resource is rejected is never hidden");
}

#[test]
fn mc_1_the_bare_file_beats_the_config_map() {
    let map = "apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    trustDomain: map
";
    let bare = "trustDomain: bare\n";
    let domain = |documents: &Documents| documents.mesh_config.as_ref().unwrap().spec.trust_domain.clone();
    let (documents, found) = Documents::parse([("a.yaml", map)]);
    assert_eq!((domain(&documents).as_str(), found.len()), ("map", 0));
    for files in [[("a.yaml", map), ("mesh.yaml", bare)], [("conf/mesh.yaml", bare), ("x.yaml", map)]] {
        let (documents, found) = Documents::parse(files);
        assert_eq!(domain(&documents), "bare");
        assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::SchemaWarning]);
    }
}

#[test]
fn kubernetes_fields_that_we_do_not_read_are_passed_over() {
    let (documents, found) = parse(
        "apiVersion: v1
kind: Pod
metadata: {name: a, uid: x, labels: {app: a, version: v1}}
spec: {nodeName: n, hostNetwork: true, containers: [{name: c, image: i}]}
status: {podIP: 10.0.0.1, phase: Running}
",
    );
    assert!(found.is_empty(), "{found}");
    let pod = &documents.workloads[0].spec;
    assert_eq!((pod.kind.as_str(), pod.pod_ip.as_deref()), ("Pod", Some("10.0.0.1")));
    assert_eq!(pod.template.metadata.labels["version"], "v1");
}

#[test]
fn secrets_are_not_shown() {
    let secret = "apiVersion: v1
kind: Secret
metadata: {name: a}
data: {tls.key: aHVudGVyMg==}
stringData: {x: hunter2}
";
    let (documents, _) = parse(secret);
    assert_eq!(documents.secrets[0].spec.get("tls.key"), Some(&b"hunter2"[..]));
    assert!(!format!("{documents:?}").contains("hunter2"));
    assert!(!format!("{documents:?}").contains("104, 117"), "nor as numbers");
}

#[test]
fn what_code_builds_is_held_to_the_same_rules() {
    let rule = HttpRoute { timeout: Some(Duration::ZERO), ..HttpRoute::default() };
    let spec =
        VirtualService { hosts: vec!["reviews".into()], http: vec![rule], ..VirtualService::default() };
    let found = Resource::new(Metadata::new("shop", "reviews"), spec).validate();
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "Error [IST0106] (VirtualService shop/reviews <builder>) one of `route`, `redirect` and `directResponse` is needed",
            "Error [IST0106] (VirtualService shop/reviews <builder>) timeout: a duration must be at least 1ms",
        ]
    );
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn y_11_damaged_documents_are_judged_within_the_file(cut in 0..GOOD.len(), length in 0_usize..40, insert in "[-:{}\\[\\]&*\"' \n0-9a-z|~]{0,6}") {
        let mut text: String = GOOD.chars().take(cut).collect();
        text.push_str(&insert);
        text.extend(GOOD.chars().skip(cut + length));
        let lines = u32::try_from(text.lines().count()).unwrap();
        let (_, found) = parse(&text);
        for finding in &found {
            prop_assert!(finding.origin.line >= 1 && finding.origin.line <= lines + 1, "{finding:#}\n{text}");
            prop_assert!(finding.origin.column >= 1);
        }
    }

    #[test]
    fn y_3_both_spellings_mean_the_same(attempts in 1_i32..9, ms in 1_u64..100_000) {
        let camel: HttpRetry = everything(&format!("{{attempts: {attempts}, perTryTimeout: {ms}ms}}"));
        let snake: HttpRetry = everything(&format!("{{attempts: {attempts}, per_try_timeout: {ms}ms}}"));
        prop_assert_eq!(camel, snake);
    }
}
