use http::Request;
use proptest::prelude::*;

use super::*;

fn request(uri: &str) -> http::request::Builder {
    Request::builder().uri(uri)
}

fn fits(matcher: &Matcher, builder: http::request::Builder) -> bool {
    let request = builder.body(()).unwrap();
    matcher.matches(&RequestView::of(&request))
}

fn exact(text: &str) -> Option<StringMatch> {
    Some(StringMatch::exact(text))
}

#[test]
fn vm_1_no_condition_matches_everything_and_all_must_hold() {
    assert!(fits(&Matcher::any(), request("/x")));
    let both = Matcher::any().uri(StringMatch::prefix("/a"), false).method(StringMatch::exact("POST"));
    assert!(fits(&both, request("/a/b").method("POST")));
    assert!(!fits(&both, request("/a/b")));
    assert!(!fits(&both, request("/b").method("POST")));
}

#[test]
fn vm_3_uri_is_the_path_alone_and_prefix_is_plain_text() {
    let prefix = Matcher::any().uri(StringMatch::prefix("/foo"), false);
    assert!(fits(&prefix, request("/foobar?x=1")));
    assert!(!fits(&prefix, request("/FOO")));
    let exact = Matcher::any().uri(StringMatch::exact("/foo"), false);
    assert!(fits(&exact, request("http://host/foo?x=1")));
    assert!(!fits(&exact, request("/foo/")));
    let regex = Matcher::any().uri(StringMatch::regex("/[a-z]+").unwrap(), false);
    assert!(fits(&regex, request("/foo?X")));
    assert!(!fits(&regex, request("/foo/bar")));
}

#[test]
fn vm_3_ignore_uri_case_is_about_exact_and_prefix() {
    assert!(fits(&Matcher::any().uri(StringMatch::exact("/Foo"), true), request("/fOO")));
    assert!(fits(&Matcher::any().uri(StringMatch::prefix("/Foo"), true), request("/fOO/bar")));
    assert!(!fits(&Matcher::any().uri(StringMatch::prefix("/Foo"), true), request("/f")));
    assert!(!fits(&Matcher::any().uri(StringMatch::regex("/foo").unwrap(), true), request("/FOO")));
}

#[test]
fn ga_3_path_prefix_ends_with_a_segment() {
    let below = Matcher::any().path_segments("/abc/");
    for (path, want) in [("/abc", true), ("/abc/", true), ("/abc/d", true), ("/abcd", false), ("/", false)] {
        assert_eq!(fits(&below, request(path)), want, "{path}");
    }
    assert!(fits(&Matcher::any().path_segments("/"), request("/any")));
}

#[test]
fn vm_4_scheme_method_authority_are_case_sensitive() {
    let authority = Matcher::any().authority(StringMatch::exact("a.b:80"));
    assert!(fits(&authority, request("/").header("host", "a.b:80")));
    assert!(fits(&authority, request("http://a.b:80/")));
    assert!(!fits(&authority, request("/").header("host", "A.b:80")));
    assert!(!fits(&authority, request("/").header("host", "a.b")));
    assert!(!fits(&Matcher::any().method(StringMatch::exact("get")), request("/")));
    let scheme = Matcher::any().scheme(StringMatch::exact("https"));
    assert!(fits(&scheme, request("https://a/")));
    let origin_form = request("/").body(()).unwrap();
    assert!(scheme.matches(&RequestView::of(&origin_form).scheme("https")));
}

#[test]
fn vm_5_headers() {
    let joined = Matcher::any().header("X-Tag", exact("a,b")).unwrap();
    assert!(fits(&joined, request("/").header("x-tag", "a").header("x-tag", "b")));
    assert!(!fits(&joined, request("/").header("x-tag", "a")));
    let present = Matcher::any().header("x-tag", None).unwrap();
    assert!(fits(&present, request("/").header("x-tag", "")));
    assert!(!fits(&present, request("/")));
    let any_value = Matcher::any().header("x-tag", Some(StringMatch::regex(".*").unwrap())).unwrap();
    assert!(!fits(&any_value, request("/")));
}

#[test]
fn vm_5_pseudo_names_are_keys_and_plain_names_are_headers() {
    let path = Matcher::any().header(":path", exact("/a?b=c")).unwrap();
    assert!(fits(&path, request("/a?b=c")));
    let method = Matcher::any().header(":method", exact("GET")).unwrap();
    assert!(fits(&method, request("/")));
    let plain = Matcher::any().header("method", exact("GET")).unwrap();
    assert!(!fits(&plain, request("/")));
    assert!(fits(&plain, request("/").header("method", "GET")));
    assert!(Matcher::any().header(":status", None).is_err());
    assert!(Matcher::any().header("no good", None).is_err());
}

#[test]
fn vm_6_without_headers() {
    let not = Matcher::any().without_header("x", exact("a")).unwrap();
    assert!(fits(&not, request("/")));
    assert!(fits(&not, request("/").header("x", "b")));
    assert!(!fits(&not, request("/").header("x", "a")));
    let not_empty = Matcher::any().without_header("x", exact("")).unwrap();
    assert!(!fits(&not_empty, request("/")));
    let absent = Matcher::any().without_header("x", None).unwrap();
    assert!(fits(&absent, request("/")));
    assert!(!fits(&absent, request("/").header("x", "")));
}

#[test]
fn vm_7_query_params() {
    let value = Matcher::any().query_param("k", exact("a%20b"));
    assert!(fits(&value, request("/?k=a%20b&k=c")));
    assert!(!fits(&value, request("/?k=c&k=a%20b")));
    assert!(!fits(&value, request("/?K=a%20b")));
    assert!(!fits(&value, request("/?kk=a%20b")));
    assert!(!fits(&value, request("/")));
    assert!(fits(&Matcher::any().query_param("k", exact("")), request("/?j=1&k")));
    assert!(fits(&Matcher::any().query_param("k", None), request("/?k")));
}

#[test]
fn vs_3_catch_alls() {
    let uri = |want| Matcher::any().uri(want, false);
    assert!(Matcher::any().is_catch_all());
    assert!(uri(StringMatch::prefix("/")).is_catch_all());
    assert!(uri(StringMatch::regex(".*").unwrap()).is_catch_all());
    assert!(!uri(StringMatch::prefix("/a")).is_catch_all());
    assert!(!uri(StringMatch::prefix("/")).method(StringMatch::exact("GET")).is_catch_all());
    assert!(Matcher::any().is_any());
    assert!(!uri(StringMatch::prefix("/")).is_any());
}

#[test]
fn explain_names_the_first_condition_that_failed() {
    let matcher = Matcher::any()
        .uri(StringMatch::prefix("/a"), false)
        .method(StringMatch::exact("POST"))
        .header("x-user", exact("jason"))
        .unwrap();
    let why = |builder: http::request::Builder| {
        let request = builder.body(()).unwrap();
        matcher.check(&RequestView::of(&request)).map_err(|why| matcher.explain(why))
    };
    assert_eq!(why(request("/b")), Err("uri prefix \"/a\"".into()));
    assert_eq!(why(request("/a")), Err("method exact \"POST\"".into()));
    assert_eq!(why(request("/a").method("POST")), Err("header x-user exact \"jason\"".into()));
    assert_eq!(why(request("/a").method("POST").header("x-user", "jason")), Ok(()));
}

/// Matchers over a tiny alphabet, so that they meet often.
fn matcher() -> impl Strategy<Value = Matcher> {
    let text = "/[abA/]{0,3}";
    let uri = prop_oneof![
        text.prop_map(|text| Some((StringMatch::exact(&text), false))),
        text.prop_map(|text| Some((StringMatch::exact(&text), true))),
        text.prop_map(|text| Some((StringMatch::prefix(&text), false))),
        text.prop_map(|text| Some((StringMatch::prefix(&text), true))),
        Just(Some((StringMatch::regex("/a.*").unwrap(), false))),
        Just(None),
    ];
    let segments = proptest::option::weighted(0.2, text);
    (uri, segments, any::<bool>()).prop_map(|(uri, segments, method)| {
        let mut matcher = Matcher::any();
        if let Some((want, ignore_case)) = uri {
            matcher = matcher.uri(want, ignore_case);
        }
        if let Some(prefix) = segments {
            matcher = matcher.path_segments(&prefix);
        }
        if method { matcher.method(StringMatch::exact("GET")) } else { matcher }
    })
}

proptest! {
    #[test]
    fn vs_5_what_is_covered_never_serves(first in matcher(), later in matcher(), path in "/[abA/]{0,4}") {
        let request = request(&path).body(()).unwrap();
        let view = RequestView::of(&request);
        if first.covers(&later) && later.matches(&view) {
            prop_assert!(first.matches(&view), "{first} should cover {later} for {path}");
        }
        prop_assert!(first.covers(&first));
        prop_assert!(Matcher::any().covers(&first));
    }
}
