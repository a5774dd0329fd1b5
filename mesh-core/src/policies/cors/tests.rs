use std::time::Duration;

use http::{HeaderMap, HeaderName, Method};

use super::{CorsPolicy, Unmatched, Verdict};
use crate::pattern::StringMatch;

fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
    let parse = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), value.parse().expect("a value"))
    };
    list.iter().map(parse).collect()
}

fn policy() -> CorsPolicy {
    CorsPolicy::new([
        StringMatch::exact("https://shop.test"),
        StringMatch::regex("https://.*\\.dev").unwrap(),
    ])
    .methods(["GET", "PUT"])
    .unwrap()
    .headers(["x-a", "x-b"])
    .unwrap()
    .expose(["x-cost"])
    .unwrap()
    .max_age(Duration::from_secs(600))
    .credentials(true)
}

fn preflight(policy: &CorsPolicy, origin: &str) -> Option<HeaderMap> {
    let asks = [
        ("origin", origin),
        ("access-control-request-method", "PATCH"),
        ("access-control-request-headers", "x-z"),
    ];
    match policy.judge(&Method::OPTIONS, &headers(&asks)) {
        Verdict::Answer(answer) => Some(answer),
        Verdict::Pass | Verdict::Grant(_) => None,
    }
}

#[test]
fn va_12_a_preflight_of_an_allowed_origin_is_answered() {
    let told = headers(&[
        ("access-control-allow-origin", "https://a.dev"),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET,PUT"),
        ("access-control-allow-headers", "x-a,x-b"),
        ("access-control-expose-headers", "x-cost"),
        ("access-control-max-age", "600"),
    ]);
    assert_eq!(preflight(&policy(), "https://a.dev"), Some(told));
    let bare = CorsPolicy::new([StringMatch::prefix("https://")]);
    let told = headers(&[("access-control-allow-origin", "https://a.dev")]);
    assert_eq!(preflight(&bare, "https://a.dev"), Some(told));
}

#[test]
fn va_12_a_lone_star_allows_what_is_asked_for() {
    let stars = policy().methods(["*"]).unwrap().headers(["*"]).unwrap();
    let told = preflight(&stars, "https://shop.test").unwrap();
    assert_eq!(told["access-control-allow-methods"], "PATCH");
    assert_eq!(told["access-control-allow-headers"], "x-z");
    let star = policy().headers(["*", "x-a"]).unwrap();
    assert_eq!(preflight(&star, "https://shop.test").unwrap()["access-control-allow-headers"], "*,x-a");
}

#[test]
fn va_12_a_preflight_from_elsewhere_goes_on_or_is_answered_without_the_origin() {
    assert_eq!(preflight(&policy(), "https://evil.test"), None);
    let told = headers(&[
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET,PUT"),
        ("access-control-allow-headers", "x-a,x-b"),
        ("access-control-max-age", "600"),
    ]);
    assert_eq!(preflight(&policy().unmatched(Unmatched::Ignore), "https://evil.test"), Some(told));
}

#[test]
fn va_12_only_options_that_asks_for_a_method_is_a_preflight() {
    let both = headers(&[("origin", "https://shop.test"), ("access-control-request-method", "PUT")]);
    let origin = headers(&[("origin", "https://shop.test")]);
    let granted = |method: &Method, headers: &HeaderMap| policy().judge(method, headers);
    assert!(matches!(granted(&Method::GET, &both), Verdict::Grant(_)));
    assert!(matches!(granted(&Method::OPTIONS, &origin), Verdict::Grant(_)));
    let empty = headers(&[("origin", "https://shop.test"), ("access-control-request-method", "")]);
    assert!(matches!(granted(&Method::OPTIONS, &empty), Verdict::Grant(_)));
    for nobody in [headers(&[]), headers(&[("origin", "")]), headers(&[("origin", "https://evil.test")])] {
        assert_eq!(granted(&Method::GET, &nobody), Verdict::Pass);
    }
}

#[test]
fn va_12_a_granted_response_names_the_origin_in_place_of_what_the_service_said() {
    let mut response = headers(&[("access-control-allow-origin", "*"), ("x-cost", "1")]);
    policy().grant("https://shop.test".parse().unwrap(), &mut response);
    let told = headers(&[
        ("access-control-allow-origin", "https://shop.test"),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "x-cost"),
        ("x-cost", "1"),
    ]);
    assert_eq!(response, told);
}

#[test]
fn va_11_a_star_is_any_origin_and_no_origin_is_none() {
    let any = CorsPolicy::new([StringMatch::exact("*")]);
    assert!(preflight(&any, "null").is_some());
    assert_eq!(preflight(&CorsPolicy::default(), "https://shop.test"), None);
    assert!(policy().methods(["G\nET"]).is_err());
}
