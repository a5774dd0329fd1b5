use std::time::Duration;

use http::Request;

use super::*;

fn hash(sources: &[HashSource], request: &Request<()>) -> Hashed {
    let source = || Some("10.1.2.3".parse().unwrap());
    HashPolicy::new(sources.to_vec()).hash(&RequestView::of(request), source, || 0xabc)
}

fn one(source: HashSource, request: &Request<()>) -> Option<u64> {
    let hashed = hash(&[source], request);
    assert!(hashed.set_cookies.is_empty());
    hashed.hash
}

fn get(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let request = Request::get(uri);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap()
}

fn header(name: &str) -> HashSource {
    HashSource::Header(HashHeader::new(name).unwrap())
}

fn cookie(ttl: Option<u64>) -> HashSource {
    HashSource::Cookie(HashCookie {
        name: "user".into(),
        path: "/".into(),
        ttl: ttl.map(Duration::from_secs),
        attributes: Vec::new(),
    })
}

fn of(text: &str) -> Option<u64> {
    Some(xx_hash(text.as_bytes(), 0))
}

#[test]
fn lb_5_a_header_is_hashed_as_it_is() {
    assert_eq!(one(header("x-user"), &get("/", &[("x-user", "alice")])), of("alice"));
    assert_eq!(one(header("X-User"), &get("/", &[("x-user", "")])), of(""));
    assert_eq!(one(header("x-user"), &get("/", &[])), None);
}

#[test]
fn lb_5_several_values_are_sorted_and_chained() {
    let expected = Some(xx_hash(b"c", xx_hash(b"b", xx_hash(b"a", 0))));
    for order in [["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]] {
        let headers = order.map(|value| ("x-user", value));
        assert_eq!(one(header("x-user"), &get("/", &headers)), expected);
    }
    // One value with a comma is one value.
    assert_eq!(one(header("x-user"), &get("/", &[("x-user", "a,b")])), of("a,b"));
}

#[test]
fn lb_5_parts_of_the_request_line_are_headers_too() {
    let request = get("http://shop:80/cart?id=7", &[]);
    assert_eq!(one(header(":authority"), &request), of("shop:80"));
    assert_eq!(one(header("Host"), &request), of("shop:80"));
    assert_eq!(one(header(":path"), &request), of("/cart?id=7"));
    assert_eq!(one(header(":method"), &request), of("GET"));
    assert_eq!(one(header(":scheme"), &request), of("http"));
    assert_eq!(HashHeader::new("no header"), None);
    assert_eq!(HashHeader::new(""), None);
}

#[test]
fn lb_5_the_first_value_of_a_parameter_counts() {
    let key = |name: &str, uri: &str| one(HashSource::QueryParameter(name.into()), &get(uri, &[]));
    assert_eq!(key("id", "/?x=1&id=7&id=8"), of("7"));
    assert_eq!(key("id", "/?id=%41"), of("%41"));
    assert_eq!(key("id", "/?id"), of(""));
    assert_eq!(key("id", "/?id=a=b"), of("a=b"));
    assert_eq!(key("id", "/?idx=1&ID=2"), None);
    assert_eq!(key("id", "/"), None);
}

#[test]
fn lb_5_the_source_is_hashed_without_its_port() {
    let with = |address: &str| {
        let source = || address.parse().ok();
        HashPolicy::new(vec![HashSource::SourceIp]).hash(&RequestView::of(&get("/", &[])), source, || 0).hash
    };
    assert_eq!(with("10.1.2.3"), of("10.1.2.3"));
    assert_eq!(with("::ffff:10.1.2.3"), of("10.1.2.3"));
    assert_eq!(with("2001:db8::1"), of("2001:db8::1"));
    assert_eq!(with("nobody"), None);
}

#[test]
fn lb_6_a_cookie_is_hashed_or_made_or_nothing() {
    let has = get("/", &[("cookie", "user=\"alice\"")]);
    for ttl in [None, Some(0), Some(60)] {
        assert_eq!(one(cookie(ttl), &has), of("alice"));
    }
    let without = get("/", &[]);
    assert_eq!(one(cookie(None), &without), None);
    let made = hash(&[cookie(Some(60))], &without);
    assert_eq!(made.hash, of("0000000000000abc"));
    assert_eq!(made.set_cookies, ["user=\"0000000000000abc\"; Max-Age=60; Path=/; HttpOnly"]);
    // A caller that sends it back meets the same host.
    assert_eq!(one(cookie(Some(60)), &get("/", &[("cookie", "user=0000000000000abc")])), made.hash);
}

#[test]
fn lb_5_the_keys_of_a_route_are_combined() {
    let request = get("/?id=7", &[("x-user", "alice")]);
    let (user, id) = (of("alice").unwrap(), of("7").unwrap());
    let parameter = || HashSource::QueryParameter("id".into());
    let combined = |sources: &[HashSource]| hash(sources, &request).hash;
    assert_eq!(combined(&[header("x-user"), parameter()]), Some(user.rotate_left(1) ^ id));
    assert_eq!(combined(&[parameter(), header("x-user")]), Some(id.rotate_left(1) ^ user));
    assert_eq!(combined(&[header("x-user"), header("x-user")]), Some(user.rotate_left(1) ^ user));
    let twice = HashPolicy::new(vec![header("x-user"), header("x-user")]);
    for policy in [twice, HashPolicy::new(vec![header("x-user")])] {
        assert_eq!(policy.hash_of(HashKey::new("alice")), hash(policy.sources(), &request));
    }
    // Where a route has no keys, a call's own key still distinguishes calls.
    assert_eq!(HashPolicy::default().hash_of(HashKey::new("alice")), HashKey::new("alice").into());
    assert_eq!(hash(&[header("x-none"), parameter(), header("x-user")], &request).first, Some(id));
    // A key that the request does not have is passed over.
    assert_eq!(combined(&[header("x-none"), parameter(), header("x-none")]), Some(id));
    assert_eq!(combined(&[]), None);
}

#[test]
fn lb_6_the_same_cookie_is_set_once() {
    let made = hash(&[cookie(Some(0)), cookie(Some(0))], &get("/", &[]));
    assert_eq!(made.set_cookies.len(), 1);
    let value = of("0000000000000abc").unwrap();
    assert_eq!(made.hash, Some(value.rotate_left(1) ^ value));
}
