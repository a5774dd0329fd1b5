//! An endpoint that keeps the announced deadline answers at the moment at which our own timer ends. The outcome is
//! the same, whichever is first.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use mesh_tests::config::{service, virtual_service};
use mesh_tests::counters::Counters;
use mesh_tower::test::{Answer, MeshTest, TestMesh, grpc_frame, pass};
use mesh_tower::{Body, Error};

/// The part of a response that carries the endpoint's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Head,
    Trailers,
}

/// An endpoint that gives up after this time, with CANCELLED or `DEADLINE_EXCEEDED`.
async fn world(rule: &str, after: Duration, status: u8, place: Place) -> TestMesh {
    let http = format!("  - {rule}\n    route: [{{destination: {{host: api}}}}]");
    let yaml = service("api", "grpc", 80, &["10.0.0.1"]) + &virtual_service("api", &http);
    let test = MeshTest::new(&yaml).start().await;
    test.upstream("10.0.0.1:80").handle(move |_| async move {
        let mut response = Response::new(Body::empty());
        let grpc = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert("content-type", grpc);
        let status = HeaderValue::from(u16::from(status));
        if place == Place::Head {
            pass(after).await;
            response.headers_mut().insert("grpc-status", status);
            response.headers_mut().insert("grpc-message", HeaderValue::from_static("Timeout expired"));
        } else {
            let trailers = async move {
                pass(after).await;
                Some(Ok(HeaderMap::from_iter([("grpc-status".parse().unwrap(), status)])))
            };
            *response.body_mut() = Body::new(Full::new(grpc_frame(b"one")).with_trailers(trailers));
        }
        response
    });
    test
}

async fn call(test: &TestMesh) -> Answer {
    let request = Request::post("http://api/s/m")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(grpc_frame(b"hello").into())
        .unwrap();
    test.send(request).await
}

const PER_TRY: &str = "retries: {attempts: 2, retryOn: gateway-error, perTryTimeout: 300ms}";

#[tokio::test(start_paused = true)]
async fn rt_3_an_answer_at_the_end_of_a_try_is_the_end_of_the_try() {
    for status in [1, 4] {
        // Less than 15 ms are left, or our own timer is first.
        for after in [286, 299, 300, 301, 2_000] {
            let test = world(PER_TRY, Duration::from_millis(after), status, Place::Head).await;
            let answer = call(&test).await;
            let tries = test.upstream("10.0.0.1:80").arrival_count();
            assert_eq!((answer.grpc_status(), tries), (Some(4), 3), "{status} after {after} ms");
            assert_eq!(answer.flags(), "URX,UT");
            assert_eq!(answer.header("x-mesh-reason"), "upstream_per_try_timeout");
            assert!(answer.error.unwrap().is_timeout());
        }
        // The endpoint's own answer.
        for after in [1, 200, 283] {
            let test = world(PER_TRY, Duration::from_millis(after), status, Place::Head).await;
            let answer = call(&test).await;
            let tries = test.upstream("10.0.0.1:80").arrival_count();
            assert_eq!((answer.grpc_status(), tries), (Some(status), 1), "{status} after {after} ms");
            assert_eq!((answer.flags().as_str(), answer.header("grpc-message")), ("-", "Timeout expired"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rt_3_a_try_that_ended_so_is_repeated_and_may_succeed() {
    let test = world(PER_TRY, Duration::from_millis(295), 1, Place::Head).await;
    let api = test.upstream("10.0.0.1:80").clone();
    let calling = call(&test);
    let mending = async {
        api.arrived(1).await;
        api.respond_grpc(0, "well");
    };
    let (answer, ()) = tokio::join!(calling, mending);
    assert_eq!((answer.grpc_status(), api.arrival_count()), (Some(0), 2));
}

#[tokio::test(start_paused = true)]
async fn rt_2_an_answer_at_the_end_of_the_timeout_is_the_timeout() {
    for rule in
        ["timeout: 1s", "timeout: 1s\n    retries: {attempts: 2, retryOn: 'cancelled,deadline-exceeded'}"]
    {
        for status in [1, 4] {
            for after in [951, 999, 1_000, 1_001, 5_000] {
                let test = world(rule, Duration::from_millis(after), status, Place::Head).await;
                let answer = call(&test).await;
                let tries = test.upstream("10.0.0.1:80").arrival_count();
                assert_eq!((answer.grpc_status(), tries), (Some(4), 1), "{status} after {after} ms");
                assert_eq!(answer.flags(), "UT");
                assert_eq!(answer.header("grpc-message"), "upstream request timeout");
            }
        }
    }
    for after in [1, 940] {
        let test = world("timeout: 1s", Duration::from_millis(after), 1, Place::Head).await;
        let answer = call(&test).await;
        assert_eq!((answer.grpc_status(), answer.flags().as_str()), (Some(1), "-"), "after {after} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn rt_2_trailers_at_the_end_of_the_timeout_are_the_timeout() {
    for status in [1, 4] {
        for after in [951, 999, 1_001, 5_000] {
            let test = world("timeout: 1s", Duration::from_millis(after), status, Place::Trailers).await;
            let answer = call(&test).await;
            assert_eq!(answer.status(), 200);
            let broken = answer.broken.unwrap_or_else(|| panic!("{status} after {after} ms"));
            assert!(Error::from_box(broken).is_timeout());
        }
        let test = world("timeout: 1s", Duration::from_millis(940), status, Place::Trailers).await;
        let answer = call(&test).await;
        assert!(answer.broken.is_none());
        assert_eq!(answer.grpc_status(), Some(status));
    }
}

#[tokio::test(start_paused = true)]
async fn rt_3_trailers_that_come_when_the_time_of_a_try_is_over_are_passed_on() {
    for status in [1, 4] {
        for after in [286, 299, 301, 2_000] {
            let test = world(PER_TRY, Duration::from_millis(after), status, Place::Trailers).await;
            let answer = call(&test).await;
            assert!(answer.broken.is_none(), "{status} after {after} ms");
            assert_eq!((answer.grpc_status(), answer.flags().as_str()), (Some(status), "-"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rt_4_an_answer_at_the_end_of_the_callers_own_deadline_is_the_timeout() {
    let test = world("name: rule", Duration::from_millis(492), 1, Place::Head).await;
    let request = Request::post("http://api/s/m")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "500m")
        .body(grpc_frame(b"hello").into())
        .unwrap();
    let answer = test.send(request).await;
    assert_eq!((answer.grpc_status(), answer.flags().as_str()), (Some(4), "UT"));
}

#[tokio::test(start_paused = true)]
async fn od_3_an_endpoint_that_answers_so_is_judged_by_its_timeout() {
    let counters = Counters::leak();
    let _counting = counters.install();
    let test = world("timeout: 1s", Duration::from_millis(995), 1, Place::Head).await;
    let _ = call(&test).await;
    assert_eq!(counters.sum("envoy_cluster_upstream_rq_timeout", ""), 1);
    let test = world(PER_TRY, Duration::from_millis(295), 1, Place::Head).await;
    let _ = call(&test).await;
    assert_eq!(counters.sum("envoy_cluster_upstream_rq_per_try_timeout", ""), 3);
}
