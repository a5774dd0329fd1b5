//! Timeouts of requests, attempts and gRPC calls.

use tonic::Code;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;

use super::harness::{Pair, get, post, recorded};

async fn pair() -> Option<Pair> {
    Pair::sidecar("resilience", &["one"]).await
}

#[tokio::test]
async fn rt_2_a_request_that_takes_too_long_is_504() {
    let Some(pair) = pair().await else { return };
    let seen = pair.send(get("one.test:8080", "/timeout").script("hang")).await.alike();
    assert_eq!((seen.status(), seen.logged("flags")), (504, "UT"));
    assert_eq!(seen.answer.body, "upstream request timeout");
    assert_eq!(seen.sent(1, "x-envoy-expected-rq-timeout-ms"), "200");
}

#[tokio::test]
async fn rt_3_attempts_that_take_too_long_are_retried() {
    let Some(pair) = pair().await else { return };
    let seen = pair.send(get("one.test:8080", "/patient").script("hang,200")).await.alike();
    assert_eq!((seen.status(), seen.arrivals.len()), (200, 2));
    let seen = pair.send(post("one.test:8080", "/try", "hello").script("hang")).await.alike();
    assert_eq!((seen.status(), seen.arrivals.len(), seen.logged("flags")), (504, 3, "URX,UT"));
    let seen = pair.send(get("one.test:8080", "/one-try").script("hang")).await.alike();
    assert_eq!((seen.status(), seen.arrivals.len(), seen.logged("flags")), (504, 1, "UT"));
    assert_eq!(seen.logged("details"), "upstream_per_try_timeout");
}

#[tokio::test]
async fn rt_11_the_timeout_goes_on_while_a_retry_waits() {
    let Some(pair) = pair().await else { return };
    let seen = pair.send(get("one.test:8080", "/back-off").script("503")).await.alike();
    assert_eq!((seen.status(), seen.arrivals.len(), seen.logged("flags")), (504, 1, "UT"));
}

#[tokio::test]
async fn rt_4_grpc_deadlines() {
    let Some(pair) = pair().await else { return };
    for (path, deadline) in [
        ("/grpc/timeout", None),
        ("/grpc/timeout", Some("10S")),
        ("/grpc/long", Some("200m")),
        ("/grpc/unlimited", Some("200000u")),
    ] {
        let mut step = get("one.test:8080", path).grpc().script("hang");
        if let Some(deadline) = deadline {
            step = step.header("grpc-timeout", deadline);
        }
        let lines = ["+ header grpc-status: 4", "- header grpc-status: 14"];
        let both = pair.send(step).await.differ("A deadline that has passed is `DEADLINE_EXCEEDED`", &lines);
        assert_eq!((both.ours.status(), both.ours.logged("flags")), (200, "UT"), "{path} {deadline:?}");
        recorded("`grpc-timeout` is rewritten to the microsecond");
        assert_eq!(both.envoy.sent(1, "grpc-timeout"), "200m");
        let ours = both.ours.sent(1, "grpc-timeout");
        // The time left, of which little is spent by then.
        let left = ours.strip_suffix('u').map(|left| left.parse::<u32>().unwrap());
        assert!(ours == "200m" || (100_001..=200_000).contains(&left.unwrap()), "{ours}");
    }
    // An invalid value: there is no deadline, and the call goes through.
    for deadline in ["10", "x", "123456789S"] {
        let step = get("one.test:8080", "/grpc").grpc().script("trailers=0").header("grpc-timeout", deadline);
        let seen = pair.send(step).await.alike();
        assert_eq!(seen.answer.trailers["grpc-status"], "0");
    }
}

#[tokio::test]
async fn rt_2_a_client_library_understands_a_deadline() {
    let Some(pair) = pair().await else { return };
    recorded("A deadline that has passed is `DEADLINE_EXCEEDED`");
    for (side, code) in [(&pair.ours, Code::DeadlineExceeded), (&pair.envoy, Code::Unavailable)] {
        let endpoint = Endpoint::from_shared(format!("http://{}", side.address)).unwrap();
        let endpoint = endpoint.origin("http://one.test:8080".parse().unwrap());
        let mut grpc = Grpc::new(endpoint.connect_lazy());
        grpc.ready().await.unwrap();
        let mut call = tonic::Request::new(());
        call.metadata_mut().insert("x-script", "hang".parse().unwrap());
        let path = "/grpc/timeout".parse().unwrap();
        let status = grpc.unary(call, path, ProstCodec::<(), ()>::default()).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, "upstream request timeout"));
    }
}
