//! The Gateway API near the edge of valid: each mistake is refused, once and at its place, and what only looks
//! odd is not (GA).

use super::*;

fn errors_of(kind: &str, spec: &str) -> Vec<String> {
    let text = format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n"
    );
    let (documents, found) = Documents::parse([("a.yaml", text)]);
    let mut told = found;
    told.append(
        compile(&documents, &CompileOptions { gateway: true, ..CompileOptions::default() }, None).diagnostics,
    );
    let errors =
        told.iter().filter(|finding| finding.is_error() && finding.code != Code::ReferencedResourceNotFound);
    errors
        .map(|finding| {
            assert!(finding.origin.line > 0, "{finding}");
            format!("{}: {}", finding.origin.path, finding.message)
        })
        .collect()
}

/// Each spec is refused by one finding, which begins with this path.
fn refused(kind: &str, cases: &[(&str, &str)]) {
    for (spec, path) in cases {
        let told = errors_of(kind, spec);
        assert_eq!(told.len(), 1, "{kind} {spec}: {told:?}");
        assert!(told[0].starts_with(&format!("spec{path}: ")), "{kind} {spec}: {told:?}");
    }
}

fn accepted(kind: &str, cases: &[&str]) {
    for spec in cases {
        assert_eq!(errors_of(kind, spec), [""; 0], "{kind} {spec}");
    }
}

/// The same of both kinds of routes.
#[test]
fn ga_1_parents_and_hosts_of_routes() {
    let many = |one: &str, count| vec![one; count].join(", ");
    for kind in ["HTTPRoute", "GRPCRoute"] {
        refused(
            kind,
            &[
                ("{parentRefs: [{group: gateway.networking.k8s.io}]}", ".parentRefs[0]"),
                ("{parentRefs: [{name: ''}]}", ".parentRefs[0]"),
                (&format!("{{parentRefs: [{{name: {}}}]}}", "a".repeat(254)), ".parentRefs[0].name"),
                ("{parentRefs: [{name: a, group: A_B}]}", ".parentRefs[0].group"),
                ("{parentRefs: [{name: a, kind: ''}]}", ".parentRefs[0].kind"),
                ("{parentRefs: [{name: a, kind: a.b}]}", ".parentRefs[0].kind"),
                ("{parentRefs: [{name: a, namespace: a.b}]}", ".parentRefs[0].namespace"),
                ("{parentRefs: [{name: a, sectionName: ''}]}", ".parentRefs[0].sectionName"),
                ("{parentRefs: [{name: a, sectionName: a_b}]}", ".parentRefs[0].sectionName"),
                ("{parentRefs: [{name: a, port: 0}]}", ".parentRefs[0].port"),
                ("{parentRefs: [{name: a, port: '80'}]}", ".parentRefs[0].port"),
                ("{parentRefs: [{name: a, section_name: b}]}", ".parentRefs[0].section_name"),
                ("{parentRefs: [{name: a}, {name: a}]}", ".parentRefs[1]"),
                ("{parentRefs: [{name: a}, {name: a, kind: Gateway}]}", ".parentRefs[1]"),
                ("{parentRefs: [{name: a}, {name: a, port: 80}]}", ".parentRefs[1]"),
                ("{parentRefs: [{name: a, sectionName: b}, {name: a, port: 80}]}", ".parentRefs[1]"),
                ("{parentRefs: [{name: a, port: 80}, {name: a, port: 80}]}", ".parentRefs[1]"),
                ("{hostnames: ['*']}", ".hostnames[0]"),
                ("{hostnames: ['']}", ".hostnames[0]"),
                ("{hostnames: [a.test, ns/*]}", ".hostnames[1]"),
                ("{hostnames: [A.test]}", ".hostnames[0]"),
                ("{hostnames: [a_b.test]}", ".hostnames[0]"),
                ("{hostnames: ['a.*.test']}", ".hostnames[0]"),
                (&format!("{{hostnames: [{}]}}", many("a", 17)), ".hostnames"),
                ("{rules: [{name: A}]}", ".rules[0].name"),
                ("{rules: [{name: a}, {name: a}]}", ".rules[1].name"),
                (&format!("{{rules: [{}]}}", many("{}", 17)), ".rules"),
            ],
        );
        accepted(
            kind,
            &[
                "{}",
                "{parentRefs: [{name: a}, {name: a, namespace: default}]}",
                "{parentRefs: [{name: a, sectionName: b}, {name: a, sectionName: c}]}",
                "{parentRefs: [{name: a, sectionName: b, port: 80}, {name: a, sectionName: b, port: 81}]}",
                "{parentRefs: [{name: 'A b/c'}]}",
                "{hostnames: [a, a, '*.b', 1.2.3.4]}",
                &format!("{{hostnames: [{}.test]}}", "a".repeat(64)),
                "{useDefaultGateways: None}",
            ],
        );
    }
    refused("HTTPRoute", &[("{rules: []}", ".rules"), ("{useDefaultGateways: Some}", ".useDefaultGateways")]);
    accepted("GRPCRoute", &["{rules: []}"]);
}

#[test]
fn ga_3_matches() {
    let http = |rest: &str| format!("{{rules: [{{matches: [{{{rest}}}]}}]}}");
    let grpc = |rest: &str| http(&format!("method: {{{rest}}}"));
    for (rest, path) in [
        ("path: {value: a}", ".path.value"),
        ("path: {value: ''}", ".path.value"),
        ("path: {value: /a//b}", ".path.value"),
        ("path: {value: /a/..}", ".path.value"),
        ("path: {value: /a%2Fb}", ".path.value"),
        ("path: {value: /a b}", ".path.value"),
        ("path: {value: /ä}", ".path.value"),
        ("path: {value: /%4}", ".path.value"),
        ("path: {type: 1}", ".path.type"),
        ("method: get", ".method"),
        ("headers: [{name: a b, value: c}]", ".headers[0].name"),
        ("headers: [{name: a}]", ".headers[0].value"),
        ("headers: [{name: a, value: ' b'}]", ".headers[0].value"),
        ("headers: [{name: a, value: b  c}]", ".headers[0].value"),
        ("headers: [{name: a, value: b}, {name: a, value: c}]", ".headers[1].name"),
        ("queryParams: [{name: 'a[]', value: c}]", ".queryParams[0].name"),
        ("queryParams: [{name: a, value: ''}]", ".queryParams[0].value"),
        ("queryParams: [{name: a, value: b}, {name: a, value: c}]", ".queryParams[1].name"),
    ] {
        refused("HTTPRoute", &[(&http(rest), &format!(".rules[0].matches[0]{path}"))]);
    }
    for rest in [
        "path: {type: RegularExpression, value: 'a b'}",
        "path: {value: /a%20b/}",
        "headers: [{name: a, value: b}, {name: A, value: c}]",
        "queryParams: [{name: a, value: ' b'}]",
    ] {
        accepted("HTTPRoute", &[&http(rest)]);
    }
    for (rest, path) in [
        ("", ""),
        ("service: a/b", ".service"),
        ("service: ''", ".service"),
        ("method: a.b", ".method"),
        ("method: 1a", ".method"),
    ] {
        refused("GRPCRoute", &[(&grpc(rest), &format!(".rules[0].matches[0].method{path}"))]);
    }
    accepted(
        "GRPCRoute",
        &[
            &grpc("service: .a.b_c"),
            &grpc("type: RegularExpression, service: ''"),
            &http("headers: [{name: a, value: ' b'}]"),
        ],
    );
    let matches = |count: usize| vec!["{method: GET}"; count].join(", ");
    let rule = |count: usize| format!("{{matches: [{}]}}", matches(count));
    refused(
        "HTTPRoute",
        &[
            (&format!("{{rules: [{}]}}", rule(65)), ".rules[0].matches"),
            (&format!("{{rules: [{}, {}, {{}}]}}", rule(64), rule(64)), ".rules"),
        ],
    );
    accepted("HTTPRoute", &[&format!("{{rules: [{}, {}]}}", rule(64), rule(64))]);
}

#[test]
fn ga_6_destinations_and_grants() {
    for (rest, path) in [
        ("{port: 80}", ""),
        ("{name: a}", ""),
        ("{name: a, group: '', kind: Service}", ""),
        ("{name: a, port: 65536}", ".port"),
        ("{name: a, port: 80, weight: -1}", ".weight"),
        ("{name: a, port: 80, weight: 1000001}", ".weight"),
        ("{name: a, port: 80, namespace: A}", ".namespace"),
        ("{name: a, port: 80, kind: 1a}", ".kind"),
    ] {
        for kind in ["HTTPRoute", "GRPCRoute"] {
            let spec = format!("{{rules: [{{backendRefs: [{rest}]}}]}}");
            refused(kind, &[(&spec, &format!(".rules[0].backendRefs[0]{path}"))]);
        }
    }
    let grant = |from: &str, to: &str| format!("{{from: [{from}], to: [{to}]}}");
    let (from, to) = ("{group: a.b, kind: C, namespace: d}", "{group: '', kind: Secret}");
    refused(
        "ReferenceGrant",
        &[
            (&grant("", to), ".from"),
            (&grant(from, ""), ".to"),
            (&grant("{kind: C, namespace: d}", to), ".from[0]"),
            (&grant("{group: a.b, namespace: d}", to), ".from[0]"),
            (&grant("{group: a.b, kind: C}", to), ".from[0]"),
            (&grant("{group: a/b, kind: C, namespace: d}", to), ".from[0].group"),
            (&grant("{group: a.b, kind: '*', namespace: d}", to), ".from[0].kind"),
            (&grant("{group: a.b, kind: C, namespace: '*'}", to), ".from[0].namespace"),
            (&grant(from, "{kind: Secret}"), ".to[0]"),
            (&grant(from, "{group: '', kind: ''}"), ".to[0]"),
            (&grant(from, "{group: '', kind: Secret, name: ''}"), ".to[0]"),
            (&grant(&vec![from; 17].join(", "), to), ".from"),
        ],
    );
    accepted(
        "ReferenceGrant",
        &[
            &grant(from, to),
            &grant(&[from, from].join(", "), to),
            &grant(from, "{group: '', kind: Secret, name: 'a b'}"),
        ],
    );
}

#[test]
fn ga_7_filters() {
    let rule = |filters: &str| format!("{{rules: [{{filters: [{filters}]}}]}}");
    let headers =
        |rest: &str| rule(&format!("{{type: RequestHeaderModifier, requestHeaderModifier: {{{rest}}}}}"));
    let of_headers = |path: &str| format!(".rules[0].filters[0].requestHeaderModifier{path}");
    for kind in ["HTTPRoute", "GRPCRoute"] {
        for (rest, path) in [
            ("set: [{name: a:b, value: c}]", ".set[0].name"),
            ("set: [{name: a}]", ".set[0].value"),
            ("add: [{name: a, value: \"b\\n\"}]", ".add[0].value"),
            ("add: [{name: a, value: b}, {name: a, value: c}]", ".add[1].name"),
            ("remove: [a, a]", ".remove[1]"),
        ] {
            refused(kind, &[(&headers(rest), &of_headers(path))]);
        }
        accepted(
            kind,
            &[
                &headers("remove: [\"\\n\", '', host, a b]"),
                &headers("set: [{name: a, value: b}], add: [{name: a, value: b}], remove: [a]"),
                &headers("set: [{name: a, value: b}, {name: A, value: b}]"),
                &headers("set: [{name: a, value: '100%'}, {name: host, value: b}]"),
                &headers("").replace("requestH", "responseH").replace("RequestH", "ResponseH"),
            ],
        );
        let two = "{type: RequestHeaderModifier, requestHeaderModifier: {}}";
        refused(
            kind,
            &[
                (&rule(&[two, two].join(", ")), ".rules[0].filters[1]"),
                (&rule("{type: RequestMirror}"), ".rules[0].filters[0]"),
                (&rule("{requestMirror: {}}"), ".rules[0].filters[0]"),
                (
                    &rule(
                        "{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 80}, percent: 101}}",
                    ),
                    ".rules[0].filters[0].requestMirror.percent",
                ),
                (
                    &rule(
                        "{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 80}, fraction: {numerator: 101}}}",
                    ),
                    ".rules[0].filters[0].requestMirror.fraction.numerator",
                ),
            ],
        );
        let spec = format!("{{rules: [{{backendRefs: [{{name: a, port: 80, filters: [{two}, {two}]}}]}}]}}");
        refused(kind, &[(&spec, ".rules[0].backendRefs[0].filters[1]")]);
    }
    let redirect = |rest: &str| rule(&format!("{{type: RequestRedirect, requestRedirect: {{{rest}}}}}"));
    let of_redirect = |path: &str| format!(".rules[0].filters[0].requestRedirect{path}");
    for (rest, path) in [
        ("scheme: ftp", ".scheme"),
        ("hostname: '*.a'", ".hostname"),
        ("hostname: ''", ".hostname"),
        ("port: 0", ".port"),
        ("statusCode: 304", ".statusCode"),
        ("path: {type: ReplaceFullPath}", ".path"),
        (
            "path: {type: ReplaceFullPath, replaceFullPath: /, replacePrefixMatch: /}",
            ".path.replacePrefixMatch",
        ),
    ] {
        refused("HTTPRoute", &[(&redirect(rest), &of_redirect(path))]);
    }
    accepted(
        "HTTPRoute",
        &[
            &redirect(""),
            &redirect("statusCode: 303, hostname: 1.2.3.4"),
            &redirect("path: {type: ReplaceFullPath, replaceFullPath: a b}"),
            &redirect("path: {type: ReplacePrefixMatch, replacePrefixMatch: ''}"),
        ],
    );
    let prefix = "filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]";
    let replaced = ".rules[0].filters[0].urlRewrite.path.type";
    refused(
        "HTTPRoute",
        &[
            (&format!("{{rules: [{{matches: [{{path: {{type: Exact}}}}], {prefix}}}]}}"), replaced),
            (&format!("{{rules: [{{matches: [{{}}, {{}}], {prefix}}}]}}"), replaced),
            (&format!("{{rules: [{{matches: [], {prefix}}}]}}"), replaced),
        ],
    );
    accepted(
        "HTTPRoute",
        &[
            &format!("{{rules: [{{{prefix}}}]}}"),
            &format!("{{rules: [{{matches: [{{method: GET}}], {prefix}}}]}}"),
        ],
    );
    let cors = |rest: &str| rule(&format!("{{type: CORS, cors: {{{rest}}}}}"));
    for (rest, path) in [
        ("allowOrigins: [a.test]", ".allowOrigins[0]"),
        ("allowOrigins: ['ftp://a.test']", ".allowOrigins[0]"),
        ("allowOrigins: ['https://a.*.test']", ".allowOrigins[0]"),
        ("allowOrigins: ['https://a.test/']", ".allowOrigins[0]"),
        ("allowOrigins: ['*', 'https://a.test']", ".allowOrigins[0]"),
        ("allowMethods: [get]", ".allowMethods[0]"),
        ("allowHeaders: [a, a]", ".allowHeaders[1]"),
        ("maxAge: 0", ".maxAge"),
    ] {
        refused("HTTPRoute", &[(&cors(rest), &format!(".rules[0].filters[0].cors{path}"))]);
    }
    accepted(
        "HTTPRoute",
        &[
            &cors("allowOrigins: ['https://*', 'http://*.a.test:80'], exposeHeaders: ['*', a]"),
            &cors("allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*']"),
        ],
    );
}

#[test]
fn ga_10_limits() {
    let rule = |rest: &str| format!("{{rules: [{{{rest}}}]}}");
    refused(
        "HTTPRoute",
        &[
            (&rule("timeouts: {request: 1s, backendRequest: 2s}"), ".rules[0].timeouts.backendRequest"),
            (&rule("timeouts: {request: 1.5s}"), ".rules[0].timeouts.request"),
            (&rule("retry: {attempts: 0}"), ".rules[0].retry.attempts"),
            (&rule("retry: {codes: [399]}"), ".rules[0].retry.codes[0]"),
            (&rule("retry: {codes: [500, 500]}"), ".rules[0].retry.codes[1]"),
        ],
    );
    accepted(
        "HTTPRoute",
        &[&rule("timeouts: {request: 0s, backendRequest: 2s}"), &rule("retry: {backoff: 0s, codes: [599]}")],
    );
}

#[test]
fn ga_12_gateways() {
    let listener = |rest: &str| format!("{{gatewayClassName: istio, listeners: [{{{rest}}}]}}");
    for (rest, path) in [
        ("name: a, protocol: HTTP", ""),
        ("name: a, port: 80", ""),
        ("port: 80, protocol: HTTP", ""),
        ("name: A, port: 80, protocol: HTTP", ".name"),
        ("name: a, port: 0, protocol: HTTP", ".port"),
        ("name: a, port: 80, protocol: a_b", ".protocol"),
        ("name: a, port: 80, protocol: HTTP, hostname: ''", ".hostname"),
        ("name: a, port: 80, protocol: HTTP, hostname: '*'", ".hostname"),
        ("name: a, port: 80, protocol: HTTP, tls: {certificateRefs: [{name: b}]}", ".tls"),
        ("name: a, port: 80, protocol: HTTPS, tls: {}", ".tls"),
        ("name: a, port: 80, protocol: HTTPS, tls: {mode: Passthrough}", ".tls.mode"),
        ("name: a, port: 80, protocol: HTTPS, tls: {mode: Simple}", ".tls.mode"),
        ("name: a, port: 80, protocol: HTTPS, tls: {certificateRefs: [{}]}", ".tls.certificateRefs[0]"),
        ("name: a, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{}]}", ".allowedRoutes.kinds[0]"),
        (
            "name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: None}}",
            ".allowedRoutes.namespaces.from",
        ),
    ] {
        refused("Gateway", &[(&listener(rest), &format!(".listeners[0]{path}"))]);
    }
    let http = "name: a, port: 80, protocol: HTTP";
    accepted(
        "Gateway",
        &[
            &listener(http),
            &listener("name: a, port: 443, protocol: HTTPS"),
            &listener(&format!("{http}, hostname: 1.2.3.4")),
            &listener(&format!("{http}, allowedRoutes: {{namespaces: {{from: Selector}}}}")),
            &listener(&format!(
                "{http}, allowedRoutes: {{namespaces: {{from: Selector, selector: {{matchExpressions: [{{key: a, operator: Is}}]}}}}}}"
            )),
            &format!(
                "{{gatewayClassName: istio, allowedListeners: {{namespaces: {{from: All}}}}, listeners: [{{{http}}}]}}"
            ),
            &format!("{{gatewayClassName: istio, defaultScope: All, listeners: [{{{http}}}]}}"),
        ],
    );
    let gateway = |rest: &str| format!("{{gatewayClassName: istio, listeners: [{{{http}}}], {rest}}}");
    refused(
        "Gateway",
        &[
            ("{gatewayClassName: istio, listeners: []}", ".listeners"),
            ("{gatewayClassName: istio}", ".listeners"),
            (&format!("{{listeners: [{{{http}}}]}}"), ""),
            (
                &format!("{{gatewayClassName: istio, listeners: [{{{http}}}, {{{http}}}]}}"),
                ".listeners[1].name",
            ),
            (
                &format!(
                    "{{gatewayClassName: istio, listeners: [{{{http}}}, {{name: b, port: 80, protocol: HTTP}}]}}"
                ),
                ".listeners[1]",
            ),
            (&gateway("defaultScope: Some"), ".defaultScope"),
            (&gateway("addresses: [{type: Hostname, value: '*'}]"), ".addresses[0].value"),
            (&gateway("addresses: [{type: Host, value: a}]"), ".addresses[0].type"),
            (
                &gateway("addresses: [{type: Hostname, value: a}, {type: Hostname, value: a}]"),
                ".addresses[1].value",
            ),
            (&gateway("infrastructure: {labels: {a/b/c: d}}"), ".infrastructure.labels[\"a/b/c\"]"),
            (&gateway("infrastructure: {labels: {a: '-'}}"), ".infrastructure.labels.a"),
            (&gateway("infrastructure: {annotations: {'': d}}"), ".infrastructure.annotations[\"\"]"),
        ],
    );
    refused(
        "GatewayClass",
        &[
            ("{}", ""),
            ("{controllerName: istio}", ".controllerName"),
            ("{controllerName: Istio.io/a}", ".controllerName"),
            ("{controllerName: istio.io/}", ".controllerName"),
            ("{controllerName: istio.io/a b}", ".controllerName"),
            (&format!("{{controllerName: a.b/c, description: {}}}", "x".repeat(65)), ".description"),
        ],
    );
    accepted("GatewayClass", &["{controllerName: a/b/c}", "{controllerName: \"a.b-c/~%!$&'()*+,;=:\"}"]);
}
