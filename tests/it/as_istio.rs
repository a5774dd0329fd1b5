//! What recordings of real Istio showed, each kind by a small example through the whole stack.

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

/// What the gateway answers to a caller.
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

/// RF-8: what was asked is of the request, and there is no code of an endpoint.
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

/// VA-6: what a response asks about is the request that was sent.
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

/// VS-5: one without a rule for here leaves its host to a wider one at a gateway, and to the service's own
/// route, or the next that names the host, in the mesh.
#[tokio::test(start_paused = true)]
async fn vs_5_a_virtual_service_without_a_rule_for_here_does_not_take_its_host() {
    let answer = |status: u16| format!("directResponse: {{status: {status}}}");
    let no_rule = |condition: &str| format!("[{{match: [{{{condition}}}], {}}}]", answer(403));
    let wide = at_gateway("wide", "*.test", &format!("[{{{}}}]", answer(204)));
    for condition in ["port: 81", "gateways: [other]", "sourceLabels: {app: other}", "sourceNamespace: other"]
    {
        let narrow = at_gateway("narrow", "a.test", &no_rule(condition));
        let test = edge(&(gateway() + &wide + &narrow)).await;
        assert_eq!(ask(&test, "a.test", "/").await.status(), 204, "{condition}");
        let alone = edge(&(gateway() + &narrow)).await;
        assert_eq!(ask(&alone, "a.test", "/").await.status(), 404, "{condition}");

        let in_mesh = |name: &str, rules: &str| {
            object("VirtualService", name, &format!("{{hosts: [api.test], http: {rules}}}"))
        };
        let api = entry("api.test", "10.0.0.1");
        let first = in_mesh("a", &no_rule(condition));
        let test = MeshTest::new(&(api.clone() + &first)).with(|mesh| mesh.strict(false)).start().await;
        let _api = test.upstream("10.0.0.1:80");
        assert_eq!(test.get("http://api.test/").await.status(), 200, "{condition}");
        let second = in_mesh("b", &format!("[{{{}}}]", answer(204)));
        let test = MeshTest::new(&(api + &first + &second)).with(|mesh| mesh.strict(false)).start().await;
        assert_eq!(test.get("http://api.test/").await.status(), 204, "{condition}: the next that names it");
    }
}

/// VS-3: what stands behind a catch-all of its own is dead, however many share the host.
#[tokio::test(start_paused = true)]
async fn vs_3_rules_behind_a_catch_all_of_their_own_stay_dead() {
    let rule = |uri: &str, status: u16| {
        format!("{{match: [{{uri: {{{uri}}}}}], directResponse: {{status: {status}}}}}")
    };
    for all in ["prefix: /", "regex: .*"] {
        let first = format!("[{}, {}]", rule(all, 201), rule("prefix: /dead", 202));
        let second = format!("[{}]", rule("prefix: /alive", 203));
        let yaml = gateway() + &at_gateway("a", "a.test", &first) + &at_gateway("b", "a.test", &second);
        let test = edge(&yaml).await;
        assert_eq!(ask(&test, "a.test", "/dead").await.status(), 201, "{all}");
        assert_eq!(ask(&test, "a.test", "/alive").await.status(), 203, "{all}");
    }
}

/// SC-2: rules are seen where their host and an imported one hold each other, in either direction.
#[tokio::test(start_paused = true)]
async fn sc_2_rules_wider_than_an_imported_host_are_seen() {
    let scoped = |import: &str| {
        let sidecar = format!("{{egress: [{{hosts: ['{import}']}}]}}");
        let rules = "{hosts: ['*.test'], http: [{directResponse: {status: 204}}]}";
        entry("api.test", "10.0.0.1")
            + &object("VirtualService", "wide", rules)
            + &object("Sidecar", "default", &sidecar)
    };
    for import in ["*/api.test", "./*.test", "./*"] {
        let test = MeshTest::new(&scoped(import)).start().await;
        assert_eq!(test.get("http://api.test/").await.status(), 204, "{import}");
    }
}

/// SC-2: where nothing captures traffic, the block of a port serves the calls to that port of whoever names
/// it: in process, and at the listener of all ports.
#[tokio::test(start_paused = true)]
async fn sc_2_an_egress_block_with_a_port_serves_calls_that_name_the_port() {
    let far = "apiVersion: v1
kind: Service
metadata: {name: b, namespace: ns-b}
spec: {selector: {app: b}, ports: [{name: http, port: 9080}, {name: http-more, port: 9081}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: b-1, namespace: ns-b, labels: {kubernetes.io/service-name: b}}
addressType: IPv4
ports: [{name: http, port: 9080}, {name: http-more, port: 9081}]
endpoints: [{addresses: [10.0.0.2]}]
---
";
    let sidecar = "{outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [
      {port: {number: 9080, protocol: HTTP, name: egresshttp}, hosts: ['ns-b/*']}, {hosts: ['./*']}]}";
    let yaml = service("a", "http", 80, &["10.0.0.1"]) + far + &object("Sidecar", "default", sidecar);
    let test = MeshTest::new(&yaml).start().await;
    let _both = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:9080"));
    for (authority, status) in [("b.ns-b:9080", 200), ("b.ns-b:9081", 502), ("b.ns-b", 502), ("a", 200)] {
        let in_process = test.get(&format!("http://{authority}/")).await;
        assert_eq!(in_process.status(), status, "{authority} in process");
        let request = Request::get("/").header("host", authority).body(Body::empty()).unwrap();
        let answer = in_process_of_all_ports(&test, request).await;
        assert_eq!(answer.status(), status, "{authority} at the listener of all ports");
    }
}

async fn in_process_of_all_ports(test: &TestMesh, request: Request<Body>) -> Answer {
    match in_process(test.mesh(), "outbound|15001").oneshot(request).await {
        Ok(response) => Answer::read(response, None).await,
        Err(error) => Answer::read(error.response(false), Some(error)).await,
    }
}

/// LB-17: one address with two sets of labels is in the subsets of both.
#[tokio::test(start_paused = true)]
async fn dr_5_endpoints_of_one_address_stand_in_the_subsets_of_each_ones_labels() {
    let endpoints =
        "[{address: 10.0.0.1, labels: {version: v1}}, {address: 10.0.0.1, labels: {version: v2}}]";
    let ports = "ports: [{number: 80, name: http, protocol: HTTP}]";
    let yaml = object(
        "ServiceEntry",
        "api",
        &format!("{{hosts: [api.test], {ports}, resolution: STATIC, endpoints: {endpoints}}}"),
    ) + &object(
        "DestinationRule",
        "api",
        "{host: api.test, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}",
    ) + &object(
        "VirtualService",
        "api",
        "{hosts: [api.test], http: [
           {match: [{uri: {prefix: /v1}}], route: [{destination: {host: api.test, subset: v1}}]},
           {match: [{uri: {prefix: /v2}}], route: [{destination: {host: api.test, subset: v2}}]},
           {route: [{destination: {host: api.test}}]}]}",
    );
    let test = MeshTest::new(&yaml).start().await;
    let _api = test.upstream("10.0.0.1:80");
    for path in ["/v1", "/v2", "/"] {
        assert_eq!(test.get(&format!("http://api.test{path}")).await.status(), 200, "{path}");
    }
    let plan = test.mesh().plan();
    let of = |subset: &str| {
        let id = plan.cluster_id(&ClusterKey::outbound("api.test", 80, subset));
        plan.cluster(id.unwrap()).unwrap()
    };
    let mesh_core::plan::Discovery::Static(all) = &of("").discovery else { panic!("they are written") };
    assert_eq!(all.len(), 1, "one address is one endpoint of the whole");
}

/// SE-1: another name of a service stands wherever that one does.
#[tokio::test(start_paused = true)]
async fn se_1_an_alias_stands_on_the_ports_of_its_service_declared_or_not() {
    let alias = |ports: &str| {
        format!(
            "apiVersion: v1
kind: Service
metadata: {{name: alias, namespace: default}}
spec: {{type: ExternalName, externalName: api.default.svc.cluster.local{ports}}}
---
"
        )
    };
    let rules = "
  - headers: {request: {set: {x-rule: api}}}
    route: [{destination: {host: api}}]";
    for ports in
        ["", ", ports: [{name: http, port: 81}]", ", ports: [{name: http, port: 80}, {name: tcp, port: 82}]"]
    {
        let yaml = service("api", "http", 80, &["10.0.0.1"]) + &alias(ports) + &virtual_service("api", rules);
        let test = MeshTest::new(&yaml).with(|builder| builder.strict(false)).start().await;
        let api = test.upstream("10.0.0.1:80");
        for host in ["alias", "alias.default.svc.cluster.local:80"] {
            assert_eq!(test.get(&format!("http://{host}/")).await.status(), 200, "{host} {ports:?}");
            assert_eq!(api.arrivals().pop().unwrap().headers["x-rule"], "api", "{host} {ports:?}");
        }
    }
}

/// SE-1: the hint about a port names those there are, or says that there is none.
#[test]
fn se_1_a_hint_about_ports_is_whole() {
    let none = "apiVersion: v1
kind: Service
metadata: {name: alias, namespace: default}
spec: {type: ExternalName, externalName: elsewhere.example.com}
---
";
    let rules = "  - route: [{destination: {host: alias, port: {number: 80}}}]";
    let yaml = none.to_owned() + &service("api", "http", 80, &["10.0.0.1"]) + &virtual_service("api", rules);
    let (documents, _) = Documents::parse([("test.yaml", yaml)]);
    let compiled = mesh_core::plan::compile(&documents, &mesh_core::plan::CompileOptions::default(), None);
    let hints: Vec<&str> =
        compiled.diagnostics.iter().filter_map(|finding| finding.hint.as_deref()).collect();
    assert!(hints.iter().any(|hint| hint.contains("declares no port")), "{hints:?}");
    assert!(!hints.iter().any(|hint| hint.trim_end().ends_with("has port")), "{hints:?}");
}
