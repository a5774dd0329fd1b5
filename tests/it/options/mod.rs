//! Per-call overrides of the rule (RT-18, OU-4).

mod faults;

use std::time::Duration;

use http::{Request, Response, StatusCode};
use mesh_core::fault::{Abort, Delay, FaultPolicy, HeaderFaults};
use mesh_core::units::Percent;
use mesh_tests::body::channel;
use mesh_tests::config::{destination_rule, mesh_config, service, versioned_service, virtual_service};
use mesh_tower::test::{Answer, Fault, MeshTest, TestMesh, Upstream, grpc_frame, pass};
use mesh_tower::{Body, CallOptions};
use tokio::time::Instant;
use tower::Service;

use crate::timeout::took;

const URI: &str = "http://api/";

async fn world(port: &str, rule: &str) -> (TestMesh, Upstream) {
    let http = format!("  - {rule}\n    route: [{{destination: {{host: api}}}}]");
    let yaml = service("api", port, 80, &["10.0.0.1"]) + &virtual_service("api", &http);
    let test = MeshTest::new(&yaml).start().await;
    let api = test.upstream("10.0.0.1:80");
    (test, api)
}

fn get() -> http::request::Builder {
    Request::get(URI)
}

async fn send(test: &TestMesh, request: http::request::Builder, options: CallOptions) -> Answer {
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(options);
    test.send(request).await
}

#[tokio::test(start_paused = true)]
async fn rt_18_a_timeout_of_the_call_beats_the_header_and_that_the_rule() {
    let (test, api) = world("http", "timeout: 9s").await;
    api.fault_times(4, Fault::Hang);
    let steered = || get().header("x-envoy-upstream-rq-timeout-ms", "5000");
    let own = CallOptions::new().timeout(Duration::from_secs(1));
    for (request, options, millis) in [
        (steered(), own.clone(), 1_000),
        (get(), own, 1_000),
        (steered(), CallOptions::new(), 5_000),
        (get(), CallOptions::new(), 9_000),
    ] {
        let begin = Instant::now();
        let answer = send(&test, request, options).await;
        assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (504, "UT"));
        assert!(took(begin.elapsed(), millis), "{millis}: {:?}", begin.elapsed());
    }
    // Zero is without limit.
    api.delay(Duration::from_secs(60));
    let endless = CallOptions::new().timeout(Duration::ZERO);
    assert_eq!(send(&test, get(), endless).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn wish_17_a_limit_to_headers_lets_a_stream_live() {
    for port in ["http", "http2"] {
        let (test, api) = world(port, "timeout: 9s").await;
        api.handle(|_| async {
            let (sender, body) = channel();
            tokio::spawn(async move {
                // One hour, a word every half minute.
                for _ in 0..120 {
                    pass(Duration::from_secs(30)).await;
                    sender.data("tick ").await;
                }
            });
            Response::new(body)
        });
        let options = CallOptions::new().timeout_to_headers(Duration::from_secs(2));
        let begin = Instant::now();
        let answer = send(&test, get(), options.clone()).await;
        assert_eq!(answer.body.len(), 120 * 5, "{port}: {:?}", answer.broken);
        assert!(took(begin.elapsed(), 3_600_000), "{:?}", begin.elapsed());
        // The call does not announce a limit that does not bound the server.
        assert!(api.arrivals()[0].header("x-envoy-expected-rq-timeout-ms").is_empty());
        api.respond(200, "").fault(Fault::Hang);
        let begin = Instant::now();
        let answer = send(&test, get(), options).await;
        assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (504, "UT"));
        assert!(took(begin.elapsed(), 2_000), "{:?}", begin.elapsed());
        // RT-1: written in YAML it bounds the whole.
        api.respond(200, "late").fault(Fault::SlowBody(Duration::from_secs(60)));
        let begin = Instant::now();
        let answer = send(&test, get(), CallOptions::new()).await;
        assert!(answer.broken.is_some() || answer.status() == 504, "{port}");
        assert!(took(begin.elapsed(), 9_000), "{:?}", begin.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn rt_18_retries_of_the_call_beat_header_and_rule() {
    let (test, api) = world("http", "retries: {attempts: 3, retryOn: 5xx, backoff: 1ms}").await;
    api.respond(503, "");
    let steered = || get().header("x-envoy-max-retries", "2");
    let one = CallOptions::new().retries(1, "5xx").unwrap();
    for (request, options, tries) in [
        (steered(), one.clone(), 2),
        (get(), one, 2),
        (get(), CallOptions::new().no_retries(), 1),
        (steered(), CallOptions::new(), 3),
        (get(), CallOptions::new(), 4),
    ] {
        api.forget_arrivals();
        send(&test, request, options).await;
        assert_eq!(api.arrival_count(), tries);
        pass(Duration::from_secs(1)).await;
    }
    assert!(CallOptions::new().retries(1, "5xx,nonsense").is_err());
}

/// RT-18: the mesh's default comes last of the four.
#[tokio::test(start_paused = true)]
async fn rt_18_the_mesh_s_default_holds_where_nothing_else_is_said() {
    let mesh = mesh_config("defaultHttpRetryPolicy: {attempts: 4, retryOn: 5xx, backoff: 1ms}");
    let plain = service("api", "http", 80, &["10.0.0.1"]) + &mesh;
    let rule =
        "  - retries: {attempts: 3, retryOn: 5xx, backoff: 1ms}\n    route: [{destination: {host: api}}]";
    let ruled = plain.clone() + &virtual_service("api", rule);
    let one = CallOptions::new().retries(1, "5xx").unwrap();
    let steered = || get().header("x-envoy-max-retries", "2");
    for (yaml, request, options, tries) in [
        (&plain, get(), CallOptions::new(), 5),
        (&ruled, get(), CallOptions::new(), 4),
        (&plain, steered(), CallOptions::new(), 3),
        (&plain, get(), one, 2),
    ] {
        let test = MeshTest::new(yaml).start().await;
        let api = test.upstream("10.0.0.1:80");
        api.respond(503, "");
        send(&test, request, options).await;
        assert_eq!(api.arrival_count(), tries);
    }
}

#[tokio::test(start_paused = true)]
async fn rt_19_a_call_may_declare_itself_idempotent_or_not() {
    let yaml = service("api", "grpc", 80, &["10.0.0.1"]);
    for (declared, arrivals, status) in [(None, 1, 14), (Some(true), 2, 0), (Some(false), 1, 14)] {
        let test = MeshTest::new(&yaml).start().await;
        let api = test.upstream("10.0.0.1:80");
        api.respond_grpc(0, "fine").fault(Fault::Grpc(14));
        let mut request = Request::post(URI)
            .header("content-type", "application/grpc")
            .body(grpc_frame(b"").into())
            .unwrap();
        if let Some(declared) = declared {
            request.extensions_mut().insert(CallOptions::new().idempotent(declared));
        }
        let answer = test.send(request).await;
        assert_eq!((api.arrival_count(), answer.grpc_status()), (arrivals, Some(status)), "{declared:?}");
    }
    // A GET that is not safe to repeat after all.
    let (test, api) = world("http", "name: rule").await;
    send(&test, get(), CallOptions::new()).await;
    api.forget_arrivals().fault(Fault::CloseAfterRequestBody);
    let answer = send(&test, get(), CallOptions::new().idempotent(false)).await;
    assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (503, "UC"));
    assert_eq!(api.arrival_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn ou_4_a_call_may_pin_a_subset() {
    let yaml = versioned_service("api", "http", 80, &[("10.0.0.1", "v1"), ("10.0.0.2", "v2")])
        + &destination_rule(
            "api",
            "  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]",
        )
        + &virtual_service("api", "  - route: [{destination: {host: api, subset: v1}}]");
    let test = MeshTest::new(&yaml).start().await;
    test.upstream("10.0.0.1:80").respond(200, "v1");
    test.upstream("10.0.0.2:80").respond(200, "v2");
    assert_eq!(send(&test, get(), CallOptions::new()).await.text(), "v1");
    assert_eq!(send(&test, get(), CallOptions::new().subset("v2")).await.text(), "v2");
    let answer = send(&test, get(), CallOptions::new().subset("v3")).await;
    assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (503, "NC"));
}

#[tokio::test(start_paused = true)]
async fn rt_5_a_timeout_may_be_answered_204() {
    let rules = ["timeout: 1s", "retries: {attempts: 1, retryOn: connect-failure, perTryTimeout: 1s}"];
    for rule in rules {
        let (test, api) = world("http", rule).await;
        api.fault_times(2, Fault::Hang);
        let request = get().header("x-envoy-upstream-rq-timeout-alt-response", "1");
        let answer = send(&test, request, CallOptions::new()).await;
        assert_eq!((answer.status().as_u16(), answer.text().as_str()), (204, ""), "{rule}");
        assert_eq!(answer.flags(), "UT");
        assert!(answer.error.as_ref().unwrap().is_timeout());
        assert!(api.arrivals()[0].header("x-envoy-upstream-rq-timeout-alt-response").is_empty());
        assert_eq!(send(&test, get(), CallOptions::new()).await.status(), 504, "{rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn rt_16_a_channel_heeds_what_the_server_says_of_retries() {
    let http = "  - retries: {attempts: 2, retryOn: unavailable, backoff: 1ms}\n    route: [{destination: {host: api}}]";
    let yaml = service("api", "grpc", 80, &["10.0.0.1"]) + &virtual_service("api", http);
    for (pushback, by_channel, arrivals, wait) in
        [("700", true, 3, 1_400), ("-1", true, 1, 0), ("soon", true, 1, 0), ("-1", false, 3, 0)]
    {
        let test = MeshTest::new(&yaml).start().await;
        let api = test.upstream("10.0.0.1:80");
        api.handle(move |_| async move {
            Response::builder()
                .header("content-type", "application/grpc")
                .header("grpc-status", "14")
                .header("grpc-retry-pushback-ms", pushback)
                .body(Body::empty())
                .unwrap()
        });
        let begin = Instant::now();
        let request = Request::post("http://api/s/m")
            .header("content-type", "application/grpc")
            .body(Body::from(grpc_frame(b"")))
            .unwrap();
        if by_channel {
            let mut channel = test.mesh().channel("api:80").unwrap();
            channel.call(request).await.unwrap();
        } else {
            test.send(request).await;
        }
        assert_eq!(api.arrival_count(), arrivals, "{pushback}");
        let elapsed = begin.elapsed();
        let wait = Duration::from_millis(wait);
        assert!(elapsed >= wait && elapsed < wait + Duration::from_millis(15), "{pushback}: {elapsed:?}");
    }
}
