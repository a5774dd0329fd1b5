//! The effects of a rule on a request and on its answer.

use super::harness::{Pair, Step, get, post};

/// The heading of the difference in the access log.
const AS_IT_CAME: &str = "The access log shows the request as it came";

async fn pair() -> Option<Pair> {
    Pair::gateway("actions", &["one", "two"]).await
}

#[tokio::test]
async fn va_7_rewrites() {
    let Some(pair) = pair().await else { return };
    for (path, sent) in [
        ("/old", "rewrite.test /new"),
        ("/old/x?q=1", "rewrite.test /new/x?q=1"),
        ("/older", "rewrite.test /newer"),
        ("/cut/x", "rewrite.test /x"),
        ("/exact?q", "rewrite.test /whole?q"),
        ("/r/a/b?q", "rewrite.test /whole?q"),
        ("/g/ab/12/g/c/3?g/d/4", "rewrite.test /12/ab/3/c?g/d/4"),
        ("/g", "rewrite.test /g"),
    ] {
        let seen = pair.send(get("rewrite.test", path)).await.alike();
        assert_eq!(seen.requests(), [format!("one: GET {sent} HTTP/1.1")], "{path}");
    }
    let forged = get("rewrite.test", "/old/x").header("x-envoy-original-path", "/forged");
    let both = pair.send(forged).await.differ(AS_IT_CAME, &["+ log path: /forged", "- log path: /old/x"]);
    assert_eq!(both.ours.sent(1, "x-envoy-original-path"), "/old/x");
}

#[tokio::test]
async fn va_7_rewritten_authorities() {
    let Some(pair) = pair().await else { return };
    let lines = ["+ log authority: rewrite.test", "- log authority: other.test"];
    for (path, sent) in [("/authority/x", "other.test /both/x"), ("/only", "other.test /only")] {
        let both = pair.send(get("rewrite.test", path)).await.differ(AS_IT_CAME, &lines);
        assert_eq!(both.ours.requests(), [format!("one: GET {sent} HTTP/1.1")], "{path}");
        assert_eq!(both.ours.sent(1, "x-envoy-original-host"), "rewrite.test");
    }
}

#[tokio::test]
async fn va_4_va_5_header_operations_of_one_destination() {
    let Some(pair) = pair().await else { return };
    let step = get("headers.test", "/one")
        .header("x-set", "client")
        .header("x-add", "client")
        .header("x-both", "client")
        .header("x-level", "client")
        .header("x-gone", "client")
        .header("x-destination-gone", "client")
        .header("x-set-gone", "client")
        .answer("x-answer-set=backend;x-answer-level=backend;x-answer-add=backend;x-answer-gone=backend");
    let seen = pair.send(step).await.alike();
    assert_eq!(seen.sent(1, "x-level"), "destination");
    assert_eq!(seen.sent(1, "x-both"), "client|rule|destination");
    assert_eq!(seen.sent(1, "x-gone"), "");
    assert_eq!(seen.header("x-answer-level"), "destination");
}

#[tokio::test]
async fn va_5_header_operations_of_several_destinations() {
    let Some(pair) = pair().await else { return };
    let step = get("headers.test", "/many").header("x-both", "client").answer("x-answer-add=backend");
    let seen = pair.send(step).await.alike();
    assert_eq!(seen.sent(1, "x-level"), "rule");
    assert_eq!(seen.sent(1, "x-both"), "client|destination|rule");
    assert_eq!(seen.header("x-answer-level"), "rule");
}

#[tokio::test]
async fn va_6_variables_in_header_values() {
    let Some(pair) = pair().await else { return };
    let step = get("headers.test", "/variables?q").header("x-source", "here").answer("x-given=there");
    let seen = pair.send(step).await.alike();
    assert_eq!(seen.sent(1, "x-client"), "127.0.0.1");
    assert_eq!(seen.sent(1, "x-copy"), "was here");
    assert_eq!(seen.sent(1, "x-percent"), "100%");
    assert_eq!(seen.header("x-copied"), "there");
    pair.send(get("headers.test", "/variables").http2()).await.alike();
}

#[tokio::test]
async fn va_4_setting_host_rewrites_the_authority() {
    let Some(pair) = pair().await else { return };
    for step in [get("headers.test", "/host"), get("headers.test", "/host").http2()] {
        let lines = ["+ log authority: headers.test", "- log authority: set.test"];
        let both = pair.send(step).await.differ(AS_IT_CAME, &lines);
        assert_eq!(both.ours.requests(), ["one: GET set.test /host HTTP/1.1"]);
    }
}

#[tokio::test]
async fn va_8_redirects() {
    let Some(pair) = pair().await else { return };
    let plain = |path: &str| get("redirect.test", path);
    let ported = |path: &str| get("redirect.test:8080", path);
    for (step, status, location) in [
        (plain("/uri?q=1"), 301, "http://redirect.test/there?q=1"),
        (plain("/query?q=1"), 301, "http://redirect.test/there?mine=1"),
        (plain("/authority/x?q"), 301, "http://other.test/authority/x?q"),
        (plain("/both"), 302, "http://other.test:8443/there"),
        (plain("/scheme/x?q"), 301, "https://redirect.test/scheme/x?q"),
        (plain("/port8443"), 307, "https://redirect.test:8443/port8443"),
        (plain("/default"), 301, "https://redirect.test/default"),
        (plain("/asked"), 301, "https://redirect.test:80/asked"),
        (plain("/prefix/x?q"), 301, "http://redirect.test/new/x?q"),
        (ported("/uri"), 301, "http://redirect.test:8080/there"),
        (get("redirect.test:80", "/uri"), 301, "http://redirect.test:80/there"),
        (ported("/scheme"), 301, "https://redirect.test:8080/scheme"),
        (get("redirect.test:80", "/scheme"), 301, "https://redirect.test/scheme"),
        (ported("/authority"), 301, "http://other.test/authority"),
        (plain("/uri").http2(), 301, "http://redirect.test/there"),
        (plain("/uri").grpc(), 200, "http://redirect.test/there"),
    ] {
        let text = format!("{step:?}");
        let seen = pair.send(step).await.alike();
        assert_eq!((seen.status(), seen.header("location")), (status, location), "{text}");
    }
}

#[tokio::test]
async fn va_8_default_ports_are_left_out_of_redirects() {
    let Some(pair) = pair().await else { return };
    for (host, path, ours, envoy) in [
        ("redirect.test", "/port443", "https://redirect.test/port443", "https://redirect.test:443/port443"),
        ("redirect.test", "/port80", "http://redirect.test/port80", "http://redirect.test:80/port80"),
        ("redirect.test:8080", "/port80", "http://redirect.test/port80", "http://redirect.test:80/port80"),
    ] {
        let lines = [format!("+ header location: {ours}"), format!("- header location: {envoy}")];
        let both = pair.send(get(host, path)).await;
        both.differ("Redirects leave out default ports", &lines.each_ref().map(String::as_str));
    }
}

#[tokio::test]
async fn va_9_direct_responses() {
    let Some(pair) = pair().await else { return };
    let cases: [(Step, u16, &str); 5] = [
        (get("direct.test", "/text"), 418, "short and stout"),
        (get("direct.test", "/text").method("HEAD"), 418, ""),
        (get("direct.test", "/typed"), 200, "{}"),
        (get("direct.test", "/empty"), 503, ""),
        (get("direct.test", "/text").grpc(), 200, ""),
    ];
    for (step, status, body) in cases {
        let seen = pair.send(step).await.alike();
        assert_eq!((seen.status(), seen.answer.body.as_str()), (status, body));
    }
}

#[tokio::test]
async fn va_10_mirrors_get_what_the_destination_gets() {
    let Some(pair) = pair().await else { return };
    for step in [post("mirror.test", "/x?q", "hello"), get("mirror.test", "/")] {
        let number = pair.number();
        for side in [&pair.ours, &pair.envoy] {
            let seen = side.send(&step, &number).await;
            assert_eq!(seen.answer.body, "one");
            side.backends.until(&number, 2).await;
        }
        let lines = [
            "+ two header x-forwarded-for: peer",
            "- two header x-envoy-attempt-count: 1",
            "- two header x-forwarded-for: peer,peer",
        ];
        pair.arrivals_differ(&number, "Mirrored requests are copies", &lines);
    }
}
