//! What is said of mistakes, to the letter: the message, its place and what would be right.

use super::yaml::{object, service};
use super::*;

/// Findings of reading and compiling.
fn told(text: &str) -> Vec<String> {
    let (documents, mut findings) = Documents::parse([("mesh.yaml", text)]);
    findings.append(compile(&documents, &CompileOptions::default(), None).diagnostics);
    findings.sort();
    findings.iter().map(|finding| format!("{finding:#}")).collect()
}

const SHOP: &str = "---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{name: http, port: 80}, {name: grpc, port: 81}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: shop}
subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{name: http, port: 80}, {name: grpc, port: 81}]}]
";

fn rule(http: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop}}\nspec:\n  hosts: [shop]\n  \
         http:\n{http}{SHOP}"
    )
}

/// IST0112: it works, so it is no error, and what follows the hint does not send HTTP to the gRPC port.
#[test]
fn va_1_a_service_of_several_ports_may_be_named_without_one() {
    let text = rule("  - route: [{destination: {host: shop}}]\n");
    let expected = "Info [IST0112] (VirtualService default/shop mesh.yaml:7:27) spec.http[0].route[0].destination: \
                    shop.default.svc.cluster.local has ports 80, 81 and this names none: each call goes on to the \
                    port that it came for\n    hint: leave it so if callers choose the port; with `port.number` calls \
                    for all of them go to that one, whatever it speaks";
    assert_eq!(told(&text), [expected]);
    let plan = sidecar(&text, "web").plan;
    for port in [80, 81] {
        let route = outbound(&plan, port, &format!("shop:{port}"), "/").unwrap();
        assert_eq!(clusters(&plan, route)[0].0, format!("outbound|{port}||shop.default.svc.cluster.local"));
    }
}

#[test]
fn va_1_a_port_that_the_service_lacks_is_told_with_those_it_has() {
    let other = object("Service", "front", "{ports: [{name: http, port: 8080}]}");
    let text = rule("  - route: [{destination: {host: shop}}]\n").replace("hosts: [shop]", "hosts: [front]")
        + &other;
    let expected = "Error [IST0101] (VirtualService default/shop mesh.yaml:7:27) spec.http[0].route[0].destination.port: \
                    referenced host:port not found: \"shop:8080\"\n    hint: shop.default.svc.cluster.local has ports \
                    80, 81: say which by `port.number`, this rule is for calls of another";
    assert_eq!(told(&text), [expected]);
}

#[test]
fn a_host_with_rules_and_no_address_is_told_once() {
    let text = rule("  - route: [{destination: {host: shop, port: {number: 80}}}]\n")
        .replace("Endpoints", "Ignored")
        + &object("DestinationRule", "shop", "{host: shop}");
    let expected = "Warning [MESH0013] (VirtualService default/shop mesh.yaml:7:34) spec.http[0].route[0].destination.host: \
                    no document gives shop.default.svc.cluster.local an address: calls to it are answered 503\n    \
                    hint: an EndpointSlice of the Service gives addresses, or a Pod with an IP or a WorkloadEntry that \
                    it selects";
    assert_eq!(told(&text), [expected]);
    let entry = object(
        "ServiceEntry",
        "ext",
        "{hosts: [a.test], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC}",
    ) + &object("DestinationRule", "ext", "{host: a.test}");
    let expected = "no document gives a.test an address: calls to it are answered 503\n    hint: `endpoints` gives \
                    addresses, or a WorkloadEntry that the workloadSelector selects";
    assert!(told(&entry)[0].ends_with(expected), "{:?}", told(&entry));
    let by_dns = entry.replace("STATIC", "DNS");
    assert_eq!(told(&by_dns), Vec::<String>::new(), "a name server may know it");
}

#[test]
fn a_host_that_only_a_route_or_a_copy_names_and_no_address_has_is_told() {
    let told = |text: &str| -> Vec<String> {
        let told = told(text).into_iter().filter(|one| one.contains("[MESH0013]"));
        told.map(|one| one.lines().next().unwrap_or_default().to_owned()).collect()
    };
    let expected = |resource: &str, path: &str, host: &str| {
        let host = format!("{host}.default.svc.cluster.local");
        let place = format!("spec.{path}: no document gives {host} an address: calls to it are answered 503");
        (format!("Warning [MESH0013] ({resource} mesh.yaml:"), place)
    };
    let rules = "rules: [{BACKEND: [{name: bare, port: 80}]}]";
    let copied = "rules: [{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: bare, port: 80}}}], \
                  BACKEND: [{name: shop, port: 80}]}]";
    let named = "rules: [{BACKEND: [{group: networking.istio.io, kind: Hostname, name: bare.default.svc.cluster.local, port: 80}]}]";
    for kind in ["HTTPRoute", "GRPCRoute"] {
        for (rules, path) in [
            (rules, "rules[0].backendRefs[0].name"),
            (named, "rules[0].backendRefs[0].name"),
            (copied, "rules[0].filters[0].requestMirror.backendRef.name"),
        ] {
            let rules = rules.replace("BACKEND", "backendRefs");
            let parent = "parentRefs: [{group: '', kind: Service, name: shop}]";
            let text = object(kind, "r", &format!("{{{parent}, {rules}}}")) + SHOP + &service("bare");
            let found = told(&text);
            let (start, end) = expected(&format!("{kind} default/r"), path, "bare");
            assert!(
                found.len() == 1 && found[0].starts_with(&start) && found[0].ends_with(&end),
                "{found:?}"
            );
        }
    }
    let copies =
        "    mirrors: [{destination: {host: shop, port: {number: 80}}}, {destination: {host: bare}}]\n";
    for (copies, path) in [
        ("    mirror: {host: bare}\n", "http[0].mirror.host"),
        (copies, "http[0].mirrors[1].destination.host"),
    ] {
        let to = "  - route: [{destination: {host: shop, port: {number: 80}}}]\n";
        let found = told(&(rule(&format!("{to}{copies}")) + &service("bare")));
        let (start, end) = expected("VirtualService default/shop", path, "bare");
        assert!(
            found.len() == 1 && found[0].starts_with(&start) && found[0].ends_with(&end),
            "{path} {found:?}"
        );
    }
}

/// VS-5: which of them it is depends on the caller.
#[test]
fn vs_3_a_host_of_two_is_the_first_ones_that_has_a_rule_for_the_caller() {
    let of = |name: &str, only: &str| {
        object(
            "VirtualService",
            name,
            &format!("{{hosts: [a], http: [{{{only}directResponse: {{status: 200}}}}]}}"),
        )
    };
    let text = of("v1", "match: [{sourceLabels: {app: other}}], ") + &of("v2", "") + &service("a");
    let found: Vec<String> = told(&text).into_iter().filter(|one| one.contains("IST0109")).collect();
    assert_eq!(found.len(), 2);
    let expected = "host a.default.svc.cluster.local is claimed by VirtualService default/v1, VirtualService \
                    default/v2; only the first that has a rule for the caller is used\n    hint: put the rules \
                    into one VirtualService";
    assert!(found[0].ends_with(expected), "{found:?}");
}

#[test]
fn one_mistake_is_told_once() {
    let text =
        rule("  - route: [{destination: {host: shop}}]\n    retries: {attempts: two, perTryTimeout: 1s}\n");
    let expected = "Error [IST0106] (VirtualService default/shop mesh.yaml:8:25) spec.http[0].retries.attempts: must be a \
                    whole number, not the text two";
    assert_eq!(told(&text), [expected]);
    let text = rule(
        "  - match: [{headers: {end-user: jason}}]\n    route: [{destination: {host: shop}}]\n  - route: \
         [{destination: {host: shop}}]\n",
    );
    let expected = "Error [IST0106] (VirtualService default/shop mesh.yaml:7:34) spec.http[0].match[0].headers.end-user: \
                    must be an object, not the text jason\n    hint: write `end-user: {exact: jason}`, or `prefix` or \
                    `regex` for `exact`";
    assert_eq!(told(&text), [expected], "and not that the first rule takes all");
    let entry = object(
        "ServiceEntry",
        "ext",
        "{hosts: [a.test], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATICK, endpoints: [{address: 10.0.0.1}]}",
    );
    let found = told(&entry);
    assert!(found.len() == 1 && found[0].ends_with("hint: did you mean `STATIC`?"), "{found:?}");
}

#[test]
fn a_value_in_place_of_an_object_is_told_how_to_write_it() {
    let fault = "    fault: {delay: {fixedDelay: 1s, percentage: 100}}\n";
    for (line, hint) in [
        ("    retries: 3\n", "write `retries: {attempts: 3}`"),
        (fault, "write `percentage: {value: 100}`"),
        ("    mirrorPercentage: 50%\n", "write `mirrorPercentage: {value: 50}`"),
        ("    rewrite: /a\n", "write `rewrite: {uri: /a}`"),
    ] {
        let text = rule(&format!("  - route: [{{destination: {{host: shop}}}}]\n{line}"));
        let found = told(&text);
        assert!(found.len() == 1 && found[0].ends_with(&format!("\n    hint: {hint}")), "{found:?}");
    }
    let port = rule("  - route: [{destination: {host: shop, port: 80}}]\n");
    assert!(told(&port)[0].ends_with("hint: write `port: {number: 80}`"), "{:?}", told(&port));
}

#[test]
fn a_field_at_the_wrong_indent_is_told_where_it_belongs() {
    let deeper = rule("  - route:\n    - destination:\n      host: shop\n");
    let expected = "Error [IST0106] (VirtualService default/shop mesh.yaml:9:7) spec.http[0].route[0].host: unknown \
                    field `host`\n    hint: `host` is a field of `destination`: indent it below that";
    assert_eq!(told(&deeper), [expected]);
    let less = rule("  - route:\n    - destination: {host: shop}\n      timeout: 1s\n");
    let expected = "Error [IST0106] (VirtualService default/shop mesh.yaml:9:7) spec.http[0].route[0].timeout: unknown \
                    field `timeout`\n    hint: `timeout` is a field of `spec.http[0]`: indent it less";
    assert_eq!(told(&less), [expected]);
}

#[test]
fn what_is_missing_is_told_with_what_would_describe_it() {
    let text = rule("  - route: [{destination: {host: nowhere.test}}]\n");
    let expected = "Error [IST0101] (VirtualService default/shop mesh.yaml:7:34) spec.http[0].route[0].destination.host: \
                    referenced host not found: \"nowhere.test\"\n    hint: a Service or a ServiceEntry describes a host; \
                    none here describes nowhere.test";
    assert_eq!(told(&text), [expected]);
    let route = "  - route: [{destination: {host: shop, port: {number: 80}}}]\n";
    let text = rule(route).replace("  http:\n", "  gateways: [mesh, public]\n  http:\n");
    let expected = "Error [IST0101] (VirtualService default/shop mesh.yaml:6:20) spec.gateways[1]: referenced gateway not \
                    found: \"public\"\n    hint: no document is the Gateway default/public; for calls inside the mesh the \
                    name is `mesh`, or leave `gateways` out";
    assert_eq!(told(&text), [expected]);
    let elsewhere = object(
        "Gateway",
        "edge/public",
        "{selector: {a: b}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
    );
    let found = told(&(text + &elsewhere));
    assert!(found[0].ends_with("hint: write edge/public for the one of that namespace"), "{found:?}");
    let rule = object("DestinationRule", "ghost", "{host: ghost}");
    assert!(told(&rule)[0].ends_with("hint: a Service or a ServiceEntry describes a host"));
}

#[test]
fn weights_and_delays_that_may_not_do_what_was_meant_are_told() {
    let to = "{destination: {host: shop, port: {number: 80}}, weight: 10}";
    let text = rule(&format!(
        "  - route: [{to}, {to}]\n    timeout: 3s\n    fault: {{delay: {{fixedDelay: 7s, percentage: {{value: 100}}}}}}\n"
    ));
    let weights = "Info [MESH0014] (VirtualService default/shop mesh.yaml:7:12) spec.http[0].route: the weights add up to \
                   20, not to 100: each is a share of their sum";
    let delay = "Warning [MESH0015] (VirtualService default/shop mesh.yaml:9:33) spec.http[0].fault.delay.fixedDelay: the \
                 delay of 7s is longer than the rule's timeout of 3s, which begins after it: no call times out because of \
                 it\n    hint: to see callers time out, delay a service that this one calls, or give the timeout to the \
                 rule that calls this one";
    assert_eq!(told(&text), [delay, weights]);
    let to = "  - route:\n    - {destination: {host: shop, port: {number: 80}}, weight: 90}\n    - destination: {host: shop, port: {number: 81}}\n";
    let none = "Info [MESH0014] (VirtualService default/shop mesh.yaml:9:7) spec.http[0].route[1]: the weights add up to \
                90, not to 100: each is a share of their sum\n    hint: `host shop` has no weight and gets no requests";
    assert_eq!(told(&rule(to)), [none]);
}

#[test]
fn p_6_pods_without_metadata_are_told_of_where_they_stand() {
    let deployment = |spec: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  selector: {{}}\n{spec}"
        )
    };
    let found = |place: &str| {
        format!(
            "Info [MESH0001] (Deployment default/web mesh.yaml:{place}: pods have no label app and version"
        )
    };
    let template = "  template:\n    spec: {containers: []}\n";
    assert_eq!(told(&deployment(template)), [found("7:5) spec.template.metadata.labels")]);
    assert_eq!(told(&deployment("")), [found("1:1) labels")], "without a template it is the whole");
}

#[test]
fn y_1_a_mesh_config_in_a_file_of_another_name_is_told_where_it_belongs() {
    let expected = "Warning [IST0133] (foo.yaml:1:1) kind: `kind` is missing: skipped\n    hint: a mesh config without \
                    a kind stands in a file named mesh.yaml";
    let told = |text: &str| {
        let (_, findings) = Documents::parse([("foo.yaml", text)]);
        findings.iter().map(|finding| format!("{finding:#}")).collect::<Vec<_>>()
    };
    assert_eq!(told("accessLogFile: /dev/stdout\n"), [expected]);
    assert!(told("replicas: 3\n")[0].ends_with("hint: a resource begins with `apiVersion` and `kind`"));
}

#[test]
fn an_istio_operator_is_told_what_of_it_is_read() {
    let text = "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {name: a}\nspec: {profile: demo}\n";
    let expected = "Warning [IST0133] (IstioOperator default/a mesh.yaml:2:7) kind: an IstioOperator is not read: it says \
                    how to install Istio\n    hint: its `spec.meshConfig` is read from a file named mesh.yaml";
    assert_eq!(told(text), [expected]);
}
