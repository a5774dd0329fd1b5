//! Balancing by hash through the whole stack (LB-5 to LB-8, RT-7, OU-4); `envoy::hash` compares the
//! choice with Envoy's.

use std::collections::{BTreeMap, HashSet};

use http::Request;
use mesh_tests::config::{destination_rule, service, versioned_service, virtual_service};
use mesh_tower::test::{Answer, MeshTest, TestMesh, pass};
use mesh_tower::{Body, CallOptions};

const URI: &str = "http://api/";
const ADDRESSES: [&str; 5] = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"];

fn balanced(settings: &str, rest: &str) -> String {
    let policy = format!("  trafficPolicy: {{loadBalancer: {{consistentHash: {settings}}}}}\n{rest}");
    service("api", "http", 80, &ADDRESSES) + &destination_rule("api", &policy)
}

/// The mesh, whose upstreams answer with their addresses.
async fn start(yaml: &str) -> TestMesh {
    let test = MeshTest::new(yaml).start().await;
    for address in ADDRESSES {
        let _ = test.upstream(&format!("{address}:80")).respond(200, address);
    }
    test
}

fn request(uri: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::get(uri);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::empty()).unwrap()
}

async fn ask(test: &TestMesh, uri: &str, headers: &[(&str, &str)]) -> String {
    test.send(request(uri, headers)).await.text()
}

fn set_cookies(answer: &Answer) -> Vec<&str> {
    answer.head.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn lb_5_the_same_key_meets_the_same_endpoint() {
    let header = |key: &str| request(URI, &[("x-user", key)]);
    let parameter = |key: &str| request(&format!("http://api/?user={key}"), &[]);
    let cookie = |key: &str| request(URI, &[("cookie", &format!("a=b; user={key}"))]);
    let cases: [(&str, &dyn Fn(&str) -> Request<Body>); 4] = [
        ("{httpHeaderName: x-user}", &header),
        ("{httpHeaderName: x-user, maglev: {tableSize: 1009}}", &header),
        ("{httpQueryParameterName: user}", &parameter),
        ("{httpCookie: {name: user}}", &cookie),
    ];
    let mut picks: Vec<Vec<String>> = Vec::new();
    for (settings, make) in cases {
        let test = start(&balanced(settings, "")).await;
        let mut picked = Vec::new();
        for key in 0..100 {
            let key = format!("user-{key}");
            let first = test.send(make(&key)).await.text();
            assert_eq!(test.send(make(&key)).await.text(), first, "{settings}");
            picked.push(first);
        }
        assert_eq!(picked.iter().collect::<HashSet<_>>().len(), ADDRESSES.len(), "{settings}");
        picks.push(picked);
    }
    // The same key on the same ring, whatever the order of the endpoints is.
    assert!(picks[0] == picks[2] && picks[0] == picks[3] && picks[0] != picks[1]);
}

#[tokio::test(start_paused = true)]
async fn lb_5_without_a_key_the_endpoint_is_random() {
    for settings in ["{httpHeaderName: x-user}", "{httpCookie: {name: user}}", "{useSourceIp: true}"] {
        let test = start(&balanced(settings, "")).await;
        let mut met = BTreeMap::new();
        for _ in 0..200 {
            *met.entry(ask(&test, URI, &[]).await).or_insert(0) += 1;
        }
        assert!(met.len() == 5 && met.values().all(|count| *count >= 15), "{settings} {met:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lb_6_who_has_no_cookie_gets_one_and_comes_back() {
    let test = start(&balanced("{httpCookie: {name: user, path: /shop, ttl: 90s}}", "")).await;
    for _ in 0..20 {
        let first = test.get(URI).await;
        let [cookie] = set_cookies(&first)[..] else { panic!("{:?}", first.head.headers) };
        let value = cookie.strip_prefix("user=\"").and_then(|rest| rest.split_once('"')).unwrap().0;
        assert_eq!(cookie, format!("user=\"{value}\"; Max-Age=90; Path=/shop; HttpOnly"));
        let again = test.send(request(URI, &[("cookie", &format!("user={value}"))])).await;
        assert_eq!(again.text(), first.text());
        assert!(set_cookies(&again).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn lb_6_operations_see_the_cookie_and_local_answers_have_none() {
    let http = "  - headers: {response: {set: {set-cookie: mine}}}\n    route: [{destination: {host: api}}]";
    let policy = balanced("{httpCookie: {name: user, ttl: 0s}}", "");
    let test = start(&(policy.clone() + &virtual_service("api", http))).await;
    assert_eq!(set_cookies(&test.get(URI).await), ["mine"]);
    drop(test);
    let test = start(&policy).await;
    for address in ADDRESSES {
        test.upstream(&format!("{address}:80")).down();
    }
    let answer = test.get(URI).await;
    assert_eq!((answer.status().as_u16(), set_cookies(&answer).len()), (503, 0));
}

#[tokio::test(start_paused = true)]
async fn ou_4_a_call_brings_its_own_key() {
    let test = start(&balanced("{httpHeaderName: x-user}", "")).await;
    for key in 0..40 {
        let key = format!("user-{key}");
        let by_header = ask(&test, URI, &[("x-user", &key)]).await;
        let mut call = request(URI, &[("x-user", "somebody else")]);
        call.extensions_mut().insert(CallOptions::new().hash_key(&key));
        assert_eq!(test.send(call).await.text(), by_header);
    }
}

#[tokio::test(start_paused = true)]
async fn ou_4_a_key_chooses_the_version_too_unless_a_subset_is_named() {
    let test = start(&canary(50, "{httpHeaderName: x-user}")).await;
    for key in 0..40 {
        let key = format!("user-{key}");
        let by_header = ask(&test, URI, &[("x-user", &key)]).await;
        let mut call = request(URI, &[]);
        call.extensions_mut().insert(CallOptions::new().hash_key(&key));
        assert_eq!(test.send(call).await.text(), by_header);
        let mut call = request(URI, &[]);
        call.extensions_mut().insert(CallOptions::new().hash_key(&key).subset("v2"));
        assert_eq!(test.send(call).await.text(), "10.0.0.2");
    }
}

#[tokio::test(start_paused = true)]
async fn ou_4_a_key_means_nothing_without_a_table() {
    let test = start(&service("api", "http", 80, &ADDRESSES)).await;
    let mut met = HashSet::new();
    for _ in 0..60 {
        let mut call = request(URI, &[]);
        call.extensions_mut().insert(CallOptions::new().hash_key("alice"));
        met.insert(test.send(call).await.text());
    }
    assert_eq!(met.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn rt_7_a_retry_stays_with_its_host_and_rt_12_moves_on_when_told() {
    for (retries, stays) in [
        ("{attempts: 2, retryOn: 5xx}", true),
        ("{attempts: 2, retryOn: 5xx, retryIgnorePreviousHosts: true}", false),
    ] {
        let http = format!("  - retries: {retries}\n    route: [{{destination: {{host: api}}}}]");
        let yaml = balanced("{httpHeaderName: x-user}", "") + &virtual_service("api", &http);
        for key in ["alice", "bob", "carol"] {
            let test = start(&yaml).await;
            let home = ask(&test, URI, &[("x-user", key)]).await;
            test.upstream(&format!("{home}:80")).forget_arrivals().fail_next(if stays { 3 } else { 1 }, 503);
            let answer = test.send(request(URI, &[("x-user", key)])).await;
            let arrivals = test.upstream(&format!("{home}:80")).arrival_count();
            if stays {
                assert_eq!((answer.status().as_u16(), arrivals), (503, 3));
            } else {
                assert_eq!((answer.status().as_u16(), arrivals), (200, 1));
                assert_ne!(answer.text(), home);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lb_7_most_keys_of_other_endpoints_stay_when_one_is_lost() {
    let settings = "{httpHeaderName: x-user}";
    let test = start(&balanced(settings, "")).await;
    let mut before = Vec::new();
    for key in 0..200 {
        before.push(ask(&test, URI, &[("x-user", &key.to_string())]).await);
    }
    let policy = format!("  trafficPolicy: {{loadBalancer: {{consistentHash: {settings}}}}}\n");
    test.reload(&(service("api", "http", 80, &ADDRESSES[1..]) + &destination_rule("api", &policy)));
    let mut moved = 0;
    for (key, before) in before.iter().enumerate() {
        let now = ask(&test, URI, &[("x-user", &key.to_string())]).await;
        moved += usize::from(now != *before);
        assert_ne!(now, ADDRESSES[0]);
    }
    assert!(moved >= before.iter().filter(|before| **before == ADDRESSES[0]).count());
    assert!(moved <= 2 * before.len() / ADDRESSES.len(), "{moved}");
}

#[tokio::test(start_paused = true)]
async fn lb_7_keys_of_an_ejected_endpoint_move_and_come_back() {
    let outlier =
        "    outlierDetection: {consecutive5xxErrors: 1, maxEjectionPercent: 100, baseEjectionTime: 30s}";
    let yaml = service("api", "http", 80, &ADDRESSES)
        + &destination_rule(
            "api",
            &format!(
                "  trafficPolicy:\n    loadBalancer: {{consistentHash: {{httpHeaderName: x-user}}}}\n{outlier}"
            ),
        );
    let test = start(&yaml).await;
    let home = ask(&test, URI, &[("x-user", "alice")]).await;
    test.upstream(&format!("{home}:80")).fail_next(1, 500);
    assert_eq!(test.send(request(URI, &[("x-user", "alice")])).await.status(), 500);
    let away = ask(&test, URI, &[("x-user", "alice")]).await;
    assert_ne!(away, home);
    assert_eq!(ask(&test, URI, &[("x-user", "alice")]).await, away);
    pass(std::time::Duration::from_secs(45)).await;
    assert_eq!(ask(&test, URI, &[("x-user", "alice")]).await, home);
}

fn canary(second: u32, settings: &str) -> String {
    let first = 100 - second;
    versioned_service("api", "http", 80, &[("10.0.0.1", "v1"), ("10.0.0.2", "v2")])
        + &destination_rule(
            "api",
            &format!(
                "  trafficPolicy: {{loadBalancer: {{consistentHash: {settings}}}}}
  subsets: [{{name: v1, labels: {{version: v1}}}}, {{name: v2, labels: {{version: v2}}}}]"
            ),
        )
        + &virtual_service(
            "api",
            &format!(
                "  - route:
    - {{destination: {{host: api, subset: v1}}, weight: {first}}}
    - {{destination: {{host: api, subset: v2}}, weight: {second}}}"
            ),
        )
}

/// The keys whose requests the second subset serves.
async fn users_of_v2(test: &TestMesh, keys: u32) -> HashSet<u32> {
    let mut found = HashSet::new();
    for key in 0..keys {
        if ask(test, URI, &[("x-user", &key.to_string())]).await == "10.0.0.2" {
            found.insert(key);
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn wish_22_a_canary_sticks_to_its_users() {
    let test = start(&canary(5, "{httpHeaderName: x-user}")).await;
    let five = users_of_v2(&test, 10_000).await;
    assert_eq!(users_of_v2(&test, 10_000).await, five);
    assert!((400..600).contains(&five.len()), "{}", five.len());
    test.reload(&canary(10, "{httpHeaderName: x-user}"));
    let ten = users_of_v2(&test, 10_000).await;
    assert!(ten.is_superset(&five) && (900..1_100).contains(&ten.len()), "{}", ten.len());
    // Another process with another seed.
    let other = MeshTest::new(&canary(5, "{httpHeaderName: x-user}")).seed(99).start().await;
    for address in ["10.0.0.1", "10.0.0.2"] {
        let _ = other.upstream(&format!("{address}:80")).respond(200, address);
    }
    assert_eq!(users_of_v2(&other, 1_000).await, five.into_iter().filter(|key| *key < 1_000).collect());
}

#[tokio::test(start_paused = true)]
async fn wish_22_a_new_user_keeps_the_version_of_the_first_answer() {
    let test = start(&canary(50, "{httpCookie: {name: user, ttl: 0s}}")).await;
    let mut met = HashSet::new();
    for _ in 0..30 {
        let first = test.get(URI).await;
        let [cookie] = set_cookies(&first)[..] else { panic!("one cookie for both subsets") };
        let pair = cookie.split_once(';').unwrap().0.to_owned();
        for _ in 0..3 {
            assert_eq!(ask(&test, URI, &[("cookie", &pair)]).await, first.text());
        }
        met.insert(first.text().to_owned());
    }
    assert_eq!(met.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn wish_22_without_a_key_or_under_istio_runtime_the_version_is_drawn() {
    let test = start(&canary(50, "{httpHeaderName: x-user}")).await;
    let mut met = HashSet::new();
    for _ in 0..40 {
        met.insert(ask(&test, URI, &[]).await);
    }
    assert_eq!(met.len(), 2);
    let runtime =
        MeshTest::new(&canary(50, "{httpHeaderName: x-user}")).with(|mesh| mesh.istio_runtime(true));
    let runtime = runtime.start().await;
    for address in ["10.0.0.1", "10.0.0.2"] {
        let _ = runtime.upstream(&format!("{address}:80")).respond(200, address);
    }
    let mut met = HashSet::new();
    for _ in 0..40 {
        met.insert(ask(&runtime, URI, &[("x-user", "alice")]).await);
    }
    assert_eq!(met.len(), 2);
}
