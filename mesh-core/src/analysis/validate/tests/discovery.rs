//! Refused documents, rule by rule: each document has one mistake, and each mistake its place.

use crate::api::Documents;
use crate::diagnostic::Level;

/// The findings of at least this level, without the place.
fn found(text: &str, level: Level) -> Vec<String> {
    let (_, findings) = Documents::parse([("mesh.yaml", text)]);
    let bad = findings.iter().filter(|finding| finding.level <= level);
    bad.map(|finding| format!("{} {} {}", finding.code, finding.origin.path, finding.message)).collect()
}

/// That each `spec` is refused at this path for a reason with these words.
fn refused(head: &str, cases: &[(&str, &str, &str)]) {
    for (spec, path, words) in cases {
        let text = format!("{head}\nspec: {spec}\n");
        let errors = found(&text, Level::Error);
        let [error] = errors.as_slice() else { panic!("{spec}: {errors:#?}") };
        assert!(error.contains(&format!("IST0106 {path} ")) && error.contains(words), "{spec}: {error}");
    }
}

fn accepted(head: &str, cases: &[&str]) {
    for spec in cases {
        let errors = found(&format!("{head}\nspec: {spec}\n"), Level::Error);
        assert!(errors.is_empty(), "{spec}: {errors:#?}");
    }
}

const ENTRY: &str = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: a}";
const HTTP: &str = "ports: [{number: 80, name: http, protocol: HTTP}]";

/// SE-5
#[test]
fn se_4_se_5_service_entries() {
    let with = |rest: &str| format!("{{hosts: [a.example.com], {HTTP}, {rest}}}");
    accepted(
        ENTRY,
        &[
            &with("resolution: DNS"),
            &with("resolution: NONE, addresses: [10.0.0.0/8]"),
            &with("resolution: STATIC, addresses: [10.0.0.0/8], endpoints: [{address: 10.0.0.1}]"),
            &with("resolution: STATIC, endpoints: [{address: 'unix:///run/a'}]"),
            &with(
                "resolution: DNS, endpoints: [{address: b.example.com}, {address: 10.0.0.1, ports: {http: 81}}]",
            ),
            &with("resolution: DNS_ROUND_ROBIN, endpoints: [{address: b.example.com}]"),
            &format!(
                "{{hosts: ['*.example.com'], {HTTP}, resolution: DYNAMIC_DNS, location: MESH_EXTERNAL}}"
            ),
            &format!(
                "{{hosts: ['*.example.com'], {HTTP}, resolution: DNS, endpoints: [{{address: b.example.com}}]}}"
            ),
        ],
    );
    let two = "resolution: STATIC, endpoints: [{address: 10.0.0.1}]";
    refused(
        ENTRY,
        &[
            (&format!("{{{HTTP}, resolution: DNS}}"), "spec", "`hosts` is needed"),
            (&format!("{{hosts: ['*'], {HTTP}}}"), "spec.hosts[0]", "alone"),
            (
                "{hosts: [a.b], resolution: DNS, ports: [{number: 80, name: a, protocol: HTTP}, {number: 81, name: a, protocol: HTTP}]}",
                "spec.ports[1].name",
                "twice",
            ),
            (
                "{hosts: [a.b], resolution: DNS, ports: [{number: 80, name: a, protocol: HTTP}, {number: 80, name: b, protocol: HTTP}]}",
                "spec.ports[1].number",
                "twice",
            ),
            (
                "{hosts: [a.b], resolution: DNS, ports: [{number: 80, name: A_, protocol: HTTP}]}",
                "spec.ports[0].name",
                "label",
            ),
            (
                "{hosts: [a.b], resolution: DNS, ports: [{number: 80, name: a, protocol: HTP}]}",
                "spec.ports[0].protocol",
                "protocol",
            ),
            (&with("resolution: DNS, addresses: [10.0.0.0/8]"), "spec.addresses[0]", "NONE or STATIC"),
            (&with("resolution: NONE, endpoints: [{address: 10.0.0.1}]"), "spec.endpoints", "NONE"),
            (
                &with("resolution: STATIC, endpoints: [{address: b.c}]"),
                "spec.endpoints[0].address",
                "IP address",
            ),
            (&format!("{{hosts: ['*.b'], {HTTP}, resolution: DNS}}"), "spec.hosts[0]", "wildcard"),
            (
                &with("resolution: DNS, endpoints: [{address: 'b c'}]"),
                "spec.endpoints[0].address",
                "neither a DNS name",
            ),
            (
                &with("resolution: DNS, endpoints: [{address: 'unix:///run/a'}]"),
                "spec.endpoints[0].address",
                "not found by DNS",
            ),
            (
                &with("resolution: DNS_ROUND_ROBIN, endpoints: [{address: b.c}, {address: d.e}]"),
                "spec.endpoints[1]",
                "one endpoint at most",
            ),
            (
                "{hosts: [a.b, c.d], resolution: DNS, addresses: [10.0.0.1], ports: [{number: 80, name: a, protocol: TCP}]}",
                "spec.ports[0]",
                "told apart",
            ),
            (
                &format!("{{hosts: [a.b], {HTTP}, resolution: DYNAMIC_DNS}}"),
                "spec.hosts[0]",
                "wildcard hosts",
            ),
            (
                &format!("{{hosts: ['*.b'], {HTTP}, resolution: DYNAMIC_DNS, addresses: [10.0.0.1]}}"),
                "spec.addresses",
                "cannot have",
            ),
            (
                &format!(
                    "{{hosts: ['*.b'], {HTTP}, resolution: DYNAMIC_DNS, endpoints: [{{address: 10.0.0.1}}]}}"
                ),
                "spec.endpoints",
                "cannot have",
            ),
            (
                "{hosts: ['*.b'], resolution: DYNAMIC_DNS, ports: [{number: 443, name: https, protocol: HTTPS}]}",
                "spec.ports[0]",
                "cannot tell hosts apart",
            ),
            (
                &with("resolution: STATIC, endpoints: [{address: 10.0.0.1, ports: {web: 1}}]"),
                "spec.endpoints[0].ports.web",
                "no port named",
            ),
            (
                &with("resolution: STATIC, endpoints: [{address: 'unix:///run/a', ports: {http: 1}}]"),
                "spec.endpoints[0].ports",
                "unix endpoint has no ports",
            ),
            (
                "{hosts: [a.b], resolution: STATIC, endpoints: [{address: 'unix:///run/a'}], ports: [{number: 80, name: a, protocol: HTTP}, {number: 81, name: b, protocol: HTTP}]}",
                "spec.endpoints[0].address",
                "exactly one port",
            ),
            (
                &with(&format!("{two}, workloadSelector: {{labels: {{app: a}}}}")),
                "spec.workloadSelector",
                "excludes `endpoints`",
            ),
        ],
    );
    let tcp = format!(
        "{ENTRY}\nspec: {{hosts: [a.b], resolution: DNS, ports: [{{number: 80, name: a, protocol: TCP}}]}}"
    );
    let warnings = found(&tcp, Level::Warning);
    assert!(warnings[0].starts_with("IST0134 spec.ports[0]"), "SE-5, SE-11: {warnings:?}");
}

#[test]
fn n_4_export_lists() {
    let with = |list: &str| format!("{{hosts: [a.b], {HTTP}, resolution: DNS, exportTo: {list}}}");
    accepted(ENTRY, &[&with("['*']"), &with("['.']"), &with("['~']"), &with("[other, '.']"), &with("[]")]);
    refused(
        ENTRY,
        &[
            (&with("[a, a]"), "spec.exportTo[1]", "twice"),
            (&with("['.', default]"), "spec.exportTo[1]", "twice"),
            (&with("[a, '*']"), "spec.exportTo[1]", "excludes"),
            (&with("['~', a]"), "spec.exportTo[0]", "excludes"),
            (&with("[A_b]"), "spec.exportTo[0]", "neither a namespace"),
        ],
    );
    let service = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}";
    let rule = "{hosts: [a], exportTo: ['~'], http: [{route: [{destination: {host: a}}]}]}";
    refused(service, &[(rule, "spec.exportTo[0]", "neither a namespace")]);
}

const SIDECAR: &str = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a}";

/// SC-4, SC-5, SC-6
#[test]
fn sc_2_sc_4_sc_5_sc_6_sidecars() {
    let ingress =
        |rest: &str| format!("{{ingress: [{{port: {{number: 80, protocol: HTTP, name: a}}, {rest}}}]}}");
    accepted(
        SIDECAR,
        &[
            "{egress: [{hosts: ['./*', 'b/*.example.com', '~c/*']}]}",
            "{egress: [{hosts: ['~/*']}]}",
            "{egress: [{hosts: ['~/*', './*']}]}",
            "{outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: out, port: {number: 80}}}}",
            &ingress("defaultEndpoint: '127.0.0.1:1'"),
            &ingress("defaultEndpoint: '[::1]:1'"),
            &ingress("defaultEndpoint: '0.0.0.0:1'"),
            &ingress("defaultEndpoint: '[::]:1'"),
            &ingress("defaultEndpoint: 'unix:///run/app'"),
        ],
    );
    refused(
        SIDECAR,
        &[
            ("{}", "spec", "must say something"),
            ("{egress: [{hosts: ['a.example.com']}]}", "spec.egress[0].hosts[0]", "no namespace"),
            ("{egress: [{hosts: ['./*']}, {hosts: ['b/*']}]}", "spec.egress[0]", "only the last"),
            (
                "{egress: [{hosts: ['./*']}, {port: {number: 80, protocol: HTTP, name: a}, hosts: ['b/*']}]}",
                "spec.egress[0]",
                "only the last",
            ),
            (
                "{outboundTrafficPolicy: {egressProxy: {host: out, port: {number: 80}}}}",
                "spec.outboundTrafficPolicy.egressProxy",
                "refused",
            ),
            (
                "{outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: out}}}",
                "spec.outboundTrafficPolicy.egressProxy",
                "needs a `port`",
            ),
            (
                &ingress("defaultEndpoint: '10.0.0.1:1'"),
                "spec.ingress[0].defaultEndpoint",
                "not the application's",
            ),
            (
                &ingress("defaultEndpoint: 'localhost'"),
                "spec.ingress[0].defaultEndpoint",
                "not the application's",
            ),
        ],
    );
}

#[test]
fn n_6_selectors_take_whole_labels() {
    refused(
        SIDECAR,
        &[
            (
                "{workloadSelector: {labels: {app: 'a*'}}, egress: [{hosts: ['./*']}]}",
                "spec.workloadSelector.labels.app",
                "whole labels",
            ),
            (
                "{workloadSelector: {labels: {'': a}}, egress: [{hosts: ['./*']}]}",
                "spec.workloadSelector.labels[\"\"]",
                "whole labels",
            ),
        ],
    );
    let text =
        format!("{SIDECAR}\nspec: {{workloadSelector: {{labels: {{}}}}, egress: [{{hosts: ['./*']}}]}}\n");
    assert!(found(&text, Level::Warning)[0].starts_with("IST0166"), "a selector without labels is told of");
}

#[test]
fn n_1_names_of_resources() {
    let named = |kind: &str, name: &str| {
        let spec = match kind {
            "Gateway" => "{servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
            _ => "{hosts: [a], http: [{route: [{destination: {host: a}}]}]}",
        };
        found(
            &format!(
                "apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
            ),
            Level::Error,
        )
    };
    assert!(named("VirtualService", "a.b").is_empty());
    assert!(named("VirtualService", "a_b")[0].contains("metadata.name"));
    assert!(named("Gateway", "a-b").is_empty());
    assert!(named("Gateway", "a.b")[0].contains("metadata.name"), "a Gateway's is a label");
    let long = format!("{}.b", "a".repeat(64));
    assert!(named("VirtualService", &long).is_empty(), "only the whole name has a bound");
    assert!(named("VirtualService", &"a".repeat(253)).is_empty());
    assert_eq!(named("VirtualService", &"a".repeat(254)).len(), 1);
    assert_eq!(named("VirtualService", "a..b").len(), 1);
    assert_eq!(named("Gateway", &"a".repeat(64)).len(), 1);
}

#[test]
fn n_1_labels_and_annotations_are_as_kubernetes_takes_them() {
    let with = |metadata: &str| {
        let service = format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a, {metadata}}}");
        found(&format!("{service}\nspec: {{ports: [{{port: 80}}]}}\n"), Level::Error)
    };
    for good in [
        "labels: {app.kubernetes.io/name: a, b: '', c_D.e-1: X_y.z}",
        "annotations: {Example.com/Note: 'anything at all'}",
    ] {
        assert!(with(good).is_empty(), "{good}: {:?}", with(good));
    }
    let long = "a".repeat(64);
    for (bad, path) in [
        ("labels: {'': a}", "metadata.labels[\"\"]"),
        ("labels: {a: b c}", "metadata.labels.a"),
        ("labels: {a: -b}", "metadata.labels.a"),
        ("labels: {a/b/c: d}", "metadata.labels[\"a/b/c\"]"),
        ("labels: {/b: d}", "metadata.labels[\"/b\"]"),
        ("labels: {A/b: d}", "metadata.labels[\"A/b\"]"),
        (&format!("labels: {{a: {long}}}"), "metadata.labels.a"),
        (&format!("labels: {{{long}: a}}"), &format!("metadata.labels.{long}")),
        ("annotations: {a b: c}", "metadata.annotations[\"a b\"]"),
    ] {
        let told = with(bad);
        assert_eq!(told.len(), 1, "{bad}: {told:?}");
        assert!(told[0].starts_with(&format!("IST0106 {path} ")), "{bad}: {told:?}");
    }
}

/// SE-1, SE-2
#[test]
fn se_1_se_2_services_and_endpoints_are_as_kubernetes_takes_them() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}";
    refused(
        service,
        &[
            ("{selector: {a: b}}", "spec.ports", "at least one port"),
            ("{ports: [{port: '80'}]}", "spec.ports[0].port", "whole number"),
            (
                "{ports: [{port: 80, target_port: 81}, {name: b, port: 81}]}",
                "spec.ports[0]",
                "needs a `name`",
            ),
            ("{ports: [{name: a, port: 80}, {name: b, port: 80}]}", "spec.ports[1].port", "already"),
            ("{ports: [{port: 80, targetPort: 0}]}", "spec.ports[0].targetPort", "1 to 65535"),
            ("{ports: [{port: 80, targetPort: '8080'}]}", "spec.ports[0].targetPort", "name of a port"),
            ("{ports: [{port: 80, targetPort: a--b}]}", "spec.ports[0].targetPort", "name of a port"),
            ("{ports: [{port: 80, appProtocol: a b}]}", "spec.ports[0].appProtocol", "protocol"),
            ("{type: Cluster, ports: [{port: 80}]}", "spec.type", "type of Service"),
            ("{clusterIP: a, ports: [{port: 80}]}", "spec.clusterIP", "IP address"),
            ("{selector: {a: b c}, ports: [{port: 80}]}", "spec.selector.a", "value of a label"),
            ("{type: ExternalName, externalName: A_b}", "spec.externalName", "DNS name"),
        ],
    );
    accepted(
        service,
        &[
            "{clusterIP: None, selector: {a: b}}",
            "{ports: [{name: a, port: 80}, {name: b, port: 80, protocol: UDP}]}",
            "{ports: [{port: 80, targetPort: http-2, appProtocol: kubernetes.io/h2c}]}",
            "{type: ExternalName, externalName: a.test.}",
        ],
    );
    let slice = |rest: &str| {
        let head = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a}\n";
        found(&format!("{head}{rest}\n"), Level::Error).len()
    };
    let endpoint = "endpoints: [{addresses: [10.0.0.1]}]";
    assert_eq!(slice(&format!("addressType: IPv4\n{endpoint}\nports: [{{name: '', port: 80}}]")), 0);
    assert_eq!(slice(&format!("addressType: IPv6\n{endpoint}")), 1);
    assert_eq!(slice("addressType: IPv4\nendpoints: [{addresses: ['::1']}]"), 1);
    assert_eq!(slice(&format!("addressType: IPv4\n{endpoint}\nports: [{{name: a}}, {{name: a}}]")), 1);
    assert_eq!(slice(&format!("addressType: IPv4\n{endpoint}\nports: [{{name: A}}]")), 1);
}

#[test]
fn n_7_annotations_of_users() {
    let with = |annotation: &str| {
        let head = SIDECAR.replace("name: a", &format!("name: a, annotations: {{{annotation}}}"));
        found(&format!("{head}\nspec: {{egress: [{{hosts: ['./*']}}]}}\n"), Level::Error)
    };
    assert!(with("example.com/note: x").is_empty());
    assert_eq!(with("internal.istio.io/parents: x").len(), 1);
    assert_eq!(with("istio.io/dry-run: 'true'").len(), 1, "only on an AuthorizationPolicy");
}

#[test]
fn y_8_two_of_what_excludes_each_other() {
    let rule = |rest: &str| format!("{{hosts: [a], http: [{{{rest}}}]}}");
    let to = "route: [{destination: {host: a}}]";
    let service = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}";
    let rules = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}";
    let balancer = |rest: &str| format!("{{host: a, trafficPolicy: {{loadBalancer: {{{rest}}}}}}}");
    accepted(service, &[&rule(&format!("match: [{{uri: {{exact: /a}}}}], {to}"))]);
    let cases = [
        (service, rule(&format!("match: [{{uri: {{exact: /a, prefix: /}}}}], {to}"))),
        (service, rule(&format!("fault: {{abort: {{httpStatus: 500, grpcStatus: UNKNOWN}}}}, {to}"))),
        (service, rule("redirect: {port: 80, derivePort: FROM_PROTOCOL_DEFAULT}")),
        (rules, balancer("simple: RANDOM, consistentHash: {httpHeaderName: a}")),
        (rules, balancer("consistentHash: {httpHeaderName: a, useSourceIp: true}")),
    ];
    for (head, spec) in cases {
        let errors = found(&format!("{head}\nspec: {spec}\n"), Level::Error);
        assert!(errors.iter().any(|error| error.starts_with("IST0106 ")), "{spec}: {errors:#?}");
    }
}
