//! One report for each request, however it ends.

mod recorder;

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use mesh_core::decision::Decision;
use mesh_core::endpoint::{ClusterId, Endpoint};
use mesh_core::identity::{Labels, PeerIdentity, Workload};
use mesh_core::outcome::{Outcome, Reset};
use mesh_core::plan::{ClusterPlan, Direction, ServiceIdentity, UpstreamProtocol};
use mesh_core::reply::{Flag, LocalReply};
use mesh_core::route::{Action, DirectResponse, Forward, Matcher, Route};
use mesh_core::telemetry::access_log::Format;
use metrics::LocalRecorderGuard;
use tokio_test::{assert_pending, assert_ready, task};
use tower_layer::Layer;
use tower_service::Service;
use tower_test::mock::{self, Handle};

use self::recorder::Recording;
use super::{AccessLog, Lines, Metrics, Telemetry, TelemetryLayer, names};
use crate::body::Body;
use crate::error::{BoxError, Error};
use crate::normalize::Downstream;
use crate::record::Record;

const FORMAT: &str = "%REQ(:METHOD)% %REQ(:AUTHORITY)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% \
    %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %GRPC_STATUS_NUMBER% %REQ(X-A)% %RESP(X-B)% \
    %TRAILER(X-C)% %UPSTREAM_CLUSTER_RAW% %UPSTREAM_HOST% %DOWNSTREAM_REMOTE_ADDRESS%";

/// A response body of given frames; it waits when they are used up, unless it ends.
#[derive(Debug)]
struct Script {
    frames: VecDeque<Result<Frame<Bytes>, BoxError>>,
    ends: bool,
    hint: SizeHint,
}

impl Script {
    fn new(frames: impl IntoIterator<Item = Result<Frame<Bytes>, BoxError>>, ends: bool) -> Self {
        Self { frames: frames.into_iter().collect(), ends, hint: SizeHint::default() }
    }

    fn empty() -> Self {
        Self::new([], true)
    }
}

impl http_body::Body for Script {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.frames.pop_front() {
            None if !self.ends => Poll::Pending,
            frame => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ends && self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

type Mock = mock::Mock<Request<Body>, Response<Script>>;

/// A layer over a mock, with everything it reports to.
struct Bench {
    service: Telemetry<Mock>,
    handle: Handle<Request<Body>, Response<Script>>,
    recording: Arc<Recording>,
    lines: Lines,
    _guard: LocalRecorderGuard<'static>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Direction::Outbound, Metrics::default())
    }

    fn with(direction: Direction, metrics: Metrics) -> Self {
        // Leaked, since the guard borrows it: a few words a test.
        let recording: &'static Arc<Recording> = Box::leak(Box::default());
        let guard = metrics::set_default_local_recorder(recording);
        let (log, lines) = AccessLog::in_memory(Format::text(FORMAT).unwrap());
        let workload = Workload { name: "web".into(), ..Workload::default() };
        let layer = TelemetryLayer::new(direction, Arc::new(workload)).metrics(metrics).access_log(log);
        let (mock, handle) = mock::pair();
        let recording = recording.clone();
        Self { service: layer.layer(mock), handle, recording, lines, _guard: guard }
    }

    /// Sends a request; returns its future and what the inner service got.
    fn send(
        &mut self,
        request: Request<Body>,
    ) -> (
        task::Spawn<<Telemetry<Mock> as Service<Request<Body>>>::Future>,
        Request<Body>,
        mock::SendResponse<Response<Script>>,
    ) {
        self.handle.allow(1);
        let mut ready = task::spawn(());
        ready.enter(|cx, _| assert_ready!(self.service.poll_ready(cx)).unwrap());
        let mut future = task::spawn(self.service.call(request));
        assert_pending!(future.poll());
        let (request, send) = {
            let mut next = task::spawn(self.handle.next_request());
            assert_ready!(next.poll()).unwrap()
        };
        (future, request, send)
    }

    /// The one report there is: labels and line.
    fn report(&self) -> (BTreeMap<String, String>, String) {
        let mut series = self.recording.counters(names::REQUESTS);
        assert_eq!(series.len(), 1, "one series");
        let (labels, count) = series.remove(0);
        assert_eq!(count, 1, "one count");
        for name in names::HISTOGRAMS {
            assert_eq!(self.recording.samples(name).len(), 1, "{name}");
        }
        let mut lines = self.lines.take();
        assert_eq!(lines.len(), 1, "one line");
        (labels, lines.remove(0))
    }

    fn is_silent(&self) -> bool {
        self.recording.counters(names::REQUESTS).is_empty()
    }
}

fn request(headers: &[(&'static str, &'static str)]) -> Request<Body> {
    let mut request = Request::new(Body::from("abc"));
    *request.uri_mut() = "http://reviews:9080/a?b".parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    request
}

fn cluster() -> ClusterPlan {
    ClusterPlan {
        name: "outbound|9080|v1|reviews.default.svc.cluster.local".into(),
        service: ServiceIdentity {
            host: "reviews.default.svc.cluster.local".into(),
            name: "reviews".into(),
            namespace: "default".into(),
            external: false,
        },
        port: 9080,
        subset: "v1".into(),
        subset_labels: Labels::new(),
        protocol: UpstreamProtocol::Http1,
        balance: mesh_core::balance::BalancePolicy::default(),
        panic_threshold: 0,
        locality: None,
        warm_up: None,
        circuit: mesh_core::circuit::CircuitPolicy::default(),
        outlier: None,
        health: None,
        headless: false,
        tls: None,
        origin: mesh_core::error::Origin::default(),
    }
}

fn decide(request: &Request<Body>, note: impl FnOnce(&mut Decision)) {
    Record::of(request.extensions()).unwrap().note(note);
}

#[tokio::test(start_paused = true)]
async fn me_1_a_response_passes_untouched_and_is_reported_at_its_last_frame() {
    let mut bench = Bench::new();
    let (mut future, _, send) = bench.send(request(&[("x-a", "a"), ("x-not-named", "n")]));
    let mut trailers = HeaderMap::new();
    trailers.insert("x-c", HeaderValue::from_static("c"));
    let frames = [Ok(Frame::data(Bytes::from("12345"))), Ok(Frame::trailers(trailers.clone()))];
    let mut script = Script::new(frames, true);
    script.hint = SizeHint::with_exact(5);
    let mut response = Response::new(script);
    response.headers_mut().insert("x-b", HeaderValue::from_static("b"));
    send.send_response(response);
    let response = assert_ready!(future.poll()).unwrap();
    assert_eq!(response.body().size_hint().exact(), Some(5));
    assert!(!response.body().is_end_stream());
    assert!(bench.is_silent());
    tokio::time::advance(Duration::from_millis(40)).await;
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers(), Some(&trailers));
    assert_eq!(body.to_bytes(), "12345");
    let (labels, line) = bench.report();
    assert_eq!(line, "GET reviews:9080 /a?b 200 - via_upstream 3 5 40 - a b c - - -");
    assert_eq!(labels["response_code"], "200");
    assert_eq!(bench.recording.samples(names::DURATION), [40.0]);
    assert_eq!(bench.recording.samples(names::REQUEST_BYTES), [3.0]);
    assert_eq!(bench.recording.samples(names::RESPONSE_BYTES), [5.0]);
}

#[tokio::test(start_paused = true)]
async fn a_response_without_body_is_reported_with_its_head() {
    for (method, code, script) in [
        (Method::GET, 200, Script::empty()),
        (Method::HEAD, 200, Script::new([], false)),
        (Method::GET, 304, Script::new([], false)),
    ] {
        let mut bench = Bench::new();
        let mut call = request(&[]);
        *call.method_mut() = method;
        let (mut future, _, send) = bench.send(call);
        send.send_response(Response::builder().status(code).body(script).unwrap());
        drop(assert_ready!(future.poll()).unwrap());
        let (labels, _) = bench.report();
        assert_eq!(
            (labels["response_code"].as_str(), labels["response_flags"].as_str()),
            (&*code.to_string(), "-")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_has_given_its_announced_length_may_be_dropped() {
    let mut bench = Bench::new();
    let (mut future, _, send) = bench.send(request(&[]));
    let mut script = Script::new([Ok(Frame::data(Bytes::from("12345")))], false);
    script.hint = SizeHint::with_exact(0);
    send.send_response(Response::new(script));
    let mut body = assert_ready!(future.poll()).unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    assert!(bench.is_silent(), "trailers may follow");
    drop(body);
    assert_eq!(bench.report().0["response_flags"], "-");
}

#[tokio::test(start_paused = true)]
async fn al_4_a_caller_that_leaves_before_the_head_is_code_0_dc() {
    let mut bench = Bench::new();
    let (future, _, _send) = bench.send(request(&[]));
    tokio::time::advance(Duration::from_millis(7)).await;
    drop(future);
    let (labels, line) = bench.report();
    assert_eq!(line, "GET reviews:9080 /a?b 0 DC downstream_remote_disconnect 3 0 7 - - - - - - -");
    assert_eq!((labels["response_code"].as_str(), labels["response_flags"].as_str()), ("0", "DC"));
}

#[tokio::test(start_paused = true)]
async fn al_4_a_caller_that_leaves_in_the_body_keeps_the_code() {
    let mut bench = Bench::new();
    let (mut future, _, send) = bench.send(request(&[]));
    send.send_response(Response::new(Script::new([Ok(Frame::data(Bytes::from("12")))], false)));
    let mut body = assert_ready!(future.poll()).unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    let (_, line) = bench.report();
    assert!(line.contains(" 200 DC downstream_remote_disconnect 3 2 "), "{line}");
}

#[tokio::test(start_paused = true)]
async fn rf_2_an_error_of_ours_is_reported_as_the_answer_it_becomes() {
    for (content_type, code, grpc, sent) in
        [("text/plain", "503", "-", "19"), ("application/grpc", "200", "14", "0")]
    {
        let mut bench = Bench::new();
        let (mut future, _, send) = bench.send(request(&[("content-type", content_type)]));
        send.send_error(Error::local(LocalReply::no_healthy_upstream()));
        let error = assert_ready!(future.poll()).unwrap_err();
        assert!(Error::from_box(error).reply().flags.has(Flag::NoHealthyUpstream), "the error is unchanged");
        let (labels, line) = bench.report();
        assert!(line.contains(&format!(" {code} UH no_healthy_upstream 3 {sent} 0 {grpc} ")), "{line}");
        assert_eq!(labels["response_flags"], "UH");
        assert_eq!(labels["grpc_response_status"], grpc.trim_matches('-'));
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_not_ours_counts_as_a_broken_connection() {
    let mut bench = Bench::new();
    let (mut future, _, send) = bench.send(request(&[]));
    send.send_error("oh");
    assert_eq!(assert_ready!(future.poll()).unwrap_err().to_string(), "oh");
    let (_, line) = bench.report();
    assert!(
        line.contains(" 503 UC upstream_reset_before_response_started{connection_termination} "),
        "{line}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_reported_with_its_reason() {
    let reset = Outcome::Reset { reset: Reset::RemoteReset, written: true };
    for (error, words) in [
        (
            BoxError::from(Error::attempt(reset, None)),
            "UR upstream_reset_after_response_started{remote_reset}",
        ),
        (BoxError::from("oh"), "UC upstream_reset_after_response_started{connection_termination}"),
        (BoxError::from(Error::local(LocalReply::timeout())), "UT response_timeout"),
    ] {
        let mut bench = Bench::new();
        let (mut future, _, send) = bench.send(request(&[]));
        send.send_response(Response::new(Script::new([Err(error)], false)));
        let mut body = assert_ready!(future.poll()).unwrap().into_body();
        body.frame().await.unwrap().unwrap_err();
        drop(body);
        let (_, line) = bench.report();
        assert!(line.contains(&format!(" 200 {words} ")), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn me_3_grpc_status_is_read_from_trailers_or_head() {
    for in_head in [true, false] {
        let mut bench = Bench::new();
        let (mut future, _, send) = bench.send(request(&[("content-type", "application/grpc+proto")]));
        let status =
            HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), HeaderValue::from(5))]);
        let frames = if in_head { vec![] } else { vec![Ok(Frame::trailers(status.clone()))] };
        let mut response = Response::new(Script::new(frames, true));
        if in_head {
            *response.headers_mut() = status;
        }
        send.send_response(response);
        let body = assert_ready!(future.poll()).unwrap().into_body();
        body.collect().await.unwrap();
        let (labels, _) = bench.report();
        assert_eq!(labels["request_protocol"], "grpc");
        assert_eq!(labels["grpc_response_status"], "5");
    }
}

#[tokio::test(start_paused = true)]
async fn me_2_labels_tell_of_both_ends_and_flags_of_the_way() {
    let mut bench = Bench::new();
    let (mut future, inner, send) = bench.send(request(&[]));
    let mut endpoint = Endpoint::new("10.0.0.1:9080".parse().unwrap());
    endpoint.labels =
        Arc::new(Labels::from([("app".into(), "reviews".into()), ("version".into(), "v1".into())]));
    endpoint.workload = Some(("reviews-v1".into(), "default".into()));
    decide(&inner, |decision| {
        decision.cluster = Some(Arc::new(cluster()));
        decision.flags.set(Flag::DelayInjected);
        decision.begin_attempt(Some(Arc::new(endpoint)));
    });
    send.send_response(Response::new(Script::empty()));
    drop(assert_ready!(future.poll()).unwrap());
    let (labels, line) = bench.report();
    assert_eq!(labels.len(), 25);
    for (name, value) in [
        ("reporter", "source"),
        ("source_workload", "web"),
        ("destination_workload", "reviews-v1"),
        ("destination_version", "v1"),
        ("destination_service", "reviews.default.svc.cluster.local"),
        ("destination_service_name", "reviews"),
        ("destination_service_namespace", "default"),
        ("response_flags", "DI"),
        ("connection_security_policy", "unknown"),
    ] {
        assert_eq!(labels[name], value, "{name}");
    }
    assert!(line.contains(" outbound|9080|v1|reviews.default.svc.cluster.local 10.0.0.1:9080 "), "{line}");
}

#[tokio::test(start_paused = true)]
async fn vm_9_a_rule_with_a_prefix_has_counters_of_its_own() {
    let mut bench = Bench::new();
    let mut route = Route::new("r".into(), Matcher::any(), Action::Forward(Forward::to(ClusterId::UNKNOWN)));
    route.stat_prefix = Some("shop.cart-1".into());
    let direct = DirectResponse { status: StatusCode::OK, body: Bytes::new() };
    let answer = Arc::new(Route { action: Action::DirectResponse(direct), ..route.clone() });
    let forward = Arc::new(route);
    let mut serve = |status: u16, route: &Arc<Route>, note: fn(&mut Decision)| {
        let (mut future, inner, send) = bench.send(request(&[]));
        decide(&inner, |decision| {
            decision.route = Some(route.clone());
            note(decision);
        });
        let mut response = Response::new(Script::empty());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        send.send_response(response);
        drop(assert_ready!(future.poll()).unwrap());
    };
    serve(200, &forward, |_| {});
    serve(204, &forward, |decision| decision.attempt_count = 3);
    serve(504, &forward, |decision| decision.flags.set(Flag::UpstreamRequestTimeout));
    serve(418, &forward, |decision| decision.flags.set(Flag::FaultInjected));
    serve(200, &forward, |decision| decision.details = "cors_response".into());
    serve(200, &answer, |_| {});
    let count = |what: &str| {
        let found = bench.recording.counters(&format!("route_shop_cart_1_upstream_rq_{what}"));
        assert_eq!(found.len(), 1, "{what}");
        found[0].1
    };
    let counts = ["total", "completed", "2xx", "4xx", "5xx", "timeout", "retry"].map(count);
    assert_eq!(counts, [3, 3, 2, 0, 1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn me_4_hosts_that_nobody_declared_share_one_series() {
    let mut bench = Bench::new();
    for host in 0..20 {
        let mut call = request(&[]);
        *call.uri_mut() = format!("http://h{host}.example.com/").parse().unwrap();
        let (mut future, inner, send) = bench.send(call);
        decide(&inner, |decision| {
            let host = format!("h{host}.example.com").into();
            let service =
                ServiceIdentity { host, name: "PassthroughCluster".into(), ..ServiceIdentity::default() };
            decision.cluster = Some(Arc::new(ClusterPlan { service, ..cluster() }));
            decision.begin_attempt(Some(Arc::new(Endpoint::new("10.0.0.1:80".parse().unwrap()))));
        });
        send.send_response(Response::new(Script::empty()));
        drop(assert_ready!(future.poll()).unwrap());
    }
    let series = bench.recording.counters(names::REQUESTS);
    assert_eq!(series.len(), 1);
    assert_eq!(series[0].1, 20);
    assert_eq!(series[0].0["destination_service"], "unknown");
    assert_eq!(series[0].0["destination_service_name"], "PassthroughCluster");
}

#[tokio::test(start_paused = true)]
async fn me_8_past_the_cap_series_are_called_overflow() {
    let mut bench = Bench::with(Direction::Outbound, Metrics::with_cap(2));
    for code in [200, 201, 202, 203, 203, 200] {
        let (mut future, _, send) = bench.send(request(&[]));
        send.send_response(Response::builder().status(code).body(Script::empty()).unwrap());
        drop(assert_ready!(future.poll()).unwrap());
    }
    let counts: BTreeMap<_, _> = bench
        .recording
        .counters(names::REQUESTS)
        .into_iter()
        .map(|(labels, count)| (labels["response_code"].clone(), count))
        .collect();
    let expected = [("200", 2), ("201", 1), ("overflow", 3)];
    assert_eq!(counts, expected.map(|(code, count)| (code.to_owned(), count)).into());
    assert_eq!(bench.recording.counters(names::SERIES_OVERFLOW)[0].1, 3);
}

#[tokio::test(start_paused = true)]
async fn me_3_an_inbound_request_is_reported_by_the_server_with_its_proved_caller() {
    let mut bench = Bench::with(Direction::Inbound, Metrics::default());
    let id = "spiffe://cluster.local/ns/shop/sa/web";
    let mut call = request(&[]);
    call.extensions_mut().insert(PeerIdentity { spiffe_id: id.into() });
    call.extensions_mut().insert(Downstream::new("10.0.0.9:4100".parse().unwrap()));
    let (mut future, _, send) = bench.send(call);
    send.send_response(Response::new(Script::empty()));
    drop(assert_ready!(future.poll()).unwrap());
    let (labels, line) = bench.report();
    for (name, value) in [
        ("reporter", "destination"),
        ("source_principal", id),
        ("source_workload_namespace", "shop"),
        ("destination_workload", "web"),
        ("destination_service", "unknown"),
        ("destination_service_name", "InboundPassthroughCluster"),
        ("connection_security_policy", "mutual_tls"),
    ] {
        assert_eq!(labels[name], value, "{name}");
    }
    assert!(line.ends_with(" 10.0.0.9:4100"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn streamed_uploads_are_counted_as_they_are_read() {
    let mut bench = Bench::new();
    let frames = ["12", "345", "6"].map(|data| Ok(Frame::data(Bytes::from(data))));
    let (mut future, inner, send) = bench.send(request(&[]).map(|_| Body::new(Script::new(frames, true))));
    let mut upload = inner.into_body();
    upload.frame().await.unwrap().unwrap();
    upload.frame().await.unwrap().unwrap();
    send.send_response(Response::new(Script::empty()));
    drop(assert_ready!(future.poll()).unwrap());
    assert_eq!(bench.recording.samples(names::REQUEST_BYTES), [5.0]);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_there_already_is_used_and_headers_made_below_are_logged() {
    let mut bench = Bench::new();
    let record = Record::default();
    let mut call = request(&[]);
    call.extensions_mut().insert(record.clone());
    let (log, lines) = AccessLog::in_memory(Format::text("%REQ(X-REQUEST-ID)%").unwrap());
    bench.service.log = log;
    let (mut future, inner, send) = bench.send(call);
    decide(&inner, |decision| {
        decision.generation = 7;
        decision.request_id = Some(HeaderValue::from_static("made"));
    });
    send.send_response(Response::new(Script::empty()));
    drop(assert_ready!(future.poll()).unwrap());
    assert_eq!(record.decision().generation, 7);
    assert_eq!(lines.take(), ["made"]);
}

#[tokio::test(start_paused = true)]
async fn tm_5_without_a_log_nothing_is_kept_and_it_can_be_turned_on() {
    let log = AccessLog::off();
    assert!(log.begin(&request(&[])).is_none());
    assert!(!log.is_on() && log.flush(Duration::ZERO));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let target = mesh_core::plan::AccessLogTarget::File(path.to_str().unwrap().into());
    log.configure(Some(&(Arc::new(Format::text("one").unwrap()), target.clone()))).unwrap();
    log.write(&mesh_core::telemetry::access_log::Record::default());
    log.configure(Some(&(Arc::new(Format::text("two").unwrap()), target))).unwrap();
    log.write(&mesh_core::telemetry::access_log::Record::default());
    assert!(log.flush(Duration::from_secs(60)));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    log.configure(None).unwrap();
    assert!(!log.is_on());
}

#[test]
fn readiness_is_the_inner_services_and_clones_share_their_handles() {
    let mut bench = Bench::new();
    bench.handle.allow(0);
    let mut clone = bench.service.clone();
    assert!(Arc::ptr_eq(&clone.handles, &bench.service.handles));
    let mut ready = task::spawn(());
    ready.enter(|cx, _| assert_pending!(clone.poll_ready(cx)));
    bench.handle.send_error("gone");
    ready.enter(|cx, _| assert_ready!(clone.poll_ready(cx)).unwrap_err());
}

#[test]
fn futures_stay_small() {
    fn send<T: Send>() {}
    send::<super::ResponseFuture<std::future::Ready<()>>>();
    send::<super::Body<Body>>();
    let size = size_of::<super::call::Call>();
    assert!(size <= 192, "{size}");
}
