//! Documents at the edge of valid, judged as Istio's validation judges them.

use super::{ROUTE, errors};

/// Fields of a rule beside its route, and whether Istio takes them.
const RULES: &[(&str, bool)] = &[
    ("retries: {attempts: 2, retryOn: '5xx,reset,418'}", true),
    // Istio refuses the blank; what is meant is plain.
    ("retries: {attempts: 2, retryOn: '5xx, reset'}", true),
    ("retries: {attempts: 2, retryOn: '5xx,'}", false),
    ("retries: {attempts: 2, retryOn: '499'}", false),
    ("retries: {attempts: 2, retryOn: '+503'}", true),
    ("retries: {attempts: 2, retryOn: '0503'}", true),
    ("retries: {attempts: 0, backoff: 1s}", true),
    ("retries: {attempts: 0, retryRemoteLocalities: false}", false),
    ("retries: {attempts: 2, perTryTimeout: 0s}", false),
    ("timeout: 0s", false),
    ("timeout: 1ms", true),
    ("timeout: 1.5ms", false),
    ("mirror: {host: b}, mirrorPercentage: {value: 0.00001}", true),
    ("mirror: {host: b}, mirrorPercentage: {value: 100.1}", false),
    ("mirror: {host: b}, mirrorPercentage: {value: -0.00001}", false),
    ("mirrors: [{destination: {host: b}, percentage: {value: 0.00001}}]", true),
    ("mirrors: [{destination: {host: b}}], mirror: {host: b}", false),
    ("fault: {abort: {httpStatus: 503, percentage: {value: 0.00001}}}", false),
    ("fault: {delay: {fixedDelay: 1s, percentage: {value: 0.0001}}}", true),
    ("fault: {}", false),
    ("fault: {abort: {}}", true),
    ("fault: {abort: {grpcStatus: unavailable}}", false),
    ("match: [{uri: {prefix: ''}}]", true),
    ("match: [{authority: {prefix: ''}}]", false),
    ("match: [{authority: {exact: ''}}]", true),
    ("match: [{uri: {regex: ''}}]", false),
    (r"match: [{uri: {regex: '[a[b]'}}]", true),
    (r"match: [{uri: {regex: '\Qa(b'}}]", true),
    ("match: [{uri: {regex: '(?x)a'}}]", false),
    ("match: [{port: 0}]", true),
    ("match: [{port: 65536}]", false),
    ("match: [{sourceNamespace: a.b}]", false),
    ("match: [{headers: {'a!b': {exact: c}}}]", true),
    ("match: [{headers: {'a b': {exact: c}}}]", false),
    ("corsPolicy: {maxAge: 1500ms}", false),
    ("corsPolicy: {allowMethods: [get]}", false),
    ("corsPolicy: {allowOrigins: [{exact: ''}]}", false),
    ("rewrite: {uri: ''}", false),
    ("rewrite: {uriRegexRewrite: {match: a, rewrite: ''}}", false),
    ("headers: {request: {set: {host: b, ':authority': c}}}", false),
    ("headers: {response: {set: {host: b}}}", false),
    ("headers: {request: {remove: [host]}}", false),
    ("headers: {request: {set: {a: '%'}}}", false),
    ("headers: {request: {set: {a: '100%%'}}}", true),
];

/// `defaultEndpoint` of an ingress listener.
const ENDPOINTS: &[(&str, bool)] = &[
    (":8080", true),
    ("127.0.0.1:8080", true),
    ("0.0.0.0:8080", true),
    ("[::1]:8080", true),
    ("[::]:8080", true),
    ("[127.0.0.1]:8080", true),
    ("[0:0:0:0:0:0:0:1]:8080", false),
    ("::1:8080", false),
    ("localhost:8080", false),
    ("127.0.0.2:8080", false),
    ("127.0.0.1", false),
    ("127.0.0.1:0", false),
    ("127.0.0.1:65536", false),
    ("127.0.0.1:http", false),
    ("unix:///run/a", true),
    ("unix://@a", true),
    ("unix://run/a", false),
];

/// Hosts of an egress listener.
const EGRESS: &[(&str, bool)] = &[
    ("./a.b", true),
    ("~/*", true),
    ("~ns/a.b", true),
    ("~./a.b", true),
    ("*/*.b", true),
    ("*/a", false),
    ("*/*b.c", false),
    ("~/", false),
    ("ns/10.0.0.1", false),
    ("a.b", false),
];

#[test]
fn documents_at_the_edge_of_valid_are_judged_as_istio_judges_them() {
    let rules = RULES.iter().map(|(fields, taken)| {
        ("VirtualService", format!("{{hosts: [a], http: [{{{ROUTE}, {fields}}}]}}"), *taken)
    });
    let endpoints = ENDPOINTS.iter().map(|(endpoint, taken)| {
        let port = "port: {number: 80, name: http, protocol: HTTP}";
        ("Sidecar", format!("{{ingress: [{{{port}, defaultEndpoint: '{endpoint}'}}]}}"), *taken)
    });
    let egress = EGRESS
        .iter()
        .map(|(host, taken)| ("Sidecar", format!("{{egress: [{{hosts: ['{host}']}}]}}"), *taken));
    let wrong: Vec<String> = rules
        .chain(endpoints)
        .chain(egress)
        .filter_map(|(kind, spec, taken)| {
            let told = errors(kind, &spec);
            (told.is_empty() != taken).then(|| format!("{spec}: {told:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
