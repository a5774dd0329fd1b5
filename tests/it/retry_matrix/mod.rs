//! Wish 1: under the default policy no request is sent twice that may have been processed, unless
//! it is idempotent (RT-6, RT-19, RT-20, RT-10).
//!
//! Every cell runs many times with different seeds; arrivals are exact.

mod goaway;

use std::time::Duration;

use http::Request;
use mesh_tests::config::{destination_rule, service};
use mesh_tower::Body;
use mesh_tower::test::{Fault, MeshTest, TestMesh, Upstream, grpc_frame};

/// How often each cell runs, each time with another seed. `MESH_TEST_RUNS=1000` for long:
/// minutes rather than seconds.
fn runs() -> u64 {
    std::env::var("MESH_TEST_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(25)
}

/// Ways to end a connection once a request has come.
const CLOSES: [Fault; 3] =
    [Fault::CloseBeforeResponse, Fault::CloseAfterRequestBody, Fault::ResetAfterRequestBody];

const KINDS: [Kind; 5] = [Kind::Get, Kind::Put, Kind::Post, Kind::PostWithKey, Kind::Grpc];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Get,
    Put,
    Post,
    PostWithKey,
    Grpc,
}

impl Kind {
    fn request(self) -> Request<Body> {
        let uri = "http://api/thing";
        let body = || Body::from("the body of the request");
        match self {
            Self::Get => Request::get(uri).body(Body::empty()),
            Self::Put => Request::put(uri).body(body()),
            Self::Post => Request::post(uri).body(body()),
            Self::PostWithKey => Request::post(uri).header("idempotency-key", "1").body(body()),
            Self::Grpc => Request::post(uri)
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(grpc_frame(b"message").into()),
        }
        .unwrap()
    }

    fn idempotent(self) -> bool {
        matches!(self, Self::Get | Self::Put | Self::PostWithKey)
    }
}

/// The caller's view: the status, or the gRPC status, and the flags of an answer that the mesh makes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    Success,
    Failure(&'static str),
    /// The endpoint's own 503.
    Own503,
}

/// One column of the matrix.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    fault: Fault,
    /// Whether the connection has served a request before.
    reused: bool,
    http2: bool,
}

async fn world(trouble: Trouble, kind: Kind, seed: u64, rest: &str) -> (TestMesh, Upstream) {
    let port = if trouble.http2 || kind == Kind::Grpc { "http2" } else { "http" };
    let yaml = service("api", port, 80, &["10.0.0.1"]) + rest;
    let test = MeshTest::new(&yaml).seed(seed).start().await;
    let api = test.upstream("10.0.0.1:80");
    match kind {
        Kind::Grpc => api.respond_grpc(0, "reply"),
        _ => api.respond(200, "reply"),
    };
    if trouble.reused {
        test.get("http://api/warm-up").await;
        api.forget_arrivals();
    }
    api.fault(trouble.fault);
    (test, api)
}

async fn check(trouble: Trouble, kind: Kind, arrivals: usize, seen: Seen, rest: &str) {
    for seed in 0..runs() {
        let (test, api) = world(trouble, kind, seed, rest).await;
        let answer = test.send(kind.request()).await;
        let context = format!("{kind:?} {trouble:?} seed {seed}: {answer:?}\n{}", test.transcript());
        let expected = match seen {
            Seen::Success => (200, if kind == Kind::Grpc { Some(0) } else { None }, "-"),
            Seen::Failure(flags) if kind == Kind::Grpc => (200, Some(14), flags),
            Seen::Failure(flags) => (503, None, flags),
            Seen::Own503 => (503, None, "-"),
        };
        let flags = answer.flags();
        assert_eq!((answer.status().as_u16(), answer.grpc_status(), flags.as_str()), expected, "{context}");
        assert_eq!(api.arrival_count(), arrivals, "{context}");
        // Whatever was sent twice was sent alike.
        let bodies: Vec<_> = api.arrivals().into_iter().map(|arrival| arrival.body).collect();
        let whole = bodies.iter().filter(|body| body.complete);
        assert!(whole.clone().all(|body| Some(body) == whole.clone().next()), "{context}");
    }
}

#[tokio::test(start_paused = true)]
async fn rt_19_a_refused_connection_is_retried_for_everyone() {
    for http2 in [false, true] {
        for kind in KINDS {
            let trouble = Trouble { fault: Fault::Refuse, reused: false, http2 };
            check(trouble, kind, 1, Seen::Success, "").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rt_19_a_fresh_connection_that_closes_is_not_retried() {
    // RT-6 does not name `reset`, and RT-20 is about connections that were used before.
    for http2 in [false, true] {
        for fault in CLOSES {
            for kind in KINDS {
                let trouble = Trouble { fault, reused: false, http2 };
                check(trouble, kind, 1, Seen::Failure("UC"), "").await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rt_20_a_reused_connection_that_closes_is_retried_for_the_idempotent() {
    for http2 in [false, true] {
        for fault in CLOSES {
            for kind in KINDS {
                let trouble = Trouble { fault, reused: true, http2 };
                let (arrivals, seen) =
                    if kind.idempotent() { (2, Seen::Success) } else { (1, Seen::Failure("UC")) };
                check(trouble, kind, arrivals, seen, "").await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rt_19_a_refused_stream_is_retried_for_everyone() {
    for kind in KINDS {
        let trouble = Trouble { fault: Fault::RefuseStream, reused: false, http2: true };
        check(trouble, kind, 2, Seen::Success, "").await;
    }
}

#[tokio::test(start_paused = true)]
async fn rt_6_a_reset_stream_is_not_retried() {
    for kind in KINDS {
        let trouble = Trouble { fault: Fault::ResetStream, reused: false, http2: true };
        check(trouble, kind, 1, Seen::Failure("UR"), "").await;
    }
}

#[tokio::test(start_paused = true)]
async fn rt_6_the_applications_503_is_passed_on() {
    for http2 in [false, true] {
        for kind in KINDS {
            let trouble = Trouble { fault: Fault::Status(503), reused: false, http2 };
            check(trouble, kind, 1, Seen::Own503, "").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rt_19_unavailable_from_the_application_is_retried_only_if_declared_idempotent() {
    for (key, arrivals, status) in [(false, 1, 14), (true, 2, 0)] {
        for seed in 0..runs() {
            let trouble = Trouble { fault: Fault::Grpc(14), reused: seed % 2 == 0, http2: true };
            let (test, api) = world(trouble, Kind::Grpc, seed, "").await;
            let mut request = Kind::Grpc.request();
            if key {
                request.headers_mut().insert("idempotency-key", "1".parse().unwrap());
            }
            let answer = test.send(request).await;
            assert_eq!((api.arrival_count(), answer.grpc_status()), (arrivals, Some(status)), "{seed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rt_10_overflow_is_never_retried() {
    let limits = destination_rule("api", "  trafficPolicy: {connectionPool: {http: {http2MaxRequests: 1}}}");
    for kind in KINDS {
        let hang = Trouble { fault: Fault::Hang, reused: false, http2: false };
        let (test, api) = world(hang, kind, 1, &limits).await;
        let mut busy = Box::pin(test.get("http://api/busy"));
        tokio::select! {
            answer = &mut busy => panic!("{answer:?}"),
            () = api.arrived(1) => {}
        }
        let answer = test.send(kind.request()).await;
        let status = if kind == Kind::Grpc { 200 } else { 503 };
        assert_eq!((answer.status().as_u16(), answer.flags().as_str()), (status, "UO"), "{kind:?}");
        assert_eq!(answer.header("x-envoy-overloaded"), "true");
        assert_eq!(api.arrival_count(), 1, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rt_10_that_there_is_no_endpoint_is_never_retried() {
    for kind in KINDS {
        let test = MeshTest::new(&service("api", "http", 80, &[]));
        let test = test.with(|builder| builder.strict(false)).start().await;
        let begin = tokio::time::Instant::now();
        let answer = test.send(kind.request()).await;
        let status = if kind == Kind::Grpc { (200, Some(14)) } else { (503, None) };
        assert_eq!((answer.status().as_u16(), answer.grpc_status()), status, "{kind:?}");
        assert_eq!((answer.flags().as_str(), begin.elapsed().as_nanos()), ("UH", 0), "{kind:?}: no back-off");
    }
}

#[tokio::test(start_paused = true)]
async fn rt_19_written_retries_are_obeyed_as_written() {
    use mesh_tests::config::virtual_service;
    let written = virtual_service(
        "api",
        "  - retries: {attempts: 2, retryOn: reset}
    route: [{destination: {host: api}}]",
    );
    for kind in KINDS {
        let trouble = Trouble { fault: Fault::CloseAfterRequestBody, reused: false, http2: false };
        check(trouble, kind, 2, Seen::Success, &written).await;
    }
}
