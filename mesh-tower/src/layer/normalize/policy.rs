//! Decides which rules apply to which request.

use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use hyper::ext::Protocol;
use mesh_core::headers::forwarded;
use mesh_core::headers::hop::Upgrade;
use mesh_core::headers::{FieldLimit, Survey, control, framing, hop, join_cookies, unify_host, websocket};
use mesh_core::identity::PeerIdentity;
use mesh_core::plan::Direction;
use mesh_core::reply::{Flag, LocalReply};
use mesh_core::route::normalize::{self, PathNormalization, Rejected};
use mesh_core::telemetry::trace::{REQUEST_ID, RequestId, TraceContext, request_id, sample};
use mesh_core::units::Percent;
use metrics::counter;

use crate::clock::SharedRng;
use crate::http::names;
use crate::request::Downstream;
use crate::request::boxed_request::Carrier;

/// The number of headers that this layer and the layers below it mostly add: scheme, request id, attempt.
const INSERTED: usize = 3;

#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) direction: Direction,
    /// `None`: that of the request's plan, else the default.
    pub(super) paths: Option<PathNormalization>,
    pub(super) trusted_proxies: usize,
    pub(super) trust_peers: bool,
    pub(super) http10: bool,
    pub(super) max_fields: FieldLimit,
    pub(super) server: Option<HeaderValue>,
    pub(super) request_id: bool,
    pub(super) trace: Option<Percent>,
    pub(super) rng: SharedRng,
}

impl Policy {
    pub(super) fn new(direction: Direction) -> Self {
        Self {
            direction,
            paths: None,
            trusted_proxies: 0,
            trust_peers: false,
            http10: false,
            max_fields: FieldLimit::default(),
            server: None,
            request_id: true,
            trace: None,
            rng: SharedRng::default(),
        }
    }

    fn level(&self, carrier: &impl Carrier) -> PathNormalization {
        let of_plan = || carrier.plan().map(|plan| plan.settings.path_normalization);
        self.paths.or_else(of_plan).unwrap_or_default()
    }

    /// Normalises the request, or refuses it.
    pub(super) fn apply<R: Carrier>(&self, carrier: &mut R) -> Result<(), LocalReply> {
        let level = self.level(carrier);
        let request = carrier.request_mut();
        if request.version() < Version::HTTP_11 && !self.http10 {
            let status = http::StatusCode::UPGRADE_REQUIRED;
            return Err(LocalReply::new(status, Flag::DownstreamProtocolError, "low_version"));
        }
        let refuse = |rejected: Rejected| LocalReply::bad_request(rejected.details());
        if *request.method() == Method::CONNECT {
            self.extended_connect(request)?;
        }
        if *request.method() != Method::GET {
            normalize::method(request.method().as_str()).map_err(refuse)?;
        }
        let target = normalize::form(request.method(), request.uri()).map_err(refuse)?;
        if let Some(target) = normalize::target(level, target).map_err(refuse)? {
            let mut parts = std::mem::take(request.uri_mut()).into_parts();
            parts.path_and_query = Some(target);
            *request.uri_mut() =
                Uri::from_parts(parts).map_err(|_| LocalReply::bad_request("path_normalization_failed"))?;
        }
        self.headers(carrier)
    }

    /// Converts the extended CONNECT of a `WebSocket` over HTTP/2 to the upgrade of HTTP/1.1, for rules and endpoints alike
    /// (VA-14); refuses every other CONNECT.
    fn extended_connect<B>(&self, request: &mut Request<B>) -> Result<(), LocalReply> {
        let Some(protocol) = request.extensions_mut().remove::<Protocol>() else {
            return Err(LocalReply::connect_refused());
        };
        if !protocol.as_str().eq_ignore_ascii_case("websocket") {
            return Err(LocalReply::upgrade_refused());
        }
        *request.method_mut() = Method::GET;
        *request.version_mut() = Version::HTTP_11;
        self.rng.draw(|rng| websocket::ask(request.headers_mut(), rng));
        Ok(())
    }

    fn headers<R: Carrier>(&self, carrier: &mut R) -> Result<(), LocalReply> {
        let request = carrier.request_mut();
        // Remove hop-by-hop headers before any header is set: `Connection` may name any header.
        let survey = self.clean(request)?;
        unify_host(request, survey)?;
        let https = request.uri().scheme_str() == Some("https");
        let peer_proved = request.extensions().get::<PeerIdentity>().is_some();
        let downstream = request.extensions().get::<Downstream>();
        let tls = downstream.map_or(https, Downstream::is_tls);
        let peer = downstream.map(Downstream::peer);
        let headers = request.headers_mut();
        // Room for the headers set here and below, so that the map grows once.
        headers.reserve(INSERTED + usize::from(self.trace.is_some()));
        self.distrust(headers, survey, peer_proved);
        let gateway = self.direction == Direction::Gateway;
        let peer = peer.filter(|_| gateway);
        let client = peer.map(|peer| {
            let client = forwarded::append(headers, peer, self.trusted_proxies);
            forwarded::mark(headers, client);
            client
        });
        if !survey.forwarded_proto || (gateway && self.trusted_proxies == 0) {
            forwarded::set_proto(headers, tls);
        }
        let mut made = None;
        let stranger = gateway && !client.is_some_and(|client| client.internal);
        if self.request_id && (stranger || !survey.request_id) {
            made = Some(super::ids::header_value(&self.rng.draw(request_id)));
        }
        if let Some(id) = &made {
            headers.insert(REQUEST_ID, id.clone());
        }
        if let Some(share) = self.trace {
            let context = self.begin_span(headers, share, &mut made);
            request.extensions_mut().insert(context);
        }
        carrier.surveyed(survey);
        if (made.is_some() || client.is_some())
            && let Some(record) = carrier.record()
        {
            let list =
                client.and_then(|_| carrier.request().headers().get(forwarded::FORWARDED_FOR)).cloned();
            record.note(|decision| {
                decision.request_id = made;
                decision.forwarded_for = list;
                let address = client.map(|client| client.address);
                decision.client = address.filter(|address| Some(*address) != peer);
            });
        }
        Ok(())
    }

    /// Removes the hop-by-hop headers and joins headers in several lines; returns the survey of the remaining headers.
    fn clean<B>(&self, request: &mut Request<B>) -> Result<Survey, LocalReply> {
        let survey = Survey::of(request.headers());
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        if !self.max_fields.admits_sum(survey.size as usize + target, request.headers().len()) {
            if request.version() == Version::HTTP_2 {
                counter!(names::HTTP2_HEADER_OVERFLOW).increment(1);
            }
            return Err(LocalReply::fields_too_large("http.headers_too_large"));
        }
        let headers = request.headers_mut();
        if survey.split_cookies {
            join_cookies(headers);
        }
        if survey.split_lengths {
            framing::unify_length(headers)?;
        }
        if survey.te {
            hop::strip_te(headers);
        }
        if survey.hop_by_hop {
            framing::request(headers)?;
            let upgrade = hop::upgrade(headers);
            if upgrade == Upgrade::Other {
                return Err(LocalReply::upgrade_refused());
            }
            hop::strip(headers, upgrade);
            return Ok(Survey::of(headers));
        }
        Ok(survey)
    }

    /// Removes the headers that this caller may not set (HD-2, HD-6, GW-12).
    fn distrust(&self, headers: &mut HeaderMap, survey: Survey, peer_proved: bool) {
        match self.direction {
            Direction::Outbound => {}
            Direction::Inbound => {
                if survey.envoy && !(peer_proved && self.trust_peers) {
                    control::strip_steering(headers);
                }
                if !peer_proved {
                    control::strip_client_certificate(headers, survey);
                }
            }
            Direction::Gateway => {
                if survey.envoy {
                    control::strip_all(headers);
                }
                control::strip_client_certificate(headers, survey);
            }
        }
    }

    /// Begins a span below the caller's span, or at the head of a new trace (TR-1, TR-2).
    fn begin_span(
        &self,
        headers: &mut HeaderMap,
        share: Percent,
        made: &mut Option<HeaderValue>,
    ) -> TraceContext {
        let incoming = TraceContext::extract(headers);
        let id = headers.get(REQUEST_ID).and_then(RequestId::parse);
        // This header has been removed by now from callers that may not force a trace.
        let forced = headers.contains_key("x-envoy-force-trace");
        let (reason, context) = self.rng.draw(|rng| {
            let reason = sample(incoming.sampled, forced, id.map(|id| id.reason()), share, rng);
            let context = match incoming.context {
                Some(parent) => parent.child(rng),
                None => TraceContext::generate(rng, false),
            };
            (reason, TraceContext { sampled: reason.is_sampled(), ..context })
        });
        context.inject(incoming.context.map(|parent| parent.span_id), incoming.b3, headers);
        if let Some(id) = id.filter(|id| id.reason() != reason) {
            let id = id.with(reason);
            *made = Some(id.clone());
            headers.insert(REQUEST_ID, id);
        }
        context
    }
}
