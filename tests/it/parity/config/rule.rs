//! Random virtual services.

use super::wait;
use crate::parity::draw::Draw;

/// Rules for `host`; each field occurs now and then.
pub(in crate::parity) fn virtual_service(host: &str, draw: &mut Draw) -> String {
    let mut yaml = format!(
        "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {}, namespace: default}}
spec:
  hosts: [{host}]
  gateways: [mesh]
  exportTo: ['*']
  http:
",
        host.replace('.', "-")
    );
    yaml += &wait::rules(host, draw);
    for number in 0..1 + draw.below(4) {
        yaml += &rule(&format!("rule-{number}"), host, true, draw);
    }
    if draw.percent(80) {
        yaml += &rule("last", host, false, draw);
    }
    yaml + "---\n"
}

/// The VirtualService that rules delegate to.
pub(in crate::parity) fn delegate(draw: &mut Draw) -> String {
    let head = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: delegate, namespace: default}
spec:
  http:
  - name: leaf
    match: [{uri: {prefix: /api/v1}}]
    route: [{destination: {host: a.test, port: {number: 8080}}}]
";
    let timeout = if draw.percent(50) { "    timeout: 40s\n" } else { "" };
    format!("{head}{timeout}---\n")
}

fn rule(name: &str, host: &str, matches: bool, draw: &mut Draw) -> String {
    let mut lines = vec![format!("name: {name}")];
    if matches && draw.percent(8) && host == "a.test" {
        lines.push("match: [{uri: {prefix: /api}}]".to_owned());
        lines.push("delegate: {name: delegate, namespace: default}".to_owned());
        return item(&lines);
    }
    let prefix_only = draw.percent(25);
    if matches {
        let blocks: Vec<String> = (0..1 + draw.below(2)).map(|_| block(prefix_only, draw)).collect();
        lines.push(format!("match: [{}]", blocks.join(", ")));
    }
    if draw.percent(30) {
        lines.push(headers(draw));
    }
    match draw.below(10) {
        0 if matches => lines.push(redirect(prefix_only, draw)),
        1 if matches => lines.push(direct_response(draw)),
        _ => routed(host, draw, &mut lines),
    }
    item(&lines)
}

/// A list item of these fields.
pub(super) fn item(lines: &[String]) -> String {
    format!("  - {}\n", lines.join("\n    "))
}

fn block(prefix_only: bool, draw: &mut Draw) -> String {
    let mut of = Vec::new();
    if prefix_only {
        of.push(format!("uri: {{prefix: {}}}", draw.one(&["/", "/reviews", "/api/", "/old"])));
    } else if draw.percent(60) {
        of.push(
            draw.one(&[
                "uri: {exact: /reviews}",
                "uri: {prefix: /reviews}",
                "uri: {regex: '/reviews/\\d+'}",
                "uri: {exact: /REVIEWS/7}, ignoreUriCase: true",
                "uri: {prefix: /}",
            ])
            .to_owned(),
        );
    }
    let mut maybe = |share, texts: &[&str]| {
        if draw.percent(share) {
            of.push(draw.one(texts).to_owned());
        }
    };
    maybe(
        12,
        &[
            "scheme: {exact: http}",
            "scheme: {prefix: htt}",
            "scheme: {regex: https?}",
            "scheme: {exact: https}",
        ],
    );
    maybe(20, &["method: {exact: GET}", "method: {regex: 'P(OS|U)T'}", "method: {prefix: P}"]);
    maybe(
        12,
        &["authority: {prefix: a.}", "authority: {exact: 'a.test:8080'}", "authority: {regex: '[a-b].*'}"],
    );
    maybe(
        25,
        &[
            "headers: {x-user: {exact: ann}}",
            "headers: {x-user: {prefix: ann}}",
            "headers: {x-user: {regex: 'b.b|ann'}, x-canary: {exact: 'yes'}}",
            "headers: {x-canary: {}}",
            "headers: {':method': {exact: POST}}",
        ],
    );
    maybe(
        12,
        &[
            "withoutHeaders: {x-canary: {}}",
            "withoutHeaders: {x-user: {exact: ann}}",
            "withoutHeaders: {x-user: {prefix: an}}",
            "withoutHeaders: {x-user: {regex: 'b.*'}}",
        ],
    );
    maybe(
        15,
        &[
            "queryParams: {page: {exact: '2'}}",
            "queryParams: {page: {regex: '\\d*'}}",
            "queryParams: {sort: {}}",
            "queryParams: {sort: {prefix: u}}",
        ],
    );
    maybe(10, &["port: 8080", "port: 8081"]);
    maybe(8, &["sourceLabels: {app: web}", "sourceLabels: {app: other}"]);
    maybe(6, &["sourceNamespace: default", "sourceNamespace: other"]);
    maybe(6, &["gateways: [mesh]", "gateways: [edge, mesh]"]);
    maybe(8, &["name: first", "statPrefix: some"]);
    format!("{{{}}}", of.join(", "))
}

fn headers(draw: &mut Draw) -> String {
    format!("headers: {{{}}}", operations(draw))
}

fn operations(draw: &mut Draw) -> String {
    let request = draw.one(&[
        "set: {x-user: set, x-new: 'a %PROTOCOL%'}",
        "add: {x-user: added, x-new: '%REQ(x-canary)%'}",
        "remove: [x-user, cookie]",
        "set: {x-user: set}, add: {x-user: added}, remove: [x-canary]",
        "set: {':authority': other.test}",
        "set: {host: rule.test}",
    ]);
    let response = draw.one(&[
        "set: {x-old: new}",
        "add: {x-old: more, x-flags: '%RESPONSE_FLAGS%'}",
        "remove: [x-old]",
        "set: {x-host: '%UPSTREAM_HOST%'}, remove: [x-backend]",
    ]);
    match draw.below(3) {
        0 => format!("request: {{{request}}}"),
        1 => format!("response: {{{response}}}"),
        _ => format!("request: {{{request}}}, response: {{{response}}}"),
    }
}

fn redirect(prefix_only: bool, draw: &mut Draw) -> String {
    let path = if prefix_only && draw.percent(60) { "prefixRewrite: /moved" } else { "uri: /moved?x=1" };
    let more = draw.one(&[
        "",
        ", authority: new.test",
        ", scheme: https",
        ", scheme: https, derivePort: FROM_PROTOCOL_DEFAULT",
        ", derivePort: FROM_REQUEST_PORT",
        ", port: 9443, redirectCode: 308",
        ", redirectCode: 302",
        ", redirectCode: 303",
        ", redirectCode: 307",
    ]);
    format!("redirect: {{{path}{more}}}")
}

fn direct_response(draw: &mut Draw) -> String {
    draw.one(&[
        "directResponse: {status: 200, body: {string: here}}",
        "directResponse: {status: 503, body: {bytes: aGVyZQ==}}",
        "directResponse: {status: 204}",
    ])
    .to_owned()
}

fn routed(host: &str, draw: &mut Draw, lines: &mut Vec<String>) {
    let sets_authority =
        lines.iter().any(|line| line.contains("set: {':authority'") || line.contains("set: {host"));
    lines.push(format!("route: [{}]", destinations(host, draw)));
    let mut maybe = |share, texts: &[&str]| {
        if draw.percent(share) {
            lines.push(draw.one(texts).to_owned());
        }
    };
    let rewrites = [
        "rewrite: {uri: /new}",
        "rewrite: {uriRegexRewrite: {match: '/(\\w+)', rewrite: '/x-\\1'}}",
        "rewrite: {uri: /new/, authority: rewritten.test}",
        "rewrite: {authority: rewritten.test}",
    ];
    // The headers of a rule and its rewrite may not both set the authority.
    maybe(20, if sets_authority { &rewrites[..2] } else { &rewrites });
    maybe(20, &["timeout: 30s", "timeout: 60s"]);
    maybe(
        45,
        &[
            "retries: {attempts: 2, retryOn: '5xx,reset', backoff: 1ms}",
            "retries: {attempts: 1, retryOn: 'gateway-error,connect-failure', backoff: 1ms}",
            "retries: {attempts: 3, retryOn: 'retriable-4xx,429,503', perTryTimeout: 20s, backoff: 2ms}",
            "retries: {attempts: 0}",
            "retries: {attempts: 2, retryOn: 'deadline-exceeded,resource-exhausted,envoy-ratelimited', backoff: 1ms}",
            "retries: {attempts: 2, retryOn: 'unavailable,cancelled,internal', retryIgnorePreviousHosts: false}",
            "retries: {attempts: 2, retryOn: 5xx, retryRemoteLocalities: true, retryIgnorePreviousHosts: true, backoff: 1ms}",
        ],
    );
    maybe(
        20,
        &[
            "fault: {delay: {fixedDelay: 1ms, percentage: {value: 30}}}",
            "fault: {delay: {fixedDelay: 1ms, percent: 50}}",
            "fault: {abort: {httpStatus: 418, percentage: {value: 40}}}",
            "fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 40}}}",
            "fault: {delay: {fixedDelay: 1ms, percentage: {value: 20}}, abort: {httpStatus: 503, percentage: {value: 20}}}",
        ],
    );
    maybe(
        15,
        &[
            "mirror: {host: mirror.test, port: {number: 8080}}",
            "mirror: {host: mirror.test, port: {number: 8080}}\n    mirrorPercentage: {value: 50}",
            "mirror: {host: mirror.test, port: {number: 8080}}\n    mirrorPercent: 50",
            "mirrors: [{destination: {host: mirror.test, port: {number: 8080}}, percentage: {value: 50}}]",
            "mirror: {host: mirror.test, subset: v1, port: {number: 8080}}",
            "mirrors: [{destination: {host: mirror.test, subset: v1, port: {number: 8080}}}]",
        ],
    );
    maybe(
        20,
        &[
            "corsPolicy: {allowOrigins: [{exact: 'https://shop.example'}], allowMethods: [GET], maxAge: 60s}",
            "corsPolicy: {allowOrigins: [{prefix: 'https://'}], allowHeaders: ['*'], exposeHeaders: [x-backend], allowCredentials: true}",
            "corsPolicy: {allowOrigins: [{regex: '.*shop.*'}], unmatchedPreflights: IGNORE, allowMethods: [GET, POST]}",
            "corsPolicy: {allowOrigins: [{exact: 'https://shop.example'}], unmatchedPreflights: FORWARD}",
        ],
    );
}

pub(super) fn destinations(host: &str, draw: &mut Draw) -> String {
    let port = draw.one(&[8080, 8080, 8080, 8081]);
    let to = |host: &str, subset: &str, port: u32| {
        let subset = if subset.is_empty() { String::new() } else { format!(", subset: {subset}") };
        format!("destination: {{host: {host}{subset}, port: {{number: {port}}}}}")
    };
    let own = if draw.percent(20) { format!(", headers: {{{}}}", operations(draw)) } else { String::new() };
    match draw.below(6) {
        0 => format!("{{{}{own}}}", to(host, "", port)),
        1 => format!("{{{}{own}}}", to(host, "v1", port)),
        2 => format!("{{{}, weight: 100{own}}}", to(host, "v2", port)),
        3 => {
            format!("{{{}, weight: 70{own}}}, {{{}, weight: 30}}", to(host, "v1", port), to(host, "v2", port))
        }
        4 => format!(
            "{{{}, weight: 1}}, {{{}, weight: 0}}, {{{}, weight: 2{own}}}",
            to(host, "v1", port),
            to("dead.test", "", 8080),
            to("b.test", "", 8080)
        ),
        _ => format!(
            "{{{}, weight: 5}}, {{{}, weight: 1{own}}}",
            to(host, "", port),
            to("dead.test", "", 8080)
        ),
    }
}
