//! The endpoints that a check covers, by the documents that name it and across reloads.

use super::*;

#[tokio::test(start_paused = true)]
async fn hc_1_a_virtual_service_names_what_it_leads_to() {
    let subsets = destination_rule(
        "api",
        "  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]",
    );
    let yaml = versioned_service("api", "http", 80, &[("10.0.0.1", "v1"), ("10.0.0.2", "v2")])
        + &subsets
        + &virtual_service("api", "  - route: [{destination: {host: api, subset: v2}}]")
        + &policy(
            "{group: networking.istio.io, kind: VirtualService, name: api}",
            "{type: HTTP, http: {path: /healthz}}",
        );
    let test = MeshTest::new(&yaml).start().await;
    let (one, two) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.0.2:80"));
    pass(Duration::from_secs(5)).await;
    assert_eq!((checks(&one), checks(&two)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn hc_1_a_reload_starts_keeps_and_ends_the_questions() {
    let plain = service("api", "http", 80, &["10.0.0.1"]);
    let test = MeshTest::new(&plain).start().await;
    let one = test.upstream("10.0.0.1:80");
    call(&test, 1).await;
    pass(Duration::from_secs(100)).await;
    assert_eq!(checks(&one), 0);
    let checked = plain.clone() + &policy(SERVICE, "{type: HTTP, interval: 10s, http: {path: /healthz}}");
    test.reload(&checked);
    call(&test, 1).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!((checks(&one), states(&test)), (1, vec![State::Healthy]));
    health(&one, 503);
    pass(Duration::from_secs(11)).await;
    // Unchanged endpoints keep their state: no check starts again.
    test.reload(&(checked + &service("other", "http", 80, &["10.0.1.1"])));
    assert_eq!(states(&test)[0], State::Unhealthy);
    // Half of the endpoints are unhealthy and all are used; without checks no endpoint is checked any more.
    test.reload(&plain);
    let asked = checks(&one);
    pass(Duration::from_secs(100)).await;
    assert_eq!(checks(&one), asked);
    call(&test, 5).await;
}

#[tokio::test(start_paused = true)]
async fn hc_1_the_builder_says_the_same() {
    let service = Service::new("api")
        .port(80, Protocol::Http)
        .endpoint("10.0.0.1:80".parse().unwrap(), [("", ""); 0])
        .endpoint("10.0.0.2:80".parse().unwrap(), [("", ""); 0])
        .health_check(ActiveHealthCheck::http("/healthz"));
    let documents = MeshSpec::new().service(service).build().unwrap();
    let test = MeshTest::from_documents(documents).start().await;
    health(&test.upstream("10.0.0.1:80"), 503);
    health(&test.upstream("10.0.0.2:80"), 200);
    pass(Duration::from_secs(1)).await;
    assert_eq!(states(&test), [State::Unhealthy, State::Healthy]);
    let request = Request::get(URI).body(Body::empty()).unwrap();
    assert_eq!(test.send(request).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn hc_1_when_too_few_are_well_all_are_used_unless_told_otherwise() {
    for (threshold, status) in [("", 200), (", panicThreshold: 0", 503)] {
        let yaml = service("api", "http", 80, &["10.0.0.1", "10.0.0.2"])
            + &policy(SERVICE, &format!("{HTTP}{threshold}"));
        let test = MeshTest::new(&yaml).start().await;
        for address in ["10.0.0.1:80", "10.0.0.2:80"] {
            health(&test.upstream(address), 503);
        }
        pass(Duration::from_secs(1)).await;
        let answer = test.get(URI).await;
        let flags = if status == 503 { "UH" } else { "-" };
        assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (status, flags));
    }
}
