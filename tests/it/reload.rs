//! A change of configuration drops nothing (wish 8, Y-12, OP-5).

use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use mesh_tests::body::{channel, next_text};
use mesh_tests::config::{destination_rule, entry, service, virtual_service};
use mesh_tower::Body;
use mesh_tower::mesh_core::api::Documents;
use mesh_tower::test::{MeshTest, TestMesh, pass};

fn to(address: &str) -> String {
    service("api", "http2", 80, &[address])
        + &virtual_service("api", "  - timeout: 60s\n    route: [{destination: {host: api}}]")
}

#[tokio::test(start_paused = true)]
async fn streams_that_began_before_a_reload_end_well() {
    let test = MeshTest::new(&to("10.0.0.1")).start().await;
    let (old, new) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
    new.respond(200, "new");
    old.handle(|request| async {
        let (sender, answer) = channel();
        tokio::spawn(async move {
            let mut body = request.into_body();
            if http_body::Body::is_end_stream(&body) {
                for piece in ["one ", "two ", "three"] {
                    sender.data(piece).await;
                    pass(Duration::from_secs(1)).await;
                }
            }
            while let Some(Ok(frame)) = body.frame().await {
                if let Ok(data) = frame.into_data() {
                    sender.data(data).await;
                }
            }
        });
        Response::new(answer)
    });
    let get = Request::get("http://api/").body(Body::empty()).unwrap();
    let streamed = test.client().request(get).await.unwrap();
    let (sender, body) = channel();
    let post = Request::post("http://api/").body(body).unwrap();
    let mut both = test.client().request(post).await.unwrap().into_body();
    sender.data("before").await;
    assert_eq!(next_text(&mut both).await.unwrap(), "before");

    test.reload(&to("10.0.0.2"));
    assert_eq!(test.mesh().plan().generation, 2);
    assert_eq!(test.get("http://api/").await.text(), "new");
    for _ in 0..10 {
        sender.data("after").await;
        assert_eq!(next_text(&mut both).await.unwrap(), "after");
    }
    drop(sender);
    assert!(both.collect().await.unwrap().to_bytes().is_empty());
    assert_eq!(streamed.into_body().collect().await.unwrap().to_bytes(), "one two three");
    assert_eq!((old.arrival_count(), new.arrival_count()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn reloads_under_load_fail_nothing() {
    let test = MeshTest::new(&to("10.0.0.1")).start().await;
    for host in ["10.0.0.1:80", "10.0.0.2:80"] {
        test.upstream(host).handle(|_| async {
            pass(Duration::from_millis(7)).await;
            Response::new(Body::from("fine"))
        });
    }
    let mut calls = tokio::task::JoinSet::new();
    for round in 0..1_000 {
        let client = test.client().clone();
        calls.spawn(async move {
            let response = client.get("http://api/").await.unwrap();
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "fine");
        });
        pass(Duration::from_millis(1)).await;
        if round % 10 == 9 {
            test.reload(&to(if round % 20 == 9 { "10.0.0.2" } else { "10.0.0.1" }));
        }
    }
    calls.join_all().await;
    assert_eq!(test.mesh().plan().generation, 101);
}

#[tokio::test(start_paused = true)]
async fn what_did_not_change_keeps_its_connections() {
    let test = MeshTest::new(&to("10.0.0.1")).start().await;
    let api = test.upstream("10.0.0.1:80");
    for number in 0..10 {
        assert_eq!(test.get("http://api/").await.status(), 200);
        test.reload(&(to("10.0.0.1") + &service(&format!("other-{number}"), "http", 80, &["10.0.3.1"])));
    }
    assert_eq!(api.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn lb_17_an_endpoint_of_another_weight_keeps_its_connections() {
    let addresses: [SocketAddr; 2] = ["10.0.0.1:80".parse().unwrap(), "10.0.0.2:80".parse().unwrap()];
    let plain = entry("api", "HTTP2", 80, &addresses);
    let test = MeshTest::new(&plain).start().await;
    let upstreams = addresses.map(|address| test.upstream(&address.to_string()));
    for weight in 1..10 {
        for _ in 0..40 {
            assert_eq!(test.get("http://api/").await.status(), 200);
        }
        test.reload(&plain.replacen("port: 80}", &format!("port: 80}}, weight: {weight}"), 1));
    }
    assert_eq!(upstreams.map(|upstream| upstream.connections()), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_gone_is_gone_with_the_next_request() {
    let test = MeshTest::new(&to("10.0.0.1")).start().await;
    let api = test.upstream("10.0.0.1:80");
    assert_eq!(test.get("http://api/").await.status(), 200);
    let only =
        virtual_service("api", "  - match: [{uri: {prefix: /x}}]\n    route: [{destination: {host: api}}]");
    test.reload(&(service("api", "http2", 80, &["10.0.0.1"]) + &only));
    assert_eq!(test.get("http://api/").await.status(), 404);
    assert_eq!(api.arrival_count(), 1);
}

/// As a signal handler does, or a thread that waits for a key.
#[tokio::test]
async fn a_thread_without_a_runtime_may_reload() {
    let test = MeshTest::new(&to("10.0.0.1")).start().await;
    test.upstream("10.0.0.2:80").respond(200, "new");
    std::thread::scope(|scope| scope.spawn(|| test.reload(&to("10.0.0.2"))).join().unwrap());
    assert_eq!(test.get("http://api/").await.text(), "new");
}

/// A program that builds its clients before it starts a runtime.
#[tokio::test]
async fn a_thread_without_a_runtime_may_make_a_client() {
    let test = MeshTest::new(&to("10.0.0.1")).start().await;
    test.upstream("10.0.0.1:80").respond(200, "here");
    let client = std::thread::scope(|scope| scope.spawn(|| test.mesh().client()).join().unwrap());
    let get = Request::get("http://api/").body(Body::empty()).unwrap();
    assert_eq!(client.request(get).await.unwrap().status(), 200);
}

/// Refused parts of these documents are kept apart, as when a folder is read.
fn read(yaml: &str) -> Documents {
    Documents::parse([("mesh.yaml", yaml)]).0
}

async fn answer_of(test: &TestMesh, url: &str) -> (u16, String) {
    let answer = test.get(url).await;
    (answer.status().as_u16(), answer.header("x-mesh-reason").to_owned())
}

#[tokio::test(start_paused = true)]
async fn y_12_a_refused_rule_at_start_answers_503_and_names_the_document() {
    let rule = virtual_service("api", "  - timeuot: 1s\n    route: [{destination: {host: api}}]");
    let text = service("api", "http", 80, &["10.0.0.1"]) + &rule;
    let test = MeshTest::from_documents(read(&text)).start().await;
    let api = test.upstream("10.0.0.1:80");
    let refused = (503, "configuration_refused{VirtualService_default/api}".to_owned());
    assert_eq!(answer_of(&test, "http://api/").await, refused);
    assert_eq!(api.arrival_count(), 0);
    assert!(test.mesh().apply(read(&text.replace("timeuot", "timeout"))));
    assert_eq!(answer_of(&test, "http://api/").await, (200, String::new()));
    // A configuration that worked once continues to work.
    assert!(test.mesh().apply(read(&text)));
    assert_eq!(answer_of(&test, "http://api/").await, (200, String::new()));
    assert_eq!(test.mesh().status().stale_resources, ["VirtualService default/api"]);
}

#[tokio::test(start_paused = true)]
async fn y_12_a_refused_rule_with_tls_at_start_sends_nothing() {
    let rule = destination_rule(
        "api",
        "  trafficPolicy: {tls: {mode: MUTUAL, clientCertificate: /c, privateKey: /k}}",
    );
    let text = service("api", "http", 80, &["10.0.0.1"]) + &rule;
    let test = MeshTest::from_documents(read(&text)).start().await;
    let api = test.upstream("10.0.0.1:80");
    let refused = (503, "configuration_refused{DestinationRule_default/api}".to_owned());
    assert_eq!(answer_of(&test, "http://api/").await, refused);
    assert_eq!(api.connections(), 0, "nothing is sent in plaintext");
}

#[tokio::test(start_paused = true)]
async fn y_12_a_refused_sidecar_at_start_lets_nothing_out() {
    let sidecar = "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: all, namespace: default}
spec: {egress: [{host: [./other]}]}
";
    let text = service("api", "http", 80, &["10.0.0.1"]) + sidecar;
    let test = MeshTest::from_documents(read(&text)).start().await;
    let refused = (503, "configuration_refused{Sidecar_default/all}".to_owned());
    assert_eq!(answer_of(&test, "http://api/").await, refused);
    assert_eq!(answer_of(&test, "http://elsewhere.org/").await.0, 502, "as under REGISTRY_ONLY");
}
