//! The question of a check, by protocol.

use super::*;

#[tokio::test(start_paused = true)]
async fn hc_1_the_question_is_as_written() {
    let active = "{type: HTTP, http: {path: '/healthz?full', hostname: check.example.com, method: POST,
      expectedStatuses: [200, 204], expectedResponse: {type: Text, text: am well}}}";
    let (test, one, two) = world("http", active, "").await;
    health(&one, 204);
    two.respond(204, "something else");
    pass(Duration::from_secs(1)).await;
    let asked = &one.arrivals()[0];
    assert_eq!((asked.path(), asked.authority()), ("/healthz?full", "check.example.com"));
    // A 204 has no body, so neither body matches.
    assert_eq!(states(&test), [State::Unhealthy, State::Unhealthy]);
    health(&one, 200);
    pass(Duration::from_secs(120)).await;
    one.handle(|_| async { Response::new(Body::from("yes, I am well")) });
    pass(Duration::from_secs(120)).await;
    assert_eq!(states(&test), [State::Healthy, State::Unhealthy]);
}

#[tokio::test(start_paused = true)]
async fn hc_1_grpc_health() {
    let active = "{type: GRPC, interval: 5s, grpc: {service: shop.Reviews}}";
    let (test, one, two) = world("grpc", active, "").await;
    // SERVING, NOT_SERVING.
    one.respond_grpc(0, vec![8, 1]);
    two.respond_grpc(0, vec![8, 2]);
    pass(Duration::from_secs(1)).await;
    assert_eq!(states(&test), [State::Healthy, State::Unhealthy]);
    let asked = &one.arrivals()[0];
    assert_eq!(asked.path(), "/grpc.health.v1.Health/Check");
    assert_eq!(asked.header("content-type"), "application/grpc");
    assert_eq!(asked.body.length, 5 + 2 + "shop.Reviews".len() as u64);
    one.respond_grpc(12, "");
    two.respond_grpc(0, vec![8, 1]);
    pass(Duration::from_secs(70)).await;
    assert_eq!(states(&test), [State::Unhealthy, State::Healthy]);
}

#[tokio::test(start_paused = true)]
async fn hc_1_tcp_needs_a_connection_or_the_bytes() {
    let (test, one, _two) = world("http", "{type: TCP, interval: 5s, tcp: {}}", "").await;
    one.down();
    call(&test, 1).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(states(&test), [State::Unhealthy, State::Healthy]);
    one.up();
    pass(Duration::from_secs(6)).await;
    assert_eq!(states(&test), [State::Healthy, State::Healthy]);

    let question = "GET / HTTP/1.0\\r\\n\\r\\n";
    let active = format!(
        "{{type: TCP, tcp: {{send: {{type: Text, text: \"{question}\"}}, receive: {{type: Text, text: ' 200 OK'}}}}}}"
    );
    let (test, one, two) = world("http", &active, "").await;
    one.respond(200, "");
    two.respond(404, "");
    pass(Duration::from_secs(2)).await;
    assert_eq!(states(&test), [State::Healthy, State::Unhealthy]);
}
