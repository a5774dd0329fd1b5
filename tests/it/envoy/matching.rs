//! Which rule matches.

use super::harness::{Pair, get, recorded};

async fn pair() -> Option<Pair> {
    Pair::gateway("routing", &["one", "two"]).await
}

#[tokio::test]
async fn vs_5_the_first_match_wins() {
    let Some(pair) = pair().await else { return };
    for (path, route) in [
        ("/a", "prefix"),
        ("/ab", "prefix"),
        ("/a/b/c?q=/b", "prefix"),
        ("/b", "exact"),
        ("/b?q", "exact"),
        ("/b/", "-"),
        ("/cd/12", "regex"),
        ("/cd/123", "-"),
        ("/cd/1?/2", "-"),
        ("/mixED/x", "case"),
        ("/A", "-"),
        ("/", "-"),
    ] {
        let seen = pair.send(get("order.test", path)).await.alike();
        assert_eq!(seen.logged("route"), route, "{path}");
        assert_eq!(seen.status(), if route == "-" { 404 } else { 200 }, "{path}");
    }
}

#[tokio::test]
async fn vm_5_vm_6_headers_and_methods_are_matched() {
    let Some(pair) = pair().await else { return };
    for (step, route) in [
        (get("a.match.test", "/m").method("PUT"), "method"),
        (get("a.match.test", "/m"), "-"),
        (get("a.match.test", "/").header("x-exact", "one"), "header"),
        (get("a.match.test", "/").header("X-Exact", "one"), "header"),
        (get("a.match.test", "/").header("x-exact", "One"), "-"),
        (get("a.match.test", "/").header("x-prefix", "once").header("x-both", "yes"), "header"),
        (get("a.match.test", "/").header("x-prefix", "once"), "-"),
        (get("a.match.test", "/").header("x-regex", "ome"), "header"),
        (get("a.match.test", "/").header("x-regex", "some"), "-"),
        (get("a.match.test", "/").header("x-present", ""), "header"),
        (get("a.match.test", "/").header("x-present", "any"), "header"),
        (get("a.match.test", "/without"), "without"),
        (get("a.match.test", "/without").header("x-not", "two"), "without"),
        (get("a.match.test", "/without").header("x-not", "one"), "-"),
        (get("a.match.test", "/without").header("x-absent", ""), "-"),
    ] {
        let text = format!("{step:?}");
        let seen = pair.send(step).await.alike();
        assert_eq!(seen.logged("route"), route, "{text}");
    }
}

#[tokio::test]
async fn vm_5_several_values_are_matched_together() {
    let Some(pair) = pair().await else { return };
    let both = pair.send(get("a.match.test", "/").header("x-exact", "one").header("x-exact", "two")).await;
    assert_eq!((both.ours.status(), both.envoy.status()), (404, 200));
    let both = pair.send(get("a.match.test", "/").header("x-regex", "one").header("x-regex", "ome")).await;
    assert_eq!((both.ours.status(), both.envoy.status()), (404, 200));
    recorded("Several values of one header are matched together");
}

#[tokio::test]
async fn vm_4_vm_7_queries_and_authorities_are_matched() {
    let Some(pair) = pair().await else { return };
    for (host, path, route) in [
        ("a.match.test", "/?q=one", "query"),
        ("a.match.test", "/?x=1&q=one", "query"),
        ("a.match.test", "/?q=two&q=one", "-"),
        ("a.match.test", "/?Q=one", "-"),
        ("a.match.test", "/?q=o%6ee", "-"),
        ("a.match.test", "/?r=ome", "query"),
        ("a.match.test", "/?r=omen", "-"),
        ("a.match.test", "/?p=only", "query"),
        ("a.match.test", "/?e", "query"),
        ("a.match.test", "/?e=", "query"),
        ("a.match.test", "/?e=1", "-"),
        ("b.match.test", "/", "authority"),
        ("b.match.test:80", "/", "-"),
        ("b.match.test:80", "/rest", "rest"),
        ("B.match.test", "/", "-"),
        ("A.Match.TEST", "/rest", "rest"),
    ] {
        let seen = pair.send(get(host, path)).await.alike();
        assert_eq!(seen.logged("route"), route, "{host}{path}");
    }
}

#[tokio::test]
async fn az_15_paths_are_normalized_before_they_are_matched() {
    let Some(pair) = pair().await else { return };
    for (path, route, forwarded) in [
        ("/x/../b", "exact", "/b"),
        ("/./a/./x", "prefix", "/a/x"),
        ("/x//y", "slashes", "/x//y"),
        ("/%61/b", "prefix", "/a/b"),
        ("/a%2Fb", "prefix", "/a%2Fb"),
        ("/a%2fb", "prefix", "/a%2fb"),
        ("/a\\b", "prefix", "/a/b"),
        ("/a/..%2fb", "prefix", "/a/..%2fb"),
        ("/a/%2e%2e/b?x=/../y", "exact", "/b?x=/../y"),
        ("/a/../../b", "exact", "/b"),
        ("/a/b/..", "prefix", "/a/"),
        ("/a%7Eb", "prefix", "/a~b"),
        ("/a%zz", "prefix", "/a%zz"),
    ] {
        let mut lines = vec![format!("+ log path: {path}"), format!("- log path: {forwarded}")];
        lines.retain(|_| path != forwarded);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let both = pair.send(get("order.test", path)).await;
        let seen = both.differ("The access log shows the request as it came", &lines).envoy;
        assert_eq!(seen.logged("route"), route, "{path}");
        assert!(seen.requests()[0].contains(&format!(" {forwarded} ")), "{path}: {:?}", seen.requests());
    }
}
