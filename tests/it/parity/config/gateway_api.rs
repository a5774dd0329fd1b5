//! Random routes of the Gateway API, for a Service of the mesh.

use super::wait;
use crate::parity::draw::Draw;

fn route(kind: &str, parent: &str, rules: &[String]) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: c, namespace: default}}
spec:
  parentRefs: [{{group: '', kind: Service, name: c, namespace: default, {parent}}}]
  rules:
{}---
",
        rules.concat()
    )
}

/// Rules for HTTP calls of `c`.
pub(in crate::parity) fn http_route(draw: &mut Draw) -> String {
    let parent = draw.one(&["port: 8080", "sectionName: http"]);
    let mut rules = wait::http_rules(draw);
    rules.extend((0..1 + draw.below(4)).map(|number| http_rule(number, draw)));
    route("HTTPRoute", parent, &rules)
}

pub(super) fn http_rule(number: u32, draw: &mut Draw) -> String {
    let prefix = draw.percent(50);
    let mut block = vec![if prefix {
        format!("path: {{type: PathPrefix, value: {}}}", draw.one(&["/", "/reviews", "/api"]))
    } else {
        draw.one(&[
            "path: {type: Exact, value: /reviews}",
            "path: {type: RegularExpression, value: '/reviews/[0-9]+'}",
            "path: {value: /old}",
        ])
        .to_owned()
    }];
    let mut maybe = |share, texts: &[&str]| {
        if draw.percent(share) {
            block.push(draw.one(texts).to_owned());
        }
    };
    maybe(
        20,
        &[
            "headers: [{name: x-user, value: ann}]",
            "headers: [{type: Exact, name: x-canary, value: 'yes'}]",
            "headers: [{type: RegularExpression, name: x-user, value: 'b.b|ann'}]",
        ],
    );
    maybe(
        15,
        &[
            "queryParams: [{type: Exact, name: page, value: '2'}]",
            "queryParams: [{type: RegularExpression, name: page, value: '[0-9]*'}]",
        ],
    );
    maybe(20, &["method: GET", "method: POST", "method: PUT", "method: OPTIONS"]);
    let mut lines = vec![format!("name: rule-{number}"), format!("matches: [{{{}}}]", block.join(", "))];
    if draw.percent(15) {
        lines.push(format!("filters: [{}]", redirect(prefix, draw)));
        return item(&lines);
    }
    let filters = filters(prefix, draw);
    if !filters.is_empty() {
        lines.push(format!("filters: [{}]", filters.join(", ")));
    }
    let own = if draw.percent(20) { format!(", filters: [{}]", modifier(draw)) } else { String::new() };
    lines.push(format!("backendRefs: [{}]", backends(&own, draw)));
    let mut maybe = |share, texts: &[&str]| {
        if draw.percent(share) {
            lines.push(draw.one(texts).to_owned());
        }
    };
    maybe(25, &["timeouts: {request: 30s}", "timeouts: {request: 30s, backendRequest: 20s}"]);
    maybe(40, &["retry: {codes: [500, 503], attempts: 2, backoff: 1ms}", "retry: {attempts: 1}"]);
    item(&lines)
}

pub(super) fn item(lines: &[String]) -> String {
    format!("  - {}\n", lines.join("\n    "))
}

pub(super) fn backends(own: &str, draw: &mut Draw) -> String {
    match draw.below(7) {
        0 | 1 => format!("{{name: c, port: 8080{own}}}"),
        2 => format!("{{name: far, namespace: other, port: 8080{own}}}, {{name: c-one, port: 8080}}"),
        3 | 4 => format!(
            "{{group: '', kind: Service, name: c-one, namespace: default, port: 8080, weight: 3{own}}}, {{name: c-two, port: 8080}}"
        ),
        _ => format!("{{name: c-two, port: 8080, weight: 1{own}}}, {{name: c-one, port: 8080, weight: 0}}"),
    }
}

fn modifier(draw: &mut Draw) -> String {
    draw.one(&[
        "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-user, value: set}], remove: [x-canary]}}",
        "{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: x-new, value: new}]}}",
        "{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-old, value: new}], add: [{name: x-more, value: more}]}}",
        "{type: ResponseHeaderModifier, responseHeaderModifier: {remove: [x-old]}}",
    ])
    .to_owned()
}

fn mirror(draw: &mut Draw) -> String {
    let share = draw.one(&["", ", percent: 50", ", fraction: {numerator: 1, denominator: 4}"]);
    let to = draw.one(&[
        "{name: m, port: 8080}",
        "{group: '', kind: Service, name: m, namespace: default, port: 8080}",
    ]);
    format!("{{type: RequestMirror, requestMirror: {{backendRef: {to}{share}}}}}")
}

fn path_modifier(prefix: bool, draw: &mut Draw) -> &'static str {
    if prefix && draw.percent(60) {
        "path: {type: ReplacePrefixMatch, replacePrefixMatch: /new/}"
    } else {
        "path: {type: ReplaceFullPath, replaceFullPath: /new}"
    }
}

fn redirect(prefix: bool, draw: &mut Draw) -> String {
    let path = path_modifier(prefix, draw);
    let more = draw.one(&[
        "",
        ", scheme: https, statusCode: 301",
        ", scheme: http, hostname: new.test",
        ", port: 9443",
    ]);
    format!("{{type: RequestRedirect, requestRedirect: {{{path}{more}}}}}")
}

fn filters(prefix: bool, draw: &mut Draw) -> Vec<String> {
    let mut of = Vec::new();
    if draw.percent(30) {
        of.push(modifier(draw));
    }
    if draw.percent(20) {
        of.push(mirror(draw));
    }
    if draw.percent(25) {
        let host = draw.one(&["", ", hostname: rewritten.test"]);
        of.push(format!("{{type: URLRewrite, urlRewrite: {{{}{host}}}}}", path_modifier(prefix, draw)));
    }
    if draw.percent(20) {
        let more = draw.one(&[
            "allowMethods: [GET, POST], maxAge: 60",
            "allowHeaders: ['x-user'], exposeHeaders: [x-backend], allowCredentials: true",
        ]);
        of.push(format!("{{type: CORS, cors: {{allowOrigins: ['https://shop.example'], {more}}}}}"));
    }
    of
}

/// Rules for gRPC calls of `c`.
pub(in crate::parity) fn grpc_route(draw: &mut Draw) -> String {
    let parent = draw.one(&["port: 8082", "sectionName: grpc"]);
    let rules: Vec<String> = (0..1 + draw.below(3)).map(|number| grpc_rule(number, draw)).collect();
    route("GRPCRoute", parent, &rules)
}

pub(super) fn grpc_rule(number: u32, draw: &mut Draw) -> String {
    let method = draw.one(&[
        "method: {service: shop.Reviews}",
        "method: {type: Exact, service: shop.Reviews, method: Get}",
        "method: {type: RegularExpression, service: 'shop[.].*', method: 'G.*'}",
        "headers: [{name: x-user, value: ann}]",
        "headers: [{type: Exact, name: x-user, value: bob}]",
        "headers: [{type: RegularExpression, name: x-canary, value: 'y.*'}]",
    ]);
    let mut lines = vec![format!("name: call-{number}"), format!("matches: [{{{method}}}]")];
    let mut filters = Vec::new();
    if draw.percent(40) {
        filters.push(modifier(draw));
    }
    if draw.percent(20) {
        filters.push(mirror(draw).replace("8080", "8082"));
    }
    if !filters.is_empty() {
        lines.push(format!("filters: [{}]", filters.join(", ")));
    }
    let own = if draw.percent(20) { format!(", filters: [{}]", modifier(draw)) } else { String::new() };
    lines.push(format!("backendRefs: [{}]", backends(&own, draw).replace("8080", "8082")));
    item(&lines)
}
