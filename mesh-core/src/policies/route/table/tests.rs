use http::Request;
use proptest::prelude::*;

use super::*;
use crate::endpoint::ClusterId;
use crate::route::{Action, Earlier, Forward, Matcher, StringMatch, host_of};

fn route(name: &str, matcher: Matcher) -> Arc<Route> {
    Arc::new(Route::new(name.into(), matcher, Action::Forward(Forward::to(ClusterId(0)))))
}

fn host(name: &str, domains: &[&str]) -> VirtualHost {
    VirtualHost {
        key: VirtualHostKey::Named(name.into()),
        domains: domains.iter().map(|&domain| domain.into()).collect(),
        routes: vec![route("default", Matcher::any())],
        grpc_web: false,
        origin: Origin::default(),
    }
}

fn table(hosts: Vec<VirtualHost>) -> RouteTable {
    RouteTable::build("80".into(), hosts, Fallback::NotFound).unwrap()
}

fn found<'a>(table: &'a RouteTable, authority: &str) -> Option<&'a str> {
    table.host(authority).map(|host| match &host.key {
        VirtualHostKey::Named(name) => &**name,
        other => panic!("{other} has no name of its own"),
    })
}

#[test]
fn h_7_exact_then_leading_then_trailing_then_any() {
    let table = table(vec![
        host("any", &["*"]),
        host("short", &["*.com"]),
        host("long", &["*.foo.com"]),
        host("dash", &["*-x.foo.com"]),
        host("trailing", &["api.*", "www.api.*"]),
        host("exact", &["a.foo.com"]),
    ]);
    for (authority, want) in [
        ("a.foo.com", Some("exact")),
        ("A.FOO.com", Some("exact")),
        ("a.foo.com:8080", Some("exact")),
        ("b.foo.com", Some("long")),
        ("b-x.foo.com", Some("dash")),
        ("foo.com", Some("short")),
        ("api.foo.com", Some("long")),
        ("api.org", Some("trailing")),
        ("other", Some("any")),
        ("[::1]:80", Some("any")),
        ("", None),
        (":80", None),
    ] {
        assert_eq!(found(&table, authority), want, "{authority}");
    }
}

#[test]
fn h_6_domains_with_a_port_are_kept_apart_and_found_by_any_port() {
    let table = table(vec![
        host("one", &["a:80", "[::1]:80"]),
        host("two", &["a:81"]),
        host("three", &["b", "b:80"]),
        host("four", &["b:81"]),
    ]);
    assert_eq!(found(&table, "a:80"), Some("one"));
    assert_eq!(found(&table, "a:81"), Some("two"));
    assert_eq!(found(&table, "a"), Some("one"));
    assert_eq!(found(&table, "a:9"), Some("one"));
    assert_eq!(found(&table, "b:9"), Some("three"));
    assert_eq!(found(&table, "b:81"), Some("four"));
    assert_eq!(found(&table, "[::1]"), Some("one"));
}

#[test]
fn a_domain_belongs_to_one_host() {
    let error =
        RouteTable::build("80".into(), vec![host("a", &["x", "x"]), host("b", &["X"])], Fallback::NotFound)
            .unwrap_err();
    assert_eq!(error.to_string(), "domain \"X\" is declared by \"a\" and by \"b\"");
}

#[test]
fn h_7_host_of_an_authority() {
    for (authority, want) in [
        ("a:80", "a"),
        ("a", "a"),
        ("a:", "a"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
        ("::1", "::1"),
        ("10.0.0.1", "10.0.0.1"),
        ("", ""),
    ] {
        assert_eq!(host_of(authority), want, "{authority}");
    }
}

#[test]
fn vs_5_first_hit_wins_and_no_hit_is_no_fallback() {
    let uri = |prefix| Matcher::any().uri(StringMatch::prefix(prefix), false);
    let mut reviews = host("reviews", &["reviews"]);
    reviews.routes = vec![route("a", uri("/a")), route("ab", uri("/ab")), route("b", uri("/b"))];
    let table = table(vec![reviews]);
    let mut earlier: Vec<Earlier> = Vec::new();
    let request = Request::builder().uri("http://reviews/ab").body(()).unwrap();
    let view = RequestView::of(&request);
    assert!(matches!(table.find(&view), Found::Route(_, route) if &*route.name == "a"));

    let request = Request::builder().uri("http://reviews/b").body(()).unwrap();
    let view = RequestView::of(&request);
    assert!(
        matches!(table.find_recorded(&view, &mut earlier), Found::Route(_, route) if &*route.name == "b")
    );
    let reasons: Vec<_> = earlier.iter().map(Earlier::reason).collect();
    assert_eq!(reasons, ["uri prefix \"/a\"", "uri prefix \"/ab\""]);

    let request = Request::builder().uri("http://reviews/c").body(()).unwrap();
    assert!(matches!(table.find(&RequestView::of(&request)), Found::NoRule(_)));
    let request = Request::builder().uri("http://ratings/").body(()).unwrap();
    assert!(matches!(table.find(&RequestView::of(&request)), Found::NoHost(Fallback::NotFound)));
}

/// H-3 and H-7 as they read: every domain is tried.
fn naive(hosts: &[VirtualHost], authority: &str) -> Option<VirtualHostKey> {
    let authority = authority.to_lowercase();
    let name = authority.split(':').next().unwrap();
    let rank = |domain: &str| -> Option<(u8, usize)> {
        if domain == name {
            Some((3, 0))
        } else if domain == "*" {
            (!name.is_empty()).then_some((0, 0))
        } else if let Some(suffix) = domain.strip_prefix('*') {
            (!name.is_empty() && name.ends_with(suffix)).then_some((2, suffix.len()))
        } else if let Some(prefix) = domain.strip_suffix('*') {
            name.starts_with(prefix).then_some((1, prefix.len()))
        } else {
            None
        }
    };
    let all = hosts.iter().flat_map(|host| host.domains.iter().map(move |domain| (host, domain)));
    all.filter_map(|(host, domain)| rank(domain).map(|rank| (rank, host)))
        .max_by_key(|(rank, _)| *rank)
        .map(|(_, host)| host.key.clone())
}

proptest! {
    #[test]
    fn h_7_lookup_equals_the_naive_reference(
        domains in proptest::collection::btree_set("[ab.]{1,4}|\\*[ab.]{0,3}|[ab.]{1,3}\\*", 0..24),
        asked in "[abAB.]{0,5}(:[0-9]{1,2})?",
    ) {
        let hosts: Vec<_> = domains.iter().map(|domain| host(domain, &[domain])).collect();
        let want = naive(&hosts, &asked);
        let table = table(hosts);
        prop_assert_eq!(table.host(&asked).map(|host| host.key.clone()), want);
    }

    #[test]
    fn h_7_any_authority_is_looked_up_without_panic(asked: String) {
        let table = table(vec![host("a", &["*é.com", "x*"]), host("any", &["*"])]);
        let _ = table.host(&asked);
    }
}
