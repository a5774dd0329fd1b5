//! Retries: which failures are retried, how often, and the caller's final response.

use super::harness::{Pair, get, post, recorded};

async fn pair() -> Option<Pair> {
    Pair::sidecar_like_istio("retries", &["one", "two"]).await
}

#[tokio::test]
async fn rt_9_statuses_that_are_retried() {
    let Some(pair) = pair().await else { return };
    for (path, script, status, attempts) in [
        ("/5xx", "500,503,200", 200, 3),
        ("/5xx", "500", 500, 4),
        ("/5xx", "404", 404, 1),
        ("/gateway", "502,504,200", 200, 3),
        ("/gateway", "500", 500, 1),
        ("/codes", "429,404,200", 200, 3),
        ("/codes", "503", 503, 1),
        ("/codes", "404", 404, 3),
        ("/4xx", "409,200", 200, 2),
        ("/4xx", "404", 404, 1),
        ("/off", "503", 503, 1),
        ("/default", "503", 503, 1),
    ] {
        let seen = pair.send(get("one.test:8080", path).script(script)).await.alike();
        assert_eq!((seen.status(), seen.arrivals.len()), (status, attempts), "{path} {script}");
        let flags = if attempts > 2 && status != 200 { "URX" } else { "-" };
        assert_eq!(seen.logged("flags"), flags, "{path} {script}");
    }
}

#[tokio::test]
async fn rt_9_resets_that_are_retried() {
    let Some(pair) = pair().await else { return };
    for (path, script, status, attempts, flags) in [
        ("/reset", "reset,200", 200, 2, "-"),
        ("/5xx", "reset,200", 200, 2, "-"),
        ("/gateway", "reset,200", 200, 2, "-"),
        ("/reset", "reset", 503, 3, "URX,UC"),
        ("/reset", "503", 503, 1, "-"),
        ("/before", "reset", 503, 1, "UC"),
        ("/4xx", "reset", 503, 1, "UC"),
        ("/off", "reset", 503, 1, "UC"),
        ("/refused", "refuse,200", 200, 2, "-"),
        ("/refused", "refuse", 503, 3, "URX,UR"),
        ("/refused", "reset", 503, 1, "UR"),
        ("/streams", "reset,200", 200, 2, "-"),
        ("/streams", "refuse", 503, 2, "URX,UR"),
    ] {
        let seen = pair.send(post("one.test:8080", path, "hello").script(script)).await.alike();
        assert_eq!((seen.status(), seen.arrivals.len()), (status, attempts), "{path} {script}");
        assert_eq!(seen.logged("flags"), flags, "{path} {script}");
        assert!(seen.arrivals.iter().all(|one| one.body == "hello"), "{path} {script}");
    }
}

#[tokio::test]
async fn rt_9_refused_connections_that_are_retried() {
    let Some(pair) = pair().await else { return };
    let text = "upstream connect error or disconnect/reset before headers. ";
    let again = format!("{text}retried and the latest reset reason: remote connection failure");
    let seen = pair.send(get("one.test:8080", "/connect")).await.connect_failure(&again);
    assert_eq!((seen.status(), seen.logged("flags")), (503, "URX,UF"));
    let once = format!("{text}reset reason: remote connection failure");
    let seen = pair.send(get("one.test:8080", "/not-connect")).await.connect_failure(&once);
    assert_eq!((seen.status(), seen.logged("flags")), (503, "UF"));
    for _ in 0..8 {
        let number = pair.number();
        for side in [&pair.ours, &pair.envoy] {
            let seen = side.send(&get("one.test:8080", "/mixed"), &number).await;
            assert_eq!((seen.status(), seen.arrivals.len()), (200, 1));
        }
    }
}

#[tokio::test]
async fn rt_9_grpc_statuses_that_are_retried() {
    let Some(pair) = pair().await else { return };
    for (script, status, attempts) in [
        ("grpc=14,grpc=0", "0", 2),
        ("grpc=8,grpc=1,grpc=0", "0", 3),
        ("grpc=14", "14", 3),
        ("grpc=13", "13", 1),
        ("trailers=14", "", 1),
    ] {
        let marks = [
            "+ attempt 2 header grpc-previous-rpc-attempts: 1",
            "+ attempt 3 header grpc-previous-rpc-attempts: 2",
        ];
        let both = pair.send(get("one.test:8080", "/grpc").grpc().script(script)).await;
        let seen = both.differ("`grpc-previous-rpc-attempts`", &marks[..attempts - 1]).envoy;
        assert_eq!((seen.header("grpc-status"), seen.arrivals.len()), (status, attempts), "{script}");
    }
}

#[tokio::test]
async fn rt_10_what_the_peer_limits_is_not_retried() {
    let Some(pair) = pair().await else { return };
    let step = get("one.test:8080", "/5xx").script("503").answer("x-envoy-ratelimited=true");
    let seen = pair.send(step).await.alike();
    assert_eq!((seen.status(), seen.arrivals.len()), (503, 1));
}

#[tokio::test]
async fn rt_20_a_lost_race_for_a_connection_is_no_attempt() {
    let Some(pair) = pair().await else { return };
    pair.send(get("one.test:8080", "/off")).await.alike();
    let both = pair.send(get("one.test:8080", "/off").script("reset,200")).await;
    recorded("A lost race for a reused connection");
    assert_eq!((both.ours.status(), both.ours.arrivals.len()), (200, 2));
    assert_eq!((both.envoy.status(), both.envoy.logged("flags")), (503, "UC"));
}

#[tokio::test]
async fn rt_10_nothing_is_retried_after_the_headers() {
    let Some(pair) = pair().await else { return };
    let details = |reason: &str| format!("log details: upstream_reset_after_response_started{{{reason}}}");
    let lines = [
        format!("+ {}", details("connection_termination")),
        format!("- {}", details("protocol_error")),
        "+ log flags: UC".to_owned(),
        "- log flags: UPE".to_owned(),
    ];
    let both = pair.send(get("one.test:8080", "/5xx").script("cut")).await;
    let both = both.differ("A response that the endpoint breaks off", &lines.each_ref().map(String::as_str));
    assert_eq!((both.ours.status(), both.ours.arrivals.len()), (200, 1));
    assert_eq!(both.ours.answer.body, "half<broken off>");
}

/// A host is drawn again up to five times: of two hosts, the failed host is tried again in one case of 64. Without
/// avoidance it would be in every second case. Fewer than 48 of 60 is practically impossible with avoidance, and more
/// than 48 without.
#[tokio::test]
async fn rt_12_a_host_that_failed_is_avoided() {
    let Some(pair) = pair().await else { return };
    for side in [&pair.ours, &pair.envoy] {
        let mut avoided = 0;
        for _ in 0..60 {
            let seen = side.send(&get("one.test:8080", "/avoid").script("503,200"), &pair.number()).await;
            assert_eq!(seen.status(), 200);
            let numbers = [seen.sent(1, "x-envoy-attempt-count"), seen.sent(2, "x-envoy-attempt-count")];
            assert_eq!(numbers, ["1", "2"]);
            avoided += usize::from(seen.arrivals[0].backend != seen.arrivals[1].backend);
        }
        assert!(avoided >= 48, "{avoided} of 60");
    }
}
