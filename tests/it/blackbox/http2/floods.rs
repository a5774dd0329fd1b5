//! Frames that cost a caller nothing and cost us work, fields that never end, and pseudo fields in wrong places.

use std::time::Duration;

use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use mesh_tests::backend::Backend;
use mesh_tests::http2::{Caller, END_HEADERS, END_STREAM, PREFACE, block, frame, kind, request};
use mesh_tests::proxy::Proxy;
use mesh_tower::Body;
use tokio::sync::mpsc;

use super::super::gateway;

/// More than any limit here allows without a cost to the caller.
const MANY: usize = 20_000;

/// A request that ends with its head, on this stream.
fn get(stream: u32) -> Vec<u8> {
    frame(kind::HEADERS, END_STREAM | END_HEADERS, stream, &request("GET", &[]))
}

/// The value of a counter in the page of metrics; 0 if it is missing.
fn value(page: &str, metric: &str) -> u64 {
    let mut lines = page.lines().filter_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    lines.next().map_or(0, |count| count.parse().expect("a counter"))
}

async fn count(proxy: &Proxy, metric: &str) -> u64 {
    value(&proxy.admin("/stats/prometheus").await.1, metric)
}

async fn world() -> (Backend, Proxy) {
    let backend = Backend::text("hello").await;
    let proxy = gateway(backend.address(), "HTTP", "").await;
    (backend, proxy)
}

#[tokio::test]
async fn floods_of_frames_that_cost_nothing_close_the_connection_and_are_counted() {
    let (_backend, proxy) = world().await;
    let settings = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]);
    let update = frame(kind::WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes());
    let post = frame(kind::HEADERS, END_HEADERS, 1, &request("POST", &[]));
    for (name, opening, one, metric) in [
        ("PING", vec![], frame(kind::PING, 0, 0, &[0; 8]), "envoy_http2_outbound_control_flood"),
        ("PING answers", vec![], frame(kind::PING, 1, 0, &[0; 8]), "envoy_http2_outbound_control_flood"),
        ("SETTINGS", vec![], settings, "envoy_http2_outbound_control_flood"),
        (
            "PRIORITY",
            vec![],
            frame(kind::PRIORITY, 0, 5, &[0, 0, 0, 0, 1]),
            "envoy_http2_inbound_priority_frames_flood",
        ),
        ("unknown", vec![], frame(0x10, 0, 0, &[0; 5]), "envoy_http2_inbound_priority_frames_flood"),
        ("WINDOW_UPDATE", vec![], update, "envoy_http2_inbound_window_update_frames_flood"),
        ("empty DATA", post, frame(kind::DATA, 0, 1, &[]), "mesh_http2_flood_total"),
    ] {
        let before = count(&proxy, metric).await;
        let bytes = [opening, one.repeat(MANY), get(3)].concat();
        let caller = Caller::connect(proxy.address("gateway|80")).await;
        assert!(caller.is_closed_by(bytes, 3).await, "a flood of {name}");
        proxy.until("/stats/prometheus", |_, text| value(text, metric) == before + 1).await;
    }
}

#[tokio::test]
async fn a_flood_of_continuations_closes_the_connection() {
    let (_backend, proxy) = world().await;
    for payload in [&[][..], &block(&[("x", "y")])] {
        let open = frame(kind::HEADERS, END_STREAM, 1, &request("GET", &[]));
        let more = frame(kind::CONTINUATION, 0, 1, payload).repeat(MANY);
        let bytes = [open, more, frame(kind::CONTINUATION, END_HEADERS, 1, &[])].concat();
        let metric = "mesh_http2_flood_total";
        let before = count(&proxy, metric).await;
        let caller = Caller::connect(proxy.address("gateway|80")).await;
        assert!(caller.is_closed_by(bytes, 1).await);
        proxy.until("/stats/prometheus", |_, text| value(text, metric) == before + 1).await;
    }
}

#[tokio::test]
async fn a_busy_connection_may_say_as_much_as_its_work_needs() {
    let (_backend, proxy) = world().await;
    let mut caller = Caller::connect(proxy.address("gateway|80")).await;
    for stream in (1..4_000).step_by(2) {
        let update = frame(kind::WINDOW_UPDATE, 0, stream, &100_u32.to_be_bytes());
        let whole = frame(kind::WINDOW_UPDATE, 0, 0, &100_u32.to_be_bytes());
        let priority = frame(kind::PRIORITY, 0, stream, &[0, 0, 0, 0, 1]);
        let ping = frame(kind::PING, 0, 0, &[0; 8]);
        caller.send(&[get(stream), update, priority, ping].concat()).await;
        let head = caller.until(kind::HEADERS, stream).await.expect("it is answered");
        assert_eq!(head.stream, stream);
        caller.send(&whole).await;
    }
}

#[tokio::test]
async fn a_header_block_that_never_ends_is_cut_after_the_header_timeout() {
    let (_backend, proxy) = world().await;
    let address = proxy.address("gateway|80");
    let before = count(&proxy, "envoy_http_downstream_rq_header_timeout").await;
    // An earlier request on the same connection makes no difference.
    let open = [get(1), frame(kind::HEADERS, END_STREAM, 3, &request("GET", &[]))].concat();
    let silent = async {
        let mut caller = Caller::connect(address).await;
        caller.send(&open).await;
        while caller.next().await.is_some() {}
    };
    let half_a_frame = async {
        let mut caller = Caller::connect(address).await;
        let whole = get(1);
        caller.send(&whole[..whole.len() - 4]).await;
        while caller.next().await.is_some() {}
    };
    let dribbling = async {
        let mut caller = Caller::connect(address).await;
        caller.send(&open).await;
        let more = frame(kind::CONTINUATION, 0, 3, &block(&[("x", "y")]));
        let mut turn = tokio::time::interval(Duration::from_secs(4));
        loop {
            tokio::select! {
                came = caller.next() => if came.is_none() { break },
                _ = turn.tick() => caller.send(&more).await,
            }
        }
    };
    let no_preface = async {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let most = &PREFACE[..PREFACE.len() - 1];
        tokio::io::AsyncWriteExt::write_all(&mut stream, most).await.unwrap();
        let mut rest = Vec::new();
        // A close and a reset both count as the end.
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
    };
    tokio::join!(silent, half_a_frame, dribbling, no_preface);
    let metric = "envoy_http_downstream_rq_header_timeout";
    proxy.until("/stats/prometheus", |_, text| value(text, metric) == before + 4).await;
}

/// `h2` drops pseudo fields at the head of trailers, and treats those after other fields as an error.
#[tokio::test]
async fn a_pseudo_field_in_trailers_is_never_passed_on() {
    let (trailers, mut came) = mpsc::unbounded_channel::<Option<HeaderMap>>();
    let backend = Backend::start(move |request| {
        let trailers = trailers.clone();
        async move {
            let body = request.into_body().collect().await.ok();
            // The test may have ended.
            let _ = trailers.send(body.and_then(|body| body.trailers().cloned()));
            Response::new(Body::from("hello"))
        }
    })
    .await;
    for protocol in ["HTTP", "HTTP2"] {
        let proxy = gateway(backend.address(), protocol, "").await;
        let mut caller = Caller::connect(proxy.address("gateway|80")).await;
        for (stream, fields, passes) in [
            (1, &[(":path", "/other"), (":authority", "other.test"), ("x-sum", "1")][..], true),
            (3, &[("x-sum", "1"), (":path", "/other")], false),
            (5, &[("x-sum", "1"), ("connection", "x")], false),
        ] {
            // HTTP/1.1 gets only announced trailers.
            let announced = request("POST", &[("te", "trailers"), ("trailer", "x-sum")]);
            let head = frame(kind::HEADERS, END_HEADERS, stream, &announced);
            let data = frame(kind::DATA, 0, stream, b"body");
            let last = frame(kind::HEADERS, END_STREAM | END_HEADERS, stream, &block(fields));
            caller.send(&[head, data, last].concat()).await;
            let expected = if passes { kind::HEADERS } else { kind::RST_STREAM };
            assert!(caller.until(expected, stream).await.is_some(), "{protocol} {fields:?}");
            if passes {
                let trailers = came.recv().await.unwrap().unwrap_or_default();
                let names: Vec<_> = trailers.keys().map(|name| name.as_str()).collect();
                assert_eq!(names, ["x-sum"], "{protocol}");
            }
        }
    }
}
