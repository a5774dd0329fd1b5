//! A telemetry layer over a mock, with its recorder and its log.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::{Frame, SizeHint};
use mesh_core::decision::Decision;
use mesh_core::identity::Workload;
use mesh_core::plan::{ClusterKey, ClusterPlan, Direction, ServiceIdentity, UpstreamProtocol};
use mesh_core::telemetry::access_log::Format;
use metrics::LocalRecorderGuard;
use tokio_test::{assert_pending, assert_ready, task};
use tower_layer::Layer;
use tower_service::Service;
use tower_test::mock::{self, Handle};

use super::super::{AccessLog, Lines, Metrics, Telemetry, TelemetryLayer, names};
use super::recorder::Recording;
use crate::body::Body;
use crate::error::BoxError;
use crate::request::Record;

pub(super) const FORMAT: &str = "%REQ(:METHOD)% %REQ(:AUTHORITY)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% \
    %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %GRPC_STATUS_NUMBER% %REQ(X-A)% %RESP(X-B)% \
    %TRAILER(X-C)% %UPSTREAM_CLUSTER_RAW% %UPSTREAM_HOST% %DOWNSTREAM_REMOTE_ADDRESS%";

/// A response body of given frames; after the last frame it ends, or waits for ever.
#[derive(Debug)]
pub(super) struct Script {
    frames: VecDeque<Result<Frame<Bytes>, BoxError>>,
    ends: bool,
    pub(super) hint: SizeHint,
}

impl Script {
    pub(super) fn new(frames: impl IntoIterator<Item = Result<Frame<Bytes>, BoxError>>, ends: bool) -> Self {
        Self { frames: frames.into_iter().collect(), ends, hint: SizeHint::default() }
    }

    pub(super) fn empty() -> Self {
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

pub(super) type Mock = mock::Mock<Request<Body>, Response<Script>>;

/// A layer over a mock, with its recorder and its log.
pub(super) struct Bench {
    pub(super) service: Telemetry<Mock>,
    pub(super) handle: Handle<Request<Body>, Response<Script>>,
    pub(super) recording: Arc<Recording>,
    pub(super) lines: Lines,
    _guard: LocalRecorderGuard<'static>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Direction::Outbound, Metrics::default())
    }

    pub(super) fn with(direction: Direction, metrics: Metrics) -> Self {
        // Leaked, because the guard borrows it: a few words for each test.
        let recording: &'static Arc<Recording> = Box::leak(Box::default());
        let guard = metrics::set_default_local_recorder(recording);
        let (log, lines) = AccessLog::in_memory(Format::text(FORMAT).unwrap());
        let workload = Workload { name: "web".into(), ..Workload::default() };
        let layer = TelemetryLayer::new(direction, Arc::new(workload)).metrics(metrics).access_log(log);
        let (mock, handle) = mock::pair();
        let recording = recording.clone();
        Self { service: layer.layer(mock), handle, recording, lines, _guard: guard }
    }

    /// Sends a request; returns its future, and the request and the response's sender at the inner service.
    pub(super) fn send(
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

    /// The only report: its labels and its line.
    pub(super) fn report(&self) -> (BTreeMap<String, String>, String) {
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

    pub(super) fn is_silent(&self) -> bool {
        self.recording.counters(names::REQUESTS).is_empty()
    }
}

pub(super) fn request(headers: &[(&'static str, &'static str)]) -> Request<Body> {
    let mut request = Request::new(Body::from("abc"));
    *request.uri_mut() = "http://reviews:9080/a?b".parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    request
}

pub(super) fn cluster() -> ClusterPlan {
    let service = ServiceIdentity {
        host: "reviews.default.svc.cluster.local".into(),
        name: "reviews".into(),
        namespace: "default".into(),
        external: false,
    };
    let key = ClusterKey::outbound(service.host.clone(), 9080, "v1");
    let plan = ClusterPlan::new(key, service, 9080);
    ClusterPlan { subset: "v1".into(), protocol: UpstreamProtocol::Http1, ..plan }
}

pub(super) fn decide(request: &Request<Body>, note: impl FnOnce(&mut Decision)) {
    Record::of(request.extensions()).unwrap().note(note);
}
