//! The telemetry of one request under way.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, Method, Response, StatusCode};
use mesh_core::identity::PeerIdentity;
use mesh_core::outcome::{GrpcCode, Outcome, Reset};
use mesh_core::plan::Direction;
use mesh_core::reply::{Dialect, Flag, ResponseFlags};
use mesh_core::telemetry::labels::{Protocol, ResponseFacts};
use tracing::Span;
use tracing::field::Empty;

use super::AccessLog;
use super::access_log::Line;
use super::received::Received;
use super::series::Handles;
use super::summary::{Sizes, Summary};
use crate::clock::now;
use crate::error::{BoxError, Error};
use crate::grpc::{is_grpc, status};
use crate::request::Record;
use crate::request::boxed_request::Carrier;

/// The end of a request.
#[derive(Clone, Copy)]
pub(super) enum Ending<'a> {
    /// The whole response was sent.
    Complete,
    /// There was no response, or only a part of it.
    Failed(&'a Error),
    /// The caller left.
    Left,
}

/// The facts of a request that are kept until its end; reports the end when dropped.
#[derive(Debug)]
pub(super) struct Call {
    handles: Arc<Handles>,
    record: Record,
    span: Span,
    start: Instant,
    received: Received,
    sent: u64,
    /// 0 until the head is sent.
    code: u16,
    grpc: Option<GrpcCode>,
    is_grpc: bool,
    is_head: bool,
    /// The whole response has passed: a drop then does not mean that the caller left.
    may_be_dropped: bool,
    done: bool,
    peer: Option<Arc<str>>,
    line: Option<Box<Line>>,
}

impl Call {
    pub(super) fn begin<R>(handles: &Arc<Handles>, log: &AccessLog, carrier: &mut R) -> Box<Self>
    where
        R: Carrier<Body: http_body::Body + 'static>,
    {
        let start = now();
        let record = carrier.begin();
        let request = carrier.request_mut();
        let line = Line::begin(log, request);
        let span = tracing::debug_span!(
            "request",
            method = request.method().as_str(),
            target = %request.uri(),
            code = Empty,
            flags = Empty
        );
        let peer = match handles.direction() {
            Direction::Inbound => {
                request.extensions().get::<PeerIdentity>().map(|peer| peer.spiffe_id.clone())
            }
            Direction::Outbound | Direction::Gateway => None,
        };
        let call = Self {
            handles: handles.clone(),
            record,
            span,
            start,
            received: Received::watch(request.body_mut()),
            sent: 0,
            code: 0,
            grpc: None,
            // A CONNECT is never gRPC, whatever its content type is: its answer has an HTTP status.
            is_grpc: *request.method() != Method::CONNECT && is_grpc(request.headers()),
            is_head: request.method() == Method::HEAD,
            may_be_dropped: false,
            done: false,
            peer,
            line,
        };
        // Boxed: it moves from the future to the response's body, and through all layers around both.
        Box::write(Box::new_uninit(), call)
    }

    pub(super) const fn span(&self) -> &Span {
        &self.span
    }

    /// Notes the head of the response.
    pub(super) fn head<B>(&mut self, response: &Response<B>) {
        self.code = response.status().as_u16();
        if self.is_grpc {
            self.grpc = status(response.headers());
        }
        if let Some(line) = &mut self.line {
            line.head(response, now());
        }
    }

    /// Whether this kind of response has no body, whatever its size hint is.
    pub(super) fn is_bodiless(&self) -> bool {
        const NO_CONTENT: u16 = StatusCode::NO_CONTENT.as_u16();
        const NOT_MODIFIED: u16 = StatusCode::NOT_MODIFIED.as_u16();
        self.is_head || matches!(self.code, 100..=199 | NO_CONTENT | NOT_MODIFIED)
    }

    /// Whether the response changes the protocol of the connection (VA-14).
    pub(super) fn is_upgrade(&self) -> bool {
        self.code == StatusCode::SWITCHING_PROTOCOLS.as_u16()
    }

    pub(super) const fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        if self.is_grpc {
            self.grpc = status(trailers).or(self.grpc);
        }
        if let Some(line) = &mut self.line {
            line.trailers(trailers);
        }
    }

    pub(super) const fn may_be_dropped(&mut self, may: bool) {
        self.may_be_dropped = may;
    }

    /// Reports the end, once.
    pub(super) fn end(&mut self, ending: Ending<'_>) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        let duration = now().saturating_duration_since(self.start);
        let (flags, details) = self.outcome(ending);
        let error = match ending {
            Ending::Failed(error) => Some(error),
            Ending::Complete | Ending::Left => None,
        };
        let protocol = if self.is_grpc { Protocol::Grpc } else { Protocol::Http };
        let mut summary = Summary {
            facts: ResponseFacts {
                protocol,
                code: self.code,
                grpc: self.grpc,
                flags,
                mutual_tls: self.peer.is_some(),
            },
            details,
            sizes: Sizes { received: self.received.bytes(), sent: self.sent },
            duration,
            error,
        };
        let Self { record, handles, peer, line, span, start, .. } = self;
        record.note(|decision| {
            decision.flags = decision.flags.union(flags);
            if let Some(details) = &summary.details {
                decision.details = Cow::Owned(details.to_string());
            }
            summary.facts.flags = decision.flags;
            if decision.grpc_web.is_some() {
                // The grpc-web layer within has converted the call (RF-6): headers and trailers here do not show gRPC.
                summary.facts.protocol = Protocol::Grpc;
                summary.facts.grpc = summary.facts.grpc.or(decision.grpc_status);
            }
            handles.report(decision, peer.as_ref(), &summary);
            if let Some(line) = line {
                line.write(decision, peer.as_deref(), &summary, *start);
            }
        });
        if !span.is_disabled() {
            span.record("code", summary.facts.code);
            span.record("flags", tracing::field::display(summary.facts.flags));
        }
    }

    /// Flags and details of this end. For an error without a response, also sets code, status and size of the answer that
    /// will be made of it.
    fn outcome<'a>(&mut self, ending: Ending<'a>) -> (ResponseFlags, Option<Cow<'a, str>>) {
        match ending {
            Ending::Complete => (ResponseFlags::NONE, None),
            Ending::Left => {
                (Flag::DownstreamConnectionTermination.into(), Some("downstream_remote_disconnect".into()))
            }
            Ending::Failed(error) if self.code == 0 => {
                let reply = error.reply();
                if error.dialect(self.is_grpc) != Dialect::Http {
                    self.code = StatusCode::OK.as_u16();
                    self.grpc = Some(reply.grpc_status());
                } else {
                    self.code = reply.status.as_u16();
                    self.sent = reply.body.len() as u64;
                }
                (reply.flags, Some(Cow::Borrowed(&*reply.details)))
            }
            Ending::Failed(error) => {
                let reply = error.reply();
                let details = match error.outcome() {
                    Some(Outcome::Reset { reset, .. }) => broken(reset).into(),
                    _ => Cow::Borrowed(&*reply.details),
                };
                (reply.flags, Some(details))
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(if self.may_be_dropped { Ending::Complete } else { Ending::Left });
    }
}

/// Envoy's words for a response that broke off once it had started (RF-2).
fn broken(reset: Reset) -> String {
    format!("upstream_reset_after_response_started{{{}}}", reset.reason().replace(' ', "_"))
}

/// Reads the error as the mesh's own: the error itself, or one of its causes, or else its class.
pub(super) fn as_ours<T>(error: &dyn Any, read: impl FnOnce(&Error) -> T) -> T {
    let own = match error.downcast_ref::<BoxError>() {
        Some(boxed) => chain(&**boxed).find_map(|error| error.downcast_ref()),
        None => error.downcast_ref(),
    };
    match own {
        Some(own) => read(own),
        None => read(&Error::of_foreign(error)),
    }
}

/// An error and its causes, from the outside in.
pub(super) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
