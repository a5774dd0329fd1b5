//! The same endpoint for the same endpoints and keys (LB-5 to LB-8, LB-12 to LB-14, RT-12).
//!
//! Both have the very same backends, because endpoints are hashed by their addresses.

mod layers;
mod world;

use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use mesh_core::balance::{
    AvoidedPriorities, BalancePolicy, HashKey, HostSet, HostView, Place, SetRules, host_key,
};
use mesh_core::endpoint::Address;
use mesh_tower::normalize::Downstream;
use serde_json::{Value, json};

use super::harness::executable;
use super::process::Envoy;
use world::{Backends, Case, Connection, bootstrap, cluster, mesh, request, text};

const KEYS: usize = 1_000;
const WEIGHTS: [u32; 7] = [1, 2, 3, 5, 8, 13, 1];

fn ring(minimum: Option<u64>) -> Value {
    let config = minimum.map_or(json!({}), |size| json!({ "minimum_ring_size": size }));
    json!({ "lb_policy": "RING_HASH", "ring_hash_lb_config": config })
}

fn maglev(size: u64) -> Value {
    json!({ "lb_policy": "MAGLEV", "maglev_lb_config": { "table_size": size } })
}

fn by_header() -> Value {
    json!([{ "header": { "header_name": "x-user" } }])
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
    }
    headers
}

/// The request of a key: path and headers.
type Asked = fn(usize) -> (String, HeaderMap);

fn user(key: usize) -> (String, HeaderMap) {
    ("/".into(), headers(&[("x-user", &format!("user-{key}"))]))
}

/// Sends the request of each key through both, and returns the numbers of the backends.
async fn both(case: &Case, asked: Asked, keys: usize) -> Option<Vec<String>> {
    let executable = executable()?;
    let backends = Backends::start(case.weights.len()).await;
    let mesh = case.mesh(&backends).await;
    let client = mesh.client();
    let envoy = Envoy::start(&executable, &case.bootstrap(&backends).to_string()).await;
    let mut envoy = Connection::to(&envoy).await;
    let mut picked = Vec::new();
    for key in 0..keys {
        let (path, headers) = asked(key);
        let (_, theirs) = envoy.ask(&path, &headers).await;
        let mut call = request(&format!("http://api.test{path}"), &headers);
        call.extensions_mut().insert(Downstream::new("127.0.0.1:1".parse().unwrap()));
        let ours = client.request(call).await.unwrap();
        assert_eq!(ours.status(), 200);
        let ours = text(&ours.into_body().collect().await.unwrap().to_bytes());
        assert_eq!(ours, theirs, "{} {path} {headers:?}", case.istio);
        picked.push(ours);
    }
    Some(picked)
}

fn met(picked: &[String]) -> usize {
    picked.iter().collect::<std::collections::HashSet<_>>().len()
}

#[tokio::test]
async fn lb_7_a_ring_as_envoys() {
    for (weights, istio, policy) in [
        (&[1; 7][..], "{httpHeaderName: x-user}", ring(Some(1_024))),
        (&[1; 3], "{httpHeaderName: x-user, ringHash: {}}", ring(None)),
        (&[1; 7], "{httpHeaderName: x-user, ringHash: {minimumRingSize: 1}}", ring(Some(1))),
        (&WEIGHTS, "{httpHeaderName: x-user, ringHash: {minimumRingSize: 1000}}", ring(Some(1_000))),
        (&WEIGHTS, "{httpHeaderName: x-user, minimumRingSize: 50}", ring(Some(50))),
        (&[1; 5], "{httpHeaderName: x-user, ringHash: {minimumRingSize: 5000}}", ring(Some(5_000))),
    ] {
        let case = Case::new(weights, istio, policy, by_header());
        let Some(picked) = both(&case, user, KEYS).await else { return };
        assert!(met(&picked) > weights.len() / 2, "{istio}");
    }
}

#[tokio::test]
async fn lb_8_a_maglev_table_as_envoys() {
    for (weights, istio, policy) in [
        (&[1; 7][..], "{httpHeaderName: x-user, maglev: {tableSize: 65537}}", maglev(65_537)),
        (&WEIGHTS, "{httpHeaderName: x-user, maglev: {tableSize: 65537}}", maglev(65_537)),
        (&WEIGHTS, "{httpHeaderName: x-user, maglev: {tableSize: 101}}", maglev(101)),
        (&[1; 7], "{httpHeaderName: x-user, maglev: {tableSize: 5}}", maglev(5)),
    ] {
        let case = Case::new(weights, istio, policy, by_header());
        let Some(picked) = both(&case, user, KEYS).await else { return };
        assert!(met(&picked) >= 4, "{istio}");
    }
}

#[tokio::test]
async fn lb_5_every_kind_of_key_as_envoys() {
    let values: Asked = |key| {
        let (one, two) = (format!("b{key}"), format!("a{}", key * 7));
        ("/".into(), headers(&[("x-user", &one), ("x-user", &two), ("x-user", "c,d")]))
    };
    let parameter: Asked = |key| (format!("/a?x=1&id=%7e{key}&id=2"), HeaderMap::new());
    let flag: Asked = |_| ("/a?id".into(), HeaderMap::new());
    let cookie: Asked = |key| {
        let line = format!("a=b; user=\"us er-{key}\"; user=other");
        ("/".into(), headers(&[("cookie", &line)]))
    };
    let path: Asked = |key| (format!("/a/{key}?q={key}"), HeaderMap::new());
    let cookies = json!([{ "cookie": { "name": "user" } }]);
    let source = json!([{ "connection_properties": { "source_ip": true } }]);
    let query = json!([{ "query_parameter": { "name": "id" } }]);
    let target = json!([{ "header": { "header_name": ":path" } }]);
    for (istio, hash, asked, keys) in [
        ("{httpHeaderName: x-user}", by_header(), values, 300),
        ("{httpHeaderName: ':path'}", target, path, 300),
        ("{httpQueryParameterName: id}", query.clone(), parameter, 300),
        ("{httpQueryParameterName: id}", query, flag, 3),
        ("{httpCookie: {name: user}}", cookies, cookie, 300),
        ("{useSourceIp: true}", source, user, 5),
    ] {
        let case = Case::new(&[1; 7], istio, ring(Some(1_024)), hash);
        let Some(picked) = both(&case, asked, keys).await else { return };
        assert_eq!(met(&picked), if keys > 100 { 7 } else { 1 }, "{istio}");
    }
}

#[tokio::test]
async fn rt_12_a_retry_elsewhere_goes_where_envoys_goes() {
    let asked: Asked = |key| {
        let (path, mut headers) = user(key);
        headers.insert("fail-first", HeaderValue::from_static("yes"));
        (path, headers)
    };
    let predicate =
        "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate";
    let retry = json!({ "retry_on": "5xx", "num_retries": 1, "host_selection_retry_max_attempts": 5,
        "retry_host_predicate": [{ "name": "previous", "typed_config": { "@type": predicate } }] });
    let stay = json!({ "retry_on": "5xx", "num_retries": 1, "host_selection_retry_max_attempts": 5 });
    for (istio, policy) in [
        ("{httpHeaderName: x-user}", ring(Some(1_024))),
        ("{httpHeaderName: x-user, maglev: {tableSize: 1009}}", maglev(1_009)),
    ] {
        let case = || Case::new(&WEIGHTS, istio, policy.clone(), by_header());
        let away =
            case().retries("{attempts: 1, retryOn: 5xx, retryIgnorePreviousHosts: true}", retry.clone());
        let home = case().retries("{attempts: 1, retryOn: 5xx}", stay.clone());
        let (Some(away), Some(home)) = (both(&away, asked, 300).await, both(&home, asked, 300).await) else {
            return;
        };
        assert!(met(&away) == 7 && met(&home) == 7, "{istio}");
    }
}

#[tokio::test]
async fn lb_6_a_cookie_as_envoys_but_for_its_value() {
    let Some(executable) = executable() else { return };
    for (istio, hash) in [
        ("{httpCookie: {name: user, ttl: 0s}}", json!({ "name": "user", "ttl": "0s" })),
        (
            "{httpCookie: {name: user, path: /shop, ttl: 61.5s, attributes: [{name: SameSite, value: Lax}, {name: Secure}]}}",
            json!({ "name": "user", "path": "/shop", "ttl": "61.5s",
                "attributes": [{ "name": "SameSite", "value": "Lax" }, { "name": "Secure" }] }),
        ),
    ] {
        let case = Case::new(&[1; 3], istio, ring(Some(1_024)), json!([{ "cookie": hash }]));
        let backends = Backends::start(3).await;
        let mesh = case.mesh(&backends).await;
        let envoy = Envoy::start(&executable, &case.bootstrap(&backends).to_string()).await;
        let (theirs, _) = Connection::to(&envoy).await.ask("/", &HeaderMap::new()).await;
        let ours = mesh.client().request(request("http://api.test/", &HeaderMap::new())).await.unwrap();
        let parts = |headers: &HeaderMap| {
            let all: Vec<_> = headers.get_all("set-cookie").iter().collect();
            let [cookie] = all[..] else { panic!("{headers:?}") };
            let parts: Vec<_> = cookie.to_str().unwrap().split('"').map(str::to_owned).collect();
            let is_hex = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_hex(&parts[1]), "{parts:?}");
            [parts[0].clone(), parts[2].clone()]
        };
        assert_eq!(parts(ours.headers()), parts(&theirs));
    }
}

/// Two destinations with a key each: Envoy combines both keys, whichever destination is drawn.
#[tokio::test]
async fn lb_5_the_keys_of_two_destinations_combine_as_envoys() {
    let Some(executable) = executable() else { return };
    let backends = Backends::start(10).await;
    let subset = |name: &str, first: usize| {
        let endpoints: Vec<_> = (first..10).step_by(2).map(|number| backends.endpoint(number, 1)).collect();
        cluster(name, &ring(Some(1_024)), &json!([{ "lb_endpoints": endpoints }]))
    };
    let key = json!({ "header": { "header_name": "x-user" } });
    let route = json!({
        "weighted_clusters": { "clusters": [{ "name": "v0", "weight": 95 }, { "name": "v1", "weight": 5 }] },
        "hash_policy": [key, key],
    });
    let envoy =
        Envoy::start(&executable, &bootstrap(&route, &json!([subset("v0", 0), subset("v1", 1)])).to_string())
            .await;
    let mut envoy = Connection::to(&envoy).await;
    let mesh = mesh(
        false,
        &(backends.entry(&[1; 10])
            + &mesh_tests::config::destination_rule(
                "api.test",
                "  trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}
  subsets: [{name: v0, labels: {v: v0}}, {name: v1, labels: {v: v1}}]",
            )
            + &mesh_tests::config::virtual_service(
                "api.test",
                "  - route:
    - {destination: {host: api.test, subset: v0}, weight: 95}
    - {destination: {host: api.test, subset: v1}, weight: 5}",
            )),
    )
    .await;
    let client = mesh.client();
    let (mut met, mut compared) = (std::collections::HashSet::new(), 0);
    for number in 0..KEYS {
        let (path, headers) = user(number);
        let theirs: usize = envoy.ask(&path, &headers).await.1.parse().unwrap();
        let ours = client.request(request(&format!("http://api.test{path}"), &headers)).await.unwrap();
        let ours: usize = text(&ours.into_body().collect().await.unwrap().to_bytes()).parse().unwrap();
        // Envoy draws the subset; we choose it by the key.
        if ours % 2 == theirs % 2 {
            assert_eq!(ours, theirs, "{headers:?}");
            met.insert(ours);
            compared += 1;
        }
    }
    assert!(compared > 800 && met.len() >= 5, "{compared} {met:?}");
}
