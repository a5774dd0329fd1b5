//! Which rules apply to which request.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use mesh_core::identity::PeerIdentity;
use mesh_core::plan::Direction;
use mesh_core::reply::Flag;
use mesh_core::telemetry::trace::TraceContext;
use mesh_core::units::Percent;
use tokio_test::{assert_pending, assert_ready, task};
use tower_layer::Layer;
use tower_service::Service;
use tower_test::mock;

use super::{Normalize, NormalizeLayer};
use crate::clock::SharedRng;
use crate::error::{BoxError, Error};
use crate::request::{Downstream, Record};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn request(uri: &str, headers: &[(&'static str, &'static str)]) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = uri.parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    request
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    std::mem::take(request("/", pairs).headers_mut())
}

/// The request that the inner service gets, or the error if it gets none.
fn send(layer: &NormalizeLayer, request: Request<()>) -> Result<Request<()>, Error> {
    exchange(layer, request, Response::new(())).map(|(request, _)| request)
}

fn exchange(
    layer: &NormalizeLayer,
    request: Request<()>,
    answer: Response<()>,
) -> Result<(Request<()>, Response<()>), Error> {
    let (inner, mut handle) = mock::pair::<Request<()>, Response<()>>();
    let mut service: Normalize<_> = layer.layer(inner);
    let mut ready = task::spawn(());
    ready.enter(|cx, _| assert_ready!(service.poll_ready(cx)).unwrap());
    let mut future = task::spawn(service.call(request));
    if let std::task::Poll::Ready(result) = future.poll() {
        return Err(Error::from_box(result.unwrap_err()));
    }
    let (request, send) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
    send.send_response(answer);
    Ok((request, assert_ready!(future.poll()).unwrap()))
}

fn layer(direction: Direction) -> NormalizeLayer {
    NormalizeLayer::new(direction).rng(SharedRng::seeded(1))
}

#[test]
fn az_15_paths_are_normalised_and_the_query_is_kept() {
    let sent = send(&layer(Direction::Inbound), request("http://a/x/../%61dmin?q=/../", &[])).unwrap();
    assert_eq!(sent.uri(), "http://a/admin?q=/../");
    let sent = send(&layer(Direction::Inbound), request("/./b", &[("host", "a")])).unwrap();
    assert_eq!(sent.uri(), "/b");
}

#[test]
fn requests_that_cannot_be_decided_about_are_refused() {
    let layer = layer(Direction::Gateway);
    let mut old = request("/", &[("host", "a")]);
    *old.version_mut() = Version::HTTP_10;
    let mut lower = request("/", &[("host", "a")]);
    *lower.method_mut() = "get".parse().unwrap();
    let upgrade = [("host", "a"), ("connection", "upgrade"), ("upgrade", "irc")];
    for (bad, status, details) in [
        (request("/", &[]), 400, "missing_host_header"),
        (request("/", &[("host", "a b")]), 400, "invalid_authority"),
        (request("/", &[("host", "a/b")]), 400, "invalid_authority"),
        (request("/", &[("host", "a"), ("connection", "host")]), 400, "missing_host_header"),
        (request("/a%00", &[("host", "a")]), 400, "path_normalization_failed"),
        (lower, 400, "invalid_method"),
        (old, 426, "low_version"),
        (request("/", &upgrade), 403, "upgrade_failed"),
    ] {
        let error = send(&layer, bad).unwrap_err();
        assert_eq!((error.reply().status.as_u16(), &*error.reply().details), (status, details));
        assert_eq!(error.reply().flags.has(Flag::DownstreamProtocolError), status != 403);
        assert_eq!(error.outcome(), None, "no endpoint is to blame");
    }
    let mut old = request("/", &[("host", "a")]);
    *old.version_mut() = Version::HTTP_10;
    assert!(send(&layer.http10(true), old).is_ok());
}

#[test]
fn va_14_a_websocket_over_http2_becomes_an_upgrade() {
    let connect = |protocol| {
        let mut request = request("http://a/chat", &[]);
        *request.method_mut() = Method::CONNECT;
        *request.version_mut() = Version::HTTP_2;
        request.extensions_mut().insert(hyper::ext::Protocol::from_static(protocol));
        send(&layer(Direction::Gateway), request)
    };
    let sent = connect("websocket").unwrap();
    assert_eq!((sent.method(), sent.version()), (&Method::GET, Version::HTTP_11));
    assert_eq!(sent.headers()["connection"], "upgrade");
    assert_eq!(sent.headers()["upgrade"], "websocket");
    assert_eq!(sent.headers()["sec-websocket-key"].len(), 24);
    assert!(sent.extensions().get::<hyper::ext::Protocol>().is_none());
    let error = connect("connect-udp").unwrap_err();
    assert_eq!((error.reply().status.as_u16(), &*error.reply().details), (403, "upgrade_failed"));
}

#[test]
fn va_14_a_connect_that_says_nothing_of_a_protocol_is_refused() {
    for direction in [Direction::Outbound, Direction::Gateway] {
        let mut request = request("host.test:443", &[]);
        *request.method_mut() = Method::CONNECT;
        let error = send(&layer(direction), request).unwrap_err();
        assert_eq!((error.reply().status.as_u16(), &*error.reply().details), (405, "connect_refused"));
    }
}

#[test]
fn hd_7_hop_by_hop_headers_end_in_both_directions() {
    let mut answer = Response::new(());
    *answer.headers_mut() = headers(&[("connection", "close, x-hop"), ("x-hop", "1"), ("x-b", "b")]);
    let call = request(
        "/",
        &[("host", "a"), ("connection", "x-request-id"), ("x-request-id", "1"), ("te", "trailers, gzip")],
    );
    let (sent, got) = exchange(&layer(Direction::Outbound), call, answer).unwrap();
    assert_eq!(sent.headers()["te"], "trailers");
    assert!(!sent.headers().contains_key("connection"));
    assert_ne!(sent.headers()["x-request-id"], "1", "the caller named its own id as hop-by-hop");
    assert_eq!(*got.headers(), headers(&[("x-b", "b")]));
}

#[test]
fn va_14_a_websocket_handshake_passes_whole() {
    let upgrade = [("connection", "Upgrade"), ("upgrade", "websocket"), ("host", "a")];
    let mut answer = Response::builder().status(101).body(()).unwrap();
    *answer.headers_mut() = headers(&upgrade[..2]);
    let (sent, got) = exchange(&layer(Direction::Gateway), request("/", &upgrade), answer).unwrap();
    for map in [sent.headers(), got.headers()] {
        assert_eq!(map["connection"], "upgrade");
        assert_eq!(map["upgrade"], "websocket");
    }
}

#[test]
fn hd_1_request_ids_are_made_kept_or_replaced() {
    let record = Record::default();
    let mut call = request("http://a/", &[]);
    call.extensions_mut().insert(record.clone());
    let sent = send(&layer(Direction::Outbound), call).unwrap();
    let made = sent.headers()["x-request-id"].clone();
    assert_eq!(made.len(), 36);
    assert_eq!(record.decision().request_id, Some(made), "for the access log");
    for (direction, peer, kept) in [
        (Direction::Outbound, "203.0.113.9:1", true),
        (Direction::Inbound, "203.0.113.9:1", true),
        (Direction::Gateway, "203.0.113.9:1", false),
        (Direction::Gateway, "10.0.0.1:1", true),
    ] {
        let mut call = request("http://a/", &[("x-request-id", "mine")]);
        call.extensions_mut().insert(Downstream::new(peer.parse().unwrap()));
        let sent = send(&layer(direction), call).unwrap();
        assert_eq!(sent.headers()["x-request-id"] == "mine", kept, "{direction:?} {peer}");
    }
}

/// HD-6: a plaintext peer brings no `x-forwarded-client-cert`.
#[test]
fn hd_2_control_headers_are_believed_from_whom_they_may_come() {
    let given = [
        ("x-envoy-max-retries", "9"),
        ("x-envoy-attempt-count", "2"),
        ("x-forwarded-client-cert", "By=x"),
        ("x-other", "1"),
    ];
    let left = |layer: &NormalizeLayer, proved: bool| {
        let mut call = request("http://a/", &given);
        if proved {
            call.extensions_mut().insert(PeerIdentity { spiffe_id: Arc::from("spiffe://td/ns/a/sa/b") });
        }
        let sent = send(layer, call).unwrap();
        given.map(|(name, _)| u8::from(sent.headers().contains_key(name)))
    };
    assert_eq!(left(&layer(Direction::Outbound), false), [1, 1, 1, 1]);
    assert_eq!(left(&layer(Direction::Inbound), false), [0, 1, 0, 1]);
    assert_eq!(left(&layer(Direction::Inbound), true), [0, 1, 1, 1]);
    assert_eq!(left(&layer(Direction::Inbound).trust_peers(true), true), [1, 1, 1, 1]);
    assert_eq!(left(&layer(Direction::Gateway), false), [0, 0, 0, 1]);
}

#[test]
fn hd_5_gateways_tell_where_a_request_came_from() {
    let record = Record::default();
    let call = |given: &[(&'static str, &'static str)]| {
        let mut call = request("http://a/", given);
        call.extensions_mut().insert(record.clone());
        call.extensions_mut().insert(Downstream::new("10.0.0.2:1".parse().unwrap()).tls("TLSv1.3"));
        call
    };
    let given = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "http")];
    let sent = send(&layer(Direction::Gateway).trusted_proxies(1), call(&given)).unwrap();
    assert_eq!(sent.headers()["x-forwarded-for"], "203.0.113.9, 10.0.0.2");
    assert_eq!(sent.headers()["x-forwarded-proto"], "http", "the trusted proxy knows better");
    assert_eq!(sent.headers()["x-envoy-external-address"], "203.0.113.9");
    let decision = record.decision();
    assert_eq!(decision.client, Some("203.0.113.9:0".parse().unwrap()));
    assert_eq!(decision.forwarded_for.unwrap(), "203.0.113.9, 10.0.0.2");
    let sent = send(&layer(Direction::Gateway), call(&given)).unwrap();
    assert_eq!(sent.headers()["x-forwarded-proto"], "https");
    let sent = send(&layer(Direction::Inbound), call(&given)).unwrap();
    assert_eq!(sent.headers()["x-forwarded-for"], "203.0.113.9", "sidecars do not append");
    let sent = send(&layer(Direction::Outbound), call(&[])).unwrap();
    assert_eq!(sent.headers()["x-forwarded-proto"], "https");
    assert!(!sent.headers().contains_key("x-forwarded-for"));
}

#[test]
fn tr_1_trace_headers_pass_unless_spans_are_ours() {
    let call = || request("http://a/", &[("traceparent", PARENT), ("tracestate", "a=b")]);
    let sent = send(&layer(Direction::Inbound), call()).unwrap();
    assert_eq!(sent.headers()["traceparent"], PARENT);
    assert!(sent.extensions().get::<TraceContext>().is_none());
    let sent = send(&layer(Direction::Inbound).trace(Percent::ZERO), call()).unwrap();
    let context = *sent.extensions().get::<TraceContext>().unwrap();
    assert_eq!(sent.headers()["traceparent"], context.traceparent());
    assert_eq!(sent.headers()["tracestate"], "a=b");
    assert!(sent.headers()["traceparent"].to_str().unwrap().starts_with(&PARENT[..36]));
    assert_ne!(sent.headers()["traceparent"], PARENT);
    assert!(context.sampled, "the caller decided");
}

#[test]
fn tr_2_a_new_trace_is_begun_and_marked_in_the_request_id() {
    let force = [("x-envoy-force-trace", "1")];
    for (direction, given, share, digit) in [
        (Direction::Inbound, &[][..], Percent::HUNDRED, b'9'),
        (Direction::Inbound, &[], Percent::ZERO, b'4'),
        (Direction::Outbound, &force, Percent::ZERO, b'a'),
        (Direction::Gateway, &force, Percent::ZERO, b'4'),
    ] {
        let sent = send(&layer(direction).trace(share), request("http://a/", given)).unwrap();
        assert_eq!(sent.headers()["x-request-id"].as_bytes()[14], digit);
        assert_eq!(sent.extensions().get::<TraceContext>().unwrap().sampled, digit != b'4');
    }
}

#[test]
fn hd_4_no_request_id_is_made_where_that_is_switched_off() {
    for direction in [Direction::Outbound, Direction::Inbound, Direction::Gateway] {
        let off = layer(direction).request_id(false);
        assert!(!send(&off, request("http://a/", &[])).unwrap().headers().contains_key("x-request-id"));
        let kept = send(&off, request("http://a/", &[("x-request-id", "mine")])).unwrap();
        assert_eq!(kept.headers()["x-request-id"], "mine");
    }
}

#[test]
fn hd_3_the_server_header_is_overwritten_where_asked() {
    let mut answer = Response::new(());
    *answer.headers_mut() = headers(&[("server", "app")]);
    let named = layer(Direction::Gateway).server(HeaderValue::from_static("mesh"));
    let (_, got) = exchange(&named, request("http://a/", &[]), answer).unwrap();
    assert_eq!(got.headers()["server"], "mesh");
}

#[test]
fn readiness_and_errors_are_the_inner_services() {
    let (inner, mut handle) = mock::pair::<Request<()>, Response<()>>();
    let mut service = layer(Direction::Outbound).layer(inner);
    handle.allow(0);
    let mut ready = task::spawn(());
    ready.enter(|cx, _| assert_pending!(service.poll_ready(cx)));
    handle.allow(1);
    ready.enter(|cx, _| assert_ready!(service.poll_ready(cx)).unwrap());
    let mut future = task::spawn(service.call(request("http://a/", &[])));
    assert_pending!(future.poll());
    let (_, send) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
    send.send_error("oh");
    let error: BoxError = assert_ready!(future.poll()).unwrap_err();
    assert_eq!(error.to_string(), "oh");
}
