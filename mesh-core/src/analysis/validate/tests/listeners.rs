//! Gateways, Sidecars and what they lead to.

use super::errors;

#[test]
fn gw_1_gw_2_servers() {
    let gateway = |server: &str| errors("Gateway", &format!("{{servers: [{{{server}}}]}}"));
    let port = "port: {number: 80, name: http, protocol: HTTP}";
    for hosts in ["['*']", "[a.com]", "['*.a.com']", "[ns/a.com]", "[./a.com]", "['*/a.com']", "[10.0.0.1]"] {
        assert!(gateway(&format!("{port}, hosts: {hosts}")).is_empty(), "{hosts}");
    }
    for hosts in ["[]", "[A_B/a.com]", "['a.*.com']", "['*a.com']", "[a]", "['::1']", "[ns/]", "[/a.com]"] {
        assert_eq!(gateway(&format!("{port}, hosts: {hosts}")).len(), 1, "{hosts}");
    }
    assert_eq!(errors("Gateway", "{selector: {a: b}}").len(), 1, "no server");
    for bad in [
        "{number: 0, name: http, protocol: HTTP}",
        "{number: 80, protocol: HTTP}",
        "{number: 80, name: http, protocol: SMTP}",
        "{number: 80, name: http, protocol: UDP}",
        "{number: 80, name: http, protocol: HTTP, targetPort: 81}",
    ] {
        assert_eq!(gateway(&format!("port: {bad}, hosts: ['*']")).len(), 1, "{bad}");
    }
    let unix = |port: u16, path: &str| {
        gateway(&format!(
            "port: {{number: {port}, name: http, protocol: HTTP}}, bind: 'unix://{path}', hosts: ['*']"
        ))
        .len()
    };
    assert_eq!(unix(80, "/run/a"), 1);
    assert_eq!(unix(0, "run/a"), 1);
    assert_eq!(unix(0, "/run/"), 1);
    assert_eq!(unix(0, "/run/a"), 0);
}

#[test]
fn gw_3_tls_where_it_is_needed_and_nowhere_else() {
    let server = |protocol: &str, tls: &str| {
        let port = format!("port: {{number: 80, name: p, protocol: {protocol}}}");
        errors("Gateway", &format!("{{servers: [{{{port}, hosts: ['*']{tls}}}]}}"))
    };
    assert_eq!(server("HTTPS", "").len(), 1, "needed");
    assert!(server("HTTPS", ", tls: {mode: SIMPLE, credentialName: c}").is_empty());
    for protocol in ["HTTP", "HTTP2", "GRPC"] {
        assert!(server(protocol, ", tls: {httpsRedirect: true}").is_empty(), "{protocol}");
        assert_eq!(server(protocol, ", tls: {mode: SIMPLE, credentialName: c}").len(), 1, "{protocol}");
        for more in ["mode: SIMPLE", "serverCertificate: /c"] {
            let tls = format!(", tls: {{httpsRedirect: true, {more}}}");
            assert_eq!(server(protocol, &tls).len(), 1, "{protocol} {more}");
        }
        for nothing in ["", "minProtocolVersion: TLSV1_2", "credentialName: c"] {
            assert!(server(protocol, &format!(", tls: {{{nothing}}}")).is_empty(), "{protocol} {nothing}");
        }
    }
    assert!(
        server("HTTPS", ", tls: {httpsRedirect: true, mode: SIMPLE, credentialName: c}").is_empty(),
        "without effect is a warning"
    );
}

/// SC-8: one port at one address, however it is written, is one listener's.
#[test]
fn sc_2_egress_listeners_do_not_share_a_socket() {
    let egress = |first: &str, second: &str| {
        let listener =
            |more: &str| format!("{{port: {{number: 80, protocol: HTTP, name: a}}, hosts: ['*/*']{more}}}");
        errors("Sidecar", &format!("{{egress: [{}, {}]}}", listener(first), listener(second)))
    };
    let taken = ["spec.egress[1].port: another egress listener has this port"];
    assert_eq!(egress("", ""), taken);
    assert_eq!(egress(", bind: 'fd00::7'", ", bind: 'FD00:0::7'"), taken);
    assert_eq!(egress(", captureMode: NONE", ", bind: 127.0.0.1"), taken);
    assert!(egress(", captureMode: NONE", ", bind: 127.0.0.2").is_empty());
    let socket = |first: &str, second: &str| {
        let listener = |path: &str| {
            format!("{{port: {{number: 0, protocol: HTTP}}, bind: 'unix://{path}', hosts: ['*/*']}}")
        };
        errors("Sidecar", &format!("{{egress: [{}, {}]}}", listener(first), listener(second)))
    };
    assert!(socket("/run/a", "@a").is_empty());
    assert_eq!(socket("/run/a", "/run/a"), taken);
}

/// SC-2, SC-5: hosts, ports and addresses of listeners, at their edges.
#[test]
fn sc_2_sc_5_listeners() {
    let egress = |fields: &str| errors("Sidecar", &format!("{{egress: [{{{fields}}}]}}")).len();
    for good in ["*/*", "./*", "~/*", "~/a.test", "~ns/*.a.test", "NS/a.test.", "*/*.com"] {
        assert_eq!(egress(&format!("hosts: ['./*', '{good}']")), 0, "{good}");
    }
    for bad in ["*/a", "a.test", "/a.test", "ns/", "*/*a.test", "*/10.0.0.1", "a_b/a.test", "*/a_b.test"] {
        assert_eq!(egress(&format!("hosts: ['{bad}']")), 1, "{bad}");
    }
    let port = |port: &str| egress(&format!("hosts: ['*/*'], port: {{protocol: HTTP, {port}"));
    assert_eq!(port("number: 0}, bind: 'unix:///run/a'"), 0);
    assert_eq!(port("number: 80}, bind: 127.0.0.1"), 0);
    for bad in [
        "number: 0}",
        "number: 0}, bind: 127.0.0.1",
        "number: 0}, bind: 'unix://run/a'",
        "number: 80}, bind: 'unix:///run/a'",
        "number: 80, name: 'a:b'}",
        "number: 65536}",
    ] {
        assert_eq!(port(bad), 1, "{bad}");
    }
    assert_eq!(egress("hosts: ['*/*'], bind: '@a'"), 0, "without a port nothing is bound");
    let ingress = |endpoint: &str| {
        let listener = format!("port: {{number: 80, protocol: HTTP}}, defaultEndpoint: '{endpoint}'");
        errors("Sidecar", &format!("{{ingress: [{{{listener}}}]}}")).len()
    };
    for good in ["127.0.0.1:80", ":80", "[::1]:80", "[::]:80", "0.0.0.0:80", "unix:///a", "unix://@a"] {
        assert_eq!(ingress(good), 0, "{good}");
    }
    for bad in ["localhost:80", "127.0.0.2:80", "127.0.0.1:0", "127.0.0.1", "unix:///a/", "::1:80"] {
        assert_eq!(ingress(bad), 1, "{bad}");
    }
}

/// SE-4 to SE-8: what Istio takes and refuses of services and of their endpoints.
#[test]
fn se_5_services_and_endpoints() {
    let entry = |fields: &str| errors("ServiceEntry", &format!("{{{fields}}}")).len();
    const PORT: &str = "ports: [{number: 80, name: http, protocol: HTTP}]";
    assert_eq!(entry("hosts: [a.test]"), 0, "ports may be left out");
    for (host, wrong) in
        [("'*.'", 0), ("503", 1), ("'503'", 0), ("a_b.test", 1), ("10.0.0.1", 1), ("'::1'", 1)]
    {
        assert_eq!(entry(&format!("hosts: [{host}], {PORT}")), wrong, "{host}");
    }
    assert_eq!(entry("hosts: [a.test], ports: [{number: 80, name: HTTP, targetPort: 0}]"), 1);
    assert_eq!(entry("hosts: [a.test], ports: [{number: 80, name: HTTP, targetPort: 81}]"), 0);
    assert_eq!(entry("hosts: [a.test], endpoints: []"), 1, "resolution is NONE");
    assert_eq!(
        entry("hosts: [a.test], resolution: STATIC, endpoints: [], workloadSelector: {labels: {a: b}}"),
        1
    );
    let endpoint = |resolution: &str, fields: &str| {
        entry(&format!("hosts: [a.test], {PORT}, resolution: {resolution}, endpoints: [{{{fields}}}]"))
    };
    assert_eq!(endpoint("STATIC", "network: n"), 0, "one that is reached through its network's gateway");
    assert_eq!(endpoint("DNS", "network: n"), 1);
    assert_eq!(endpoint("STATIC", "network: ''"), 1);
    for (labels, wrong) in [
        ("{app: a}", 0),
        ("{a.b/c: ''}", 0),
        ("{'': a}", 1),
        ("{a: 'b c'}", 1),
        ("{a: b/c}", 1),
        ("{':method': a}", 1),
    ] {
        assert_eq!(endpoint("STATIC", &format!("address: 10.0.0.1, labels: {labels}")), wrong, "{labels}");
    }
    let workload = |fields: &str| errors("WorkloadEntry", &format!("{{{fields}}}")).len();
    for (fields, wrong) in [
        ("address: 10.0.0.1", 0),
        ("address: a.test", 0),
        ("address: '503'", 1),
        ("address: a_b.test", 1),
        ("address: 'unix:///a'", 0),
        ("address: 'unix:///a', ports: {}", 1),
        ("address: 'unix:///a/'", 1),
        ("network: n", 0),
        ("address: a, ports: {HTTP: 80}", 0),
        ("address: a, ports: {'a.b': 80}", 1),
        ("address: a, ports: {a: 0}", 1),
        ("address: a, ports: {aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 80}", 1),
        ("address: a, labels: {'*': a}", 1),
    ] {
        assert_eq!(workload(fields), wrong, "{fields}");
    }
}

/// HC-3: a template says what it likes of address and labels; what each workload gets is checked.
#[test]
fn hc_3_workload_groups() {
    let group = |fields: &str| errors("WorkloadGroup", &format!("{{{fields}}}")).len();
    let probe = |fields: &str| group(&format!("template: {{}}, probe: {{{fields}}}"));
    assert_eq!(group("template: {address: a_b, labels: {'': 'a b'}}"), 0);
    assert_eq!(group("template: {ports: {'a b': 80}}"), 1);
    assert_eq!(group("template: {}, metadata: {labels: {a: 'b c'}}"), 1);
    assert_eq!(probe("httpGet: {port: 80, path: A}"), 0);
    for bad in [
        "httpGet: {port: 80, scheme: http}",
        "httpGet: {port: 80, httpHeaders: [{name: a_b}]}",
        "httpGet: {port: 80, httpHeaders: [{value: a}]}",
        "exec: {command: [a, '']}",
        "periodSeconds: 5",
    ] {
        assert_eq!(probe(bad), 1, "{bad}");
    }
}
