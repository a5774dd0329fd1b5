//! A mirror cannot harm the caller (VA-10, wish 29).

use std::time::Duration;

use http::Request;
use mesh_tests::body::chunked;
use mesh_tests::config::{service, virtual_service};
use mesh_tests::counters::Counters;
use mesh_tower::Body;
use mesh_tower::test::{Fault, MeshTest, Received, TestMesh, Upstream, pass};
use tokio::time::Instant;

async fn world(percent: &str) -> (TestMesh, Upstream, Upstream) {
    let http = format!(
        "  - route: [{{destination: {{host: api}}}}]
    mirrors: [{{destination: {{host: shadow}}, percentage: {{value: {percent}}}}}]"
    );
    let yaml = service("api", "http", 80, &["10.0.0.1"])
        + &service("shadow", "http", 80, &["10.0.1.1"])
        + &virtual_service("api", &http);
    let test = MeshTest::new(&yaml).start().await;
    let (api, shadow) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.1.1:80"));
    (test, api, shadow)
}

#[tokio::test(start_paused = true)]
async fn a_mirror_gets_a_copy_and_its_answer_is_thrown_away() {
    let (test, api, shadow) = world("100").await;
    api.respond(200, "real");
    shadow.respond(500, "shadow");
    let body: bytes::Bytes = vec![7; 40_000].into();
    let request = Request::post("http://api/x?y").body(chunked(&body, 1_000)).unwrap();
    let answer = test.send(request).await;
    assert_eq!((answer.status().as_u16(), answer.text().as_str()), (200, "real"));
    shadow.arrived(1).await;
    pass(Duration::from_secs(1)).await;
    for upstream in [&api, &shadow] {
        let arrival = &upstream.arrivals()[0];
        assert_eq!((arrival.path(), arrival.authority()), ("/x?y", "api"));
        assert_eq!(arrival.body.hash, Received::hash_of(&body));
    }
    assert_eq!(shadow.arrival_count(), 1, "a mirror is not retried");
}

/// VA-10: the body has ended before its first read, so a copy made on reading would never reach its end.
#[tokio::test(start_paused = true)]
async fn va_10_a_body_of_the_callers_own_type_that_has_ended_is_mirrored() {
    let http = "  - route: [{destination: {host: api}}]
    retries: {attempts: 0}
    mirror: {host: shadow}";
    let yaml = service("api", "http2", 80, &["10.0.0.1"])
        + &service("shadow", "http2", 80, &["10.0.1.1"])
        + &virtual_service("api", http);
    let test = MeshTest::new(&yaml).start().await;
    let (api, shadow) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.1.1:80"));
    api.respond(200, "");
    let body = Body::new(http_body_util::Empty::<bytes::Bytes>::new());
    assert_eq!(test.send(Request::get("http://api/x").body(body).unwrap()).await.status(), 200);
    shadow.arrived(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_slow_or_full_mirror_costs_the_caller_nothing() {
    for trouble in [Fault::Refuse, Fault::Blackhole, Fault::Hang, Fault::CloseBeforeResponse] {
        let (test, api, shadow) = world("100").await;
        shadow.fault_times(3, trouble);
        let begin = Instant::now();
        for _ in 0..3 {
            let body: bytes::Bytes = vec![7; 500_000].into();
            let request = Request::post("http://api/").body(chunked(&body, 10_000)).unwrap();
            assert_eq!(test.send(request).await.status(), 200, "{trouble:?}");
        }
        assert!(begin.elapsed() < Duration::from_millis(5), "{trouble:?}: {:?}", begin.elapsed());
        assert_eq!(api.arrival_count(), 3);
        assert!(api.arrivals().iter().all(|arrival| arrival.body.length == 500_000));
        // Makes each of the faults happen.
        for _ in 0..20 {
            pass(Duration::from_secs(30)).await;
            if shadow.unfired().is_empty() {
                break;
            }
            test.get("http://api/").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wish_29_the_mirrored_share_is_the_written_one() {
    let (test, api, shadow) = world("25").await;
    let mut mirrored = 0;
    for _ in 0..10 {
        for _ in 0..4_000 {
            assert_eq!(test.get("http://api/").await.status(), 200);
        }
        pass(Duration::from_secs(1)).await;
        mirrored += shadow.arrival_count();
        // They keep their answers.
        api.forget_arrivals();
        shadow.forget_arrivals();
    }
    // One percent of all is 4.6 standard deviations.
    assert!((9_600..=10_400).contains(&mirrored), "{mirrored}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_the_caller_is_not_mirrored() {
    let http = "  - route: [{destination: {host: api}}]
    retries: {attempts: 2, retryOn: 5xx}
    mirrors: [{destination: {host: shadow}}]";
    let yaml = service("api", "http", 80, &["10.0.0.1"])
        + &service("shadow", "http", 80, &["10.0.1.1"])
        + &virtual_service("api", http);
    let test = MeshTest::new(&yaml).start().await;
    let (api, shadow) = (test.upstream("10.0.0.1:80"), test.upstream("10.0.1.1:80"));
    api.fail_next(2, 503);
    let request = Request::get("http://api/").body(Body::empty()).unwrap();
    assert_eq!(test.send(request).await.status(), 200);
    pass(Duration::from_secs(1)).await;
    assert_eq!((api.arrival_count(), shadow.arrival_count()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn wish_29_a_body_over_the_cap_skips_the_mirror_which_is_counted() {
    let counters = Counters::leak();
    let _installed = counters.install();
    let (test, api, shadow) = world("100").await;
    // It reads nothing for an hour.
    shadow.handle(|request| async move {
        pass(Duration::from_secs(3_600)).await;
        drop(request);
        http::Response::new(Body::empty())
    });
    let post = |size: usize| {
        let body: bytes::Bytes = vec![7; size].into();
        Request::post("http://api/").body(chunked(&body, 4_000)).unwrap()
    };
    let begin = Instant::now();
    for _ in 0..5 {
        assert_eq!(test.send(post(2_000_000)).await.status(), 200);
    }
    assert!(begin.elapsed() < Duration::from_millis(5), "{:?}", begin.elapsed());
    assert!(api.arrivals().iter().all(|arrival| arrival.body.length == 2_000_000 && arrival.body.complete));
    let count = |result: &str| counters.sum("mesh_mirror_requests_total", &format!("result={result}"));
    assert_eq!(count("slow"), 5);
    pass(Duration::from_secs(60)).await;
    assert_eq!((count("failed"), count("sent")), (5, 0));
    assert!(shadow.arrivals().iter().all(|arrival| !arrival.body.complete));
    // Up to the cap it gets the whole body, however slow it is.
    shadow.forget_arrivals().handle(|request| async move {
        pass(Duration::from_secs(1)).await;
        let _ = http_body_util::BodyExt::collect(request.into_body()).await;
        http::Response::new(Body::empty())
    });
    assert_eq!(test.send(post(60_000)).await.status(), 200);
    pass(Duration::from_secs(2)).await;
    assert_eq!(count("sent"), 1);
    assert_eq!(shadow.arrivals()[0].body.hash, api.arrivals()[5].body.hash);
}

#[tokio::test(start_paused = true)]
async fn wish_29_too_many_mirrors_at_once_are_refused_and_counted() {
    let counters = Counters::leak();
    let _installed = counters.install();
    let (test, _api, shadow) = world("100").await;
    shadow.handle(|_| std::future::pending());
    for _ in 0..mesh_tower::mirror::MAX_RUNNING + 10 {
        assert_eq!(test.get("http://api/").await.status(), 200);
    }
    assert_eq!(counters.sum("mesh_mirror_requests_total", "result=refused"), 10);
}
