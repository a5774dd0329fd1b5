//! The facts of one request for its line.

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, Version};
use mesh_core::decision::Decision;
use mesh_core::headers::forwarded::FORWARDED_FOR;
use mesh_core::outcome::{Outcome, Reset};
use mesh_core::telemetry::access_log::{Captured, Extra, ExtraKind, Record};
use mesh_core::telemetry::trace::REQUEST_ID;

use super::target::{AccessLog, Sink};
use crate::error::Error;
use crate::request::Downstream;
use crate::telemetry::summary::Summary;

/// The facts of a request that must be kept until its end.
#[derive(Debug)]
pub(in crate::telemetry) struct Line {
    sink: Arc<Sink>,
    start: SystemTime,
    method: Method,
    uri: Uri,
    host: Option<HeaderValue>,
    version: Version,
    downstream: Option<Downstream>,
    captured: Captured,
    responded: Option<(Instant, Version)>,
}

impl Line {
    /// Begins the line of a request; `None` if the log is off.
    pub(in crate::telemetry) fn begin<B>(log: &AccessLog, request: &Request<B>) -> Option<Box<Self>> {
        Some(Box::new(Self::of(log.sink()?, request)))
    }

    fn of<B>(sink: Arc<Sink>, request: &Request<B>) -> Self {
        let mut captured = Captured::default();
        sink.format.capture_request(request.headers(), &mut captured);
        let uri = request.uri().clone();
        let host = if uri.authority().is_none() { request.headers().get(HOST).cloned() } else { None };
        Self {
            sink,
            start: SystemTime::now(),
            method: request.method().clone(),
            uri,
            host,
            version: request.version(),
            downstream: request.extensions().get().cloned(),
            captured,
            responded: None,
        }
    }

    pub(in crate::telemetry) fn head<B>(&mut self, response: &Response<B>, now: Instant) {
        self.sink.format.capture_response(response.headers(), &mut self.captured);
        self.responded = Some((now, response.version()));
    }

    pub(in crate::telemetry) fn trailers(&mut self, trailers: &HeaderMap) {
        self.sink.format.capture_trailers(trailers, &mut self.captured);
    }

    /// Makes the line and hands it to the sink.
    pub(in crate::telemetry) fn write(
        &mut self,
        decision: &Decision,
        peer: Option<&str>,
        summary: &Summary<'_>,
        start: Instant,
    ) {
        self.take_over(&REQUEST_ID, decision.request_id.as_ref());
        self.take_over(&FORWARDED_FOR, decision.forwarded_for.as_ref());
        let downstream = self.downstream.as_ref();
        let direct = downstream.map(Downstream::peer);
        let responded = self.responded.map(|(at, _)| at.saturating_duration_since(start));
        let tried = decision.attempt_count > 0;
        let details = match &summary.details {
            Some(details) => details,
            None if decision.details.is_empty() => "via_upstream",
            None => &*decision.details,
        };
        let failure = summary.error.and_then(transport_failure);
        let authority = match self.uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => self.host.as_ref().and_then(|host| host.to_str().ok()),
        };
        self.sink.write(&Record {
            start: Some(self.start),
            method: Some(self.method.as_str()),
            path: self.uri.path_and_query().map(http::uri::PathAndQuery::as_str),
            scheme: self.uri.scheme_str(),
            authority,
            protocol: Some(protocol(self.version)),
            upstream_protocol: self.responded.filter(|_| tried).map(|(_, version)| protocol(version)),
            code: summary.facts.code,
            flags: summary.facts.flags,
            details: Some(details),
            transport_failure: failure.as_deref(),
            bytes_received: summary.sizes.received,
            bytes_sent: summary.sizes.sent,
            duration: Some(summary.duration),
            response_duration: responded,
            response_tx_duration: responded.map(|responded| summary.duration.saturating_sub(responded)),
            captured: Some(&self.captured),
            grpc: summary.facts.grpc,
            upstream_host: decision.endpoint().map(|endpoint| &endpoint.address),
            upstream_cluster: decision.cluster.as_ref().map(|cluster| &*cluster.name),
            upstream_local: decision.local,
            downstream_local: downstream.and_then(Downstream::local_address),
            downstream_remote: decision.client.or(direct),
            downstream_direct_remote: direct,
            server_name: downstream.and_then(Downstream::server_name_indication),
            tls_version: downstream.and_then(Downstream::tls_version),
            route_name: decision.route.as_ref().map(|route| &*route.name),
            attempts: Some(decision.attempt_count),
            downstream_peer_uri: peer,
            extra: Some(&DecisionExtra(decision)),
            ..Record::default()
        });
    }

    /// Logs a header with the value that a layer below has made or changed.
    fn take_over(&mut self, name: &HeaderName, value: Option<&HeaderValue>) {
        if let Some(value) = value {
            self.captured.set_request(name, value);
        }
    }
}

/// `%METADATA(MESH:decision)%`: the whole decision.
struct DecisionExtra<'a>(&'a Decision);

impl Extra for DecisionExtra<'_> {
    fn write(&self, kind: ExtraKind, argument: &str, out: &mut String) -> bool {
        kind == ExtraKind::Metadata && argument == "MESH:decision" && write!(out, "{}", self.0).is_ok()
    }
}

/// The reason why no connection could be made, as one word.
fn transport_failure(error: &Error) -> Option<String> {
    let connect = matches!(
        error.outcome(),
        Some(Outcome::Reset { reset: Reset::ConnectFailure | Reset::ConnectTimeout, .. })
    );
    let source = error.source().filter(|_| connect)?;
    Some(crate::error::transport_failure(source).replace(char::is_whitespace, "_"))
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}
