//! Pages that call gRPC services, through the production stack (RF-6, P-3, FO-1).

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use mesh_core::grpc_web::Decoder;
use mesh_tests::body::{channel, chunked};
use mesh_tests::config::{service, virtual_service};
use mesh_tower::Body;
use mesh_tower::record::Record;
use mesh_tower::test::{Answer, Fault, MeshTest, TestMesh, Upstream, grpc_frame};

const BINARY: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text+proto";

async fn world(rules: &str) -> (TestMesh, Upstream) {
    let mut yaml = service("api", "grpc-web", 80, &["10.0.0.1"]);
    if !rules.is_empty() {
        yaml += &virtual_service("api", rules);
    }
    let test = MeshTest::new(&yaml).start().await;
    let api = test.upstream("10.0.0.1:80");
    (test, api)
}

fn request(content_type: &str, body: Body) -> Request<Body> {
    let request = Request::post("http://api/pkg.Service/Method").header("content-type", content_type);
    request.header("accept", content_type).body(body).unwrap()
}

/// `hello`, framed and as text.
const HELLO: &str = "AAAAAAVoZWxsbw==";

fn hello(content_type: &str) -> Request<Body> {
    let body = if content_type == TEXT { Body::from(HELLO) } else { grpc_frame(b"hello").into() };
    request(content_type, body)
}

fn decoded(text: &[u8]) -> Vec<u8> {
    Decoder::default().push(text).unwrap().to_vec()
}

/// Messages and trailers of an answer's body.
fn frames(answer: &Answer, content_type: &str) -> (Vec<Vec<u8>>, String) {
    assert_eq!(answer.header("content-type"), content_type);
    assert!(answer.trailers.is_none(), "a page cannot read them");
    let bytes = if content_type == TEXT { decoded(&answer.body) } else { answer.body.to_vec() };
    let (mut rest, mut messages, mut trailers) = (&bytes[..], Vec::new(), String::new());
    while let [flag, a, b, c, d, after @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        match flag {
            0x80 => trailers += std::str::from_utf8(&after[..length]).unwrap(),
            _ => messages.push(after[..length].to_vec()),
        }
        rest = &after[length..];
    }
    assert!(rest.is_empty());
    (messages, trailers)
}

#[tokio::test(start_paused = true)]
async fn rf_6_a_call_is_grpc_to_the_service_and_grpc_web_to_the_page() {
    let (test, api) = world("").await;
    for (content_type, code) in [(BINARY, 0), (TEXT, 9)] {
        api.forget_arrivals().respond_grpc(code, "reply");
        let record = Record::default();
        let mut call = hello(content_type);
        call.extensions_mut().insert(record.clone());
        let answer = test.send(call).await;
        assert_eq!(answer.status(), 200);
        let sent = (vec![b"reply".to_vec()], format!("grpc-status:{code}\r\n"));
        assert_eq!(frames(&answer, content_type), sent);
        let arrival = &api.arrivals()[0];
        assert_eq!((arrival.header("content-type"), arrival.header("te")), ("application/grpc", "trailers"));
        assert_eq!(arrival.body.start, grpc_frame(b"hello"));
        assert_eq!(record.decision().grpc_status, Some(code), "logs and metrics know it");
    }
}

#[tokio::test(start_paused = true)]
async fn rf_6_only_on_ports_that_speak_it() {
    for (name, bridged) in [
        ("grpc-web", true),
        ("grpc-web-shop", true),
        ("grpc-webshop", true),
        ("grpc", false),
        ("http2", false),
    ] {
        let test = MeshTest::new(&service("api", name, 80, &["10.0.0.1"])).start().await;
        let api = test.upstream("10.0.0.1:80");
        api.respond_grpc(0, "reply");
        test.send(hello(BINARY)).await;
        let seen = api.arrivals()[0].header("content-type").to_owned();
        assert_eq!(seen == "application/grpc", bridged, "{name}: {seen}");
        // gRPC callers and other callers may use the port as before.
        for content_type in ["application/grpc", "application/json"] {
            api.forget_arrivals();
            let answer = test.send(request(content_type, "{}".into())).await;
            assert_eq!(answer.grpc_status(), Some(0));
            assert_eq!(api.arrivals()[0].header("content-type"), content_type);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn p_2_app_protocol_names_it_too() {
    let yaml = service("api", "web", 80, &["10.0.0.1"]);
    let yaml = yaml.replacen("{name: web, port: 80}", "{name: web, port: 80, appProtocol: grpc-web}", 1);
    let test = MeshTest::new(&yaml).start().await;
    let api = test.upstream("10.0.0.1:80");
    api.respond_grpc(0, "reply");
    assert_eq!(frames(&test.send(hello(TEXT)).await, TEXT).0, [b"reply"]);
}

#[tokio::test(start_paused = true)]
async fn rf_6_an_upload_in_any_pieces_is_the_same_call() {
    let (test, api) = world("").await;
    api.respond_grpc(0, "reply");
    for size in 1..=HELLO.len() {
        api.forget_arrivals();
        test.send(request(TEXT, chunked(&HELLO.into(), size))).await;
        assert_eq!(api.arrivals()[0].body.start, grpc_frame(b"hello"), "{size}");
    }
}

#[tokio::test(start_paused = true)]
async fn rf_6_each_message_reaches_the_page_when_it_is_sent() {
    let (test, api) = world("").await;
    let (sender, body) = channel();
    let body = std::sync::Mutex::new(Some(body));
    api.handle(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        async move { Response::builder().header("content-type", "application/grpc").body(body).unwrap() }
    });
    let mut answer = test.client().request(hello(TEXT)).await.unwrap().into_body();
    let mut next = async || decoded(&answer.frame().await.unwrap().unwrap().into_data().unwrap());
    for number in 0..20 {
        let message = format!("message {number}");
        sender.data(grpc_frame(message.as_bytes())).await;
        assert_eq!(next().await, grpc_frame(message.as_bytes()));
    }
    // A large message arrives as it is sent.
    sender.data(Bytes::from_static(b"\0\0\0\x01\0")).await;
    sender.data(vec![7; 100]).await;
    assert_eq!(next().await.len(), 3);
    assert_eq!(next().await.len(), 102);
    sender.data(vec![7; 156]).await;
    assert_eq!(next().await.len(), 156);
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    sender.trailers(trailers).await;
    assert_eq!(next().await, b"\x80\0\0\0\x0fgrpc-status:0\r\n");
    assert!(answer.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn rf_6_retries_and_timeouts_read_the_status_of_the_call() {
    let rules = "  - retries: {attempts: 1, retryOn: unavailable}\n    route: [{destination: {host: api}}]";
    let (test, api) = world(rules).await;
    api.respond_grpc(0, "reply").fault(Fault::Grpc(14));
    assert_eq!(
        frames(&test.send(hello(TEXT)).await, TEXT),
        (vec![b"reply".to_vec()], "grpc-status:0\r\n".into())
    );
    assert_eq!(api.arrival_count(), 2);
    // A trailers-only answer has its status in the headers.
    api.fault_times(2, Fault::Grpc(14));
    let answer = test.send(hello(BINARY)).await;
    assert_eq!((answer.header("grpc-status"), answer.body.len()), ("14", 0));
    assert_eq!(answer.header("content-type"), BINARY);
    // RT-4: the caller's deadline, which only a gRPC call has.
    api.fault(Fault::Hang);
    let mut call = hello(BINARY);
    call.headers_mut().insert("grpc-timeout", "50m".parse().unwrap());
    let answer = test.send(call).await;
    assert_eq!((answer.header("grpc-status"), answer.flags().as_str()), ("4", "UT"));
}

#[tokio::test(start_paused = true)]
async fn rf_6_an_answer_that_breaks_off_is_broken_for_the_page() {
    let (test, api) = world("").await;
    for content_type in [BINARY, TEXT] {
        api.respond_grpc(0, "a long reply").fault(Fault::ResetMidBody);
        let answer = test.send(hello(content_type)).await;
        assert!(answer.broken.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn rf_6_local_replies_are_statuses_to_a_page() {
    let rules = "  - match: [{uri: {prefix: /abort}}]
    fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
    route: [{destination: {host: api}}]
  - match: [{uri: {prefix: /unavailable}}]
    fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}
    route: [{destination: {host: api}}]
  - match: [{uri: {prefix: /direct}}]
    directResponse: {status: 403, body: {string: no}}
  - match: [{uri: {prefix: /shared}}]
    corsPolicy: {allowOrigins: [{exact: 'https://shop.test'}], exposeHeaders: [grpc-status]}
    route: [{destination: {host: empty}}]
  - match: [{uri: {prefix: /redirect}}]
    redirect: {uri: /elsewhere}";
    let yaml = service("api", "grpc-web", 80, &["10.0.0.1"]) + &service("empty", "grpc", 80, &[]);
    let test = MeshTest::new(&(yaml + &virtual_service("api", rules)))
        .with(|builder| builder.strict(false))
        .start()
        .await;
    for (path, status, message) in [
        ("/abort", "2", "fault filter abort"),
        ("/unavailable", "14", "fault filter abort"),
        ("/direct", "7", "no"),
        ("/shared", "14", "no healthy upstream"),
        ("/nowhere", "12", ""),
        ("/redirect", "2", ""),
    ] {
        for content_type in [BINARY, TEXT] {
            let mut call = hello(content_type);
            *call.uri_mut() = format!("http://api{path}").parse().unwrap();
            call.headers_mut().insert("origin", "https://shop.test".parse().unwrap());
            let answer = test.send(call).await;
            assert_eq!(
                (answer.status().as_u16(), answer.header("content-type")),
                (200, content_type),
                "{path}"
            );
            let sent = (answer.header("grpc-status"), answer.header("grpc-message"));
            assert_eq!(sent, (status, message), "{path}");
            assert!(answer.body.is_empty());
            let exposed = if path == "/shared" { "grpc-status" } else { "" };
            assert_eq!(answer.header("access-control-expose-headers"), exposed, "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rf_6_a_preflight_is_answered_as_configured() {
    let rules = "  - corsPolicy: {allowOrigins: [{exact: 'https://shop.test'}], allowMethods: [POST],
        allowHeaders: [content-type, x-grpc-web], exposeHeaders: [grpc-status, grpc-message]}
    route: [{destination: {host: api}}]";
    let (test, api) = world(rules).await;
    let preflight = Request::options("http://api/pkg.Service/Method").header("origin", "https://shop.test");
    let preflight = preflight.header("access-control-request-method", "POST").body(Body::empty()).unwrap();
    let answer = test.send(preflight).await;
    assert_eq!(answer.header("access-control-allow-headers"), "content-type,x-grpc-web");
    assert_eq!(api.arrival_count(), 0);
    api.respond_grpc(0, "reply");
    let mut call = hello(TEXT);
    call.headers_mut().insert("origin", "https://shop.test".parse().unwrap());
    let answer = test.send(call).await;
    assert_eq!(answer.header("access-control-expose-headers"), "grpc-status,grpc-message");
    assert_eq!(frames(&answer, TEXT).0, [b"reply"]);
}

#[tokio::test(start_paused = true)]
async fn rf_6_an_upload_that_is_no_base64_is_a_bad_request() {
    let (test, api) = world("").await;
    for (text, details) in
        [("AAAA*AAA", "grpc_base_64_decode_failed"), ("AAAAAAVoZ", "grpc_base_64_decode_failed_bad_size")]
    {
        for body in [Body::from(text), chunked(&text.into(), 3)] {
            let answer = test.send(request(TEXT, body)).await;
            assert_eq!((answer.status().as_u16(), answer.header("grpc-status")), (200, "13"));
            assert_eq!(answer.header("grpc-message"), "Bad gRPC-web request, invalid base64 data.");
            assert_eq!(answer.header("x-mesh-reason"), details);
        }
    }
    assert!(api.arrivals().iter().all(|arrival| !arrival.body.complete), "{:?}", api.arrivals());
}

#[tokio::test(start_paused = true)]
async fn rf_6_an_error_page_becomes_a_status() {
    let (test, api) = world("").await;
    api.respond(503, "<h1>overloaded</h1>");
    let answer = test.send(hello(TEXT)).await;
    assert_eq!((answer.status().as_u16(), answer.header("content-type")), (503, TEXT));
    assert_eq!((answer.header("grpc-status"), answer.header("grpc-message")), ("14", "<h1>overloaded</h1>"));
    assert!(answer.body.is_empty());
}
