//! Behaviour that recordings of real Istio showed; each kind has a small example through the whole stack.

mod hosts;

use std::time::Duration;

use http::Request;
use mesh_core::api::Documents;
use mesh_core::identity::{Labels, Workload};
use mesh_core::plan::ClusterKey;
use mesh_tests::config::{service, virtual_service};
use mesh_tests::gateway::in_process;
use mesh_tower::Body;
use mesh_tower::test::{Answer, MeshTest, TestMesh};
use tower::ServiceExt;

/// A document of Istio's networking API in namespace `default`.
fn object(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: {kind}
metadata: {{name: {name}, namespace: default}}
spec: {spec}
---
"
    )
}

/// A host with one endpoint.
fn entry(host: &str, endpoint: &str) -> String {
    let name = host.replace('.', "-");
    let ports = "ports: [{number: 80, name: http, protocol: HTTP}]";
    object(
        "ServiceEntry",
        &name,
        &format!("{{hosts: [{host}], {ports}, resolution: STATIC, endpoints: [{{address: {endpoint}}}]}}"),
    )
}

/// A gateway of port 80 for all hosts.
fn gateway() -> String {
    object(
        "Gateway",
        "edge",
        "{selector: {app: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
    )
}

/// A VirtualService of that gateway.
fn at_gateway(name: &str, host: &str, rules: &str) -> String {
    object("VirtualService", name, &format!("{{hosts: ['{host}'], gateways: [edge], http: {rules}}}"))
}

async fn edge(yaml: &str) -> TestMesh {
    let labels: Labels = [("app".to_owned(), "edge".to_owned())].into();
    let workload = Workload { name: "edge".into(), labels, gateway: true, ..Workload::default() };
    let test = MeshTest::new(yaml).identity(workload);
    test.with(|builder| builder.gateway(true).strict(false)).start().await
}

/// The gateway's answer to a request.
async fn ask(test: &TestMesh, host: &str, path: &str) -> Answer {
    let request = Request::get(path).header("host", host).body(Body::empty()).unwrap();
    let (response, error) = match in_process(test.mesh(), "gateway|80").oneshot(request).await {
        Ok(response) => (response, None),
        Err(error) => (error.response(false), Some(error)),
    };
    Answer::read(response, error).await
}

/// The reasons for an answer of our own, each in a rule with header operations: RF-8.
const LOCAL: &str = "
  - match: [{uri: {prefix: /abort}}]
    fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
    headers: &rule {response: {set: {x-rule: '%REQ(x-user)%/%RESPONSE_CODE%'}}}
    route: [{destination: {host: api}, headers: &to {response: {set: {x-to: to}, add: {x-rule: more}}}}]
  - match: [{uri: {prefix: /nowhere}}]
    headers: *rule
    route: [{destination: {host: nobody}, headers: *to}]
  - match: [{uri: {prefix: /empty}}]
    headers: *rule
    route: [{destination: {host: empty}, headers: *to}]
  - match: [{uri: {prefix: /refused}}]
    headers: *rule
    retries: {attempts: 0}
    route: [{destination: {host: refused}, headers: *to}]
  - match: [{uri: {prefix: /slow}}]
    headers: *rule
    timeout: 1s
    route: [{destination: {host: api}, headers: *to}]
  - match: [{uri: {prefix: /direct}}]
    headers: {response: {set: {x-rule: '%REQ(x-user)%/%RESPONSE_CODE%'}, add: {x-rule: more, x-to: to}}}
    directResponse: {status: 403}
  - match: [{uri: {prefix: /moved}}]
    headers: {response: {set: {x-rule: '%REQ(x-user)%/%RESPONSE_CODE%'}, add: {x-rule: more, x-to: to}}}
    redirect: {uri: /new}
  - match: [{uri: {prefix: /page}}]
    headers: *rule
    corsPolicy: {allowOrigins: [{exact: 'http://o.test'}], allowMethods: [GET]}
    route: [{destination: {host: api}, headers: *to}]";

/// RF-8: the variables come from the request, and there is no code of an endpoint.
#[tokio::test(start_paused = true)]
async fn rf_8_a_local_reply_carries_the_response_headers_of_rule_and_destination() {
    let yaml = service("api", "http", 80, &["10.0.0.1"])
        + &service("empty", "http", 80, &[])
        + &service("refused", "http", 80, &["10.0.0.2"])
        + &virtual_service("api", LOCAL);
    let test = MeshTest::new(&yaml).with(|builder| builder.strict(false)).start().await;
    test.upstream("10.0.0.1:80").delay(Duration::from_secs(9));
    for (path, status) in [
        ("/abort", 418),
        ("/nowhere", 503),
        ("/empty", 503),
        ("/refused", 503),
        ("/slow", 504),
        ("/direct", 403),
        ("/moved", 301),
    ] {
        let uri = format!("http://api{path}");
        let request = Request::get(uri).header("x-user", "jason").body(Body::empty()).unwrap();
        let answer = test.send(request).await;
        assert_eq!(answer.status(), status, "{path}");
        let values = answer.head.headers.get_all("x-rule").iter();
        let values: Vec<&str> = values.map(|value| value.to_str().unwrap()).collect();
        assert_eq!(values, ["jason/0", "more"], "{path}");
        assert_eq!(answer.header("x-to"), "to", "{path}");
    }
    let preflight = Request::options("http://api/page")
        .header("origin", "http://o.test")
        .header("access-control-request-method", "GET")
        .body(Body::empty());
    let answer = test.send(preflight.unwrap()).await;
    assert_eq!((answer.status().as_u16(), answer.header("x-to")), (200, ""), "a preflight has no route");
    let lost = test.get("http://api/else").await;
    assert_eq!((lost.status().as_u16(), lost.header("x-to")), (404, ""), "nor has a request without a rule");
}

/// RF-8: of several destinations an abort has the one that would have been drawn.
#[tokio::test(start_paused = true)]
async fn rf_8_an_abort_draws_its_destination() {
    let rules = "
  - fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
    route:
    - {destination: {host: api}, weight: 50, headers: {response: {set: {x-to: one}}}}
    - {destination: {host: api}, weight: 50, headers: {response: {set: {x-to: two}}}}";
    let yaml = service("api", "http", 80, &["10.0.0.1"]) + &virtual_service("api", rules);
    let test = MeshTest::new(&yaml).start().await;
    let mut drawn = std::collections::BTreeSet::new();
    for _ in 0..40 {
        drawn.insert(test.get("http://api/").await.header("x-to").to_owned());
    }
    assert_eq!(drawn.into_iter().collect::<Vec<_>>(), ["one", "two"]);
}

/// VA-5: all removals, all that is set, all that is added; also where the others weigh nothing.
#[tokio::test(start_paused = true)]
async fn va_5_rule_and_only_destination_are_one_level() {
    let of = |destinations: &str| {
        format!(
            "
  - headers: {{request: {{set: {{x-both: rule}}, add: {{x-added: rule}}, remove: [x-left]}}}}
    route:
    - destination: {{host: api}}
      headers: {{request: {{set: {{x-both: destination, x-added: destination, x-left: new}}, remove: [x-added]}}}}
{destinations}"
        )
    };
    let api = service("api", "http", 80, &["10.0.0.1"]);
    let lone = "";
    let weightless = "      weight: 1\n    - {destination: {host: api}, weight: 0}";
    let several = "      weight: 1\n    - {destination: {host: api}, weight: 1}";
    for (destinations, both, added, left) in [
        (lone, "destination", vec!["destination", "rule"], Some("new")),
        (weightless, "destination", vec!["destination", "rule"], Some("new")),
        (several, "rule", vec!["destination", "rule"], None),
    ] {
        let test = MeshTest::new(&(api.clone() + &virtual_service("api", &of(destinations)))).start().await;
        let upstream = test.upstream("10.0.0.1:80");
        // Of several, the first is drawn by some.
        for _ in 0..20 {
            let request = Request::get("http://api/").header("x-left", "old").header("x-added", "old");
            assert_eq!(test.send(request.body(Body::empty()).unwrap()).await.status(), 200);
        }
        let came = upstream
            .arrivals()
            .into_iter()
            .find(|one| one.headers.get_all("x-added").iter().any(|value| value == "destination"));
        let headers = came.expect("it goes to the first").headers;
        let all: Vec<&str> = headers.get_all("x-added").iter().map(|one| one.to_str().unwrap()).collect();
        assert_eq!((headers["x-both"].to_str().unwrap(), all), (both, added), "{destinations}");
        assert_eq!(headers.get("x-left").map(|value| value.to_str().unwrap()), left, "{destinations}");
    }
}

/// VA-6: nothing is set to nothing.
#[tokio::test(start_paused = true)]
async fn va_6_an_empty_value_leaves_the_header_as_it_was() {
    let rules = "
  - headers: {request: {set: {x-kept: '%REQ(x-none)%', x-late: '%REQ(x-new)%', x-new: new}}}
    route: [{destination: {host: api}}]";
    let yaml = service("api", "http", 80, &["10.0.0.1"]) + &virtual_service("api", rules);
    let test = MeshTest::new(&yaml).start().await;
    let upstream = test.upstream("10.0.0.1:80");
    let request = Request::get("http://api/").header("x-kept", "old").body(Body::empty()).unwrap();
    assert_eq!(test.send(request).await.status(), 200);
    let headers = &upstream.arrivals()[0].headers;
    assert_eq!(headers["x-kept"], "old");
    assert_eq!(headers.get("x-late"), None, "what is set is seen by no other value");
}

/// VA-6: the variables of a response come from the request as it was sent.
#[tokio::test(start_paused = true)]
async fn va_6_a_response_asks_about_the_request_as_it_was_sent() {
    let rules = "
  - headers: {request: {set: {x-user: ours}}, response: {set: {x-for: '%REQ(x-user)%'}}}
    route: [{destination: {host: api}}]";
    let yaml = service("api", "http", 80, &["10.0.0.1"]) + &virtual_service("api", rules);
    let test = MeshTest::new(&yaml).start().await;
    let _api = test.upstream("10.0.0.1:80");
    let request = Request::get("http://api/").header("x-user", "theirs").body(Body::empty()).unwrap();
    assert_eq!(test.send(request).await.header("x-for"), "ours");
}

/// VA-8: a default port that the request or the rule's authority has stays.
#[tokio::test(start_paused = true)]
async fn va_8_a_location_keeps_the_port_that_the_request_had() {
    let rules = "[{match: [{uri: {prefix: /own}}], redirect: {authority: 'b.test:80', uri: /n}}, {redirect: {uri: /n}}]";
    let test = edge(&(gateway() + &at_gateway("moved", "*", rules))).await;
    assert_eq!(ask(&test, "a.test:80", "/").await.header("location"), "http://a.test:80/n");
    assert_eq!(ask(&test, "a.test", "/").await.header("location"), "http://a.test/n");
    assert_eq!(ask(&test, "a.test", "/own").await.header("location"), "http://b.test:80/n");
}
