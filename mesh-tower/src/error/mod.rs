//! The one error of the stack, and how it becomes a response.
//!
//! An in-process caller gets the same outcome as a client of the proxy, as a typed error carrying
//! status, flags, details and what was tried; turned into a response it is exactly the proxy's
//! (RF-7).

mod foreign;

use std::error::Error as StdError;
use std::fmt;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use mesh_core::outcome::{Fault, Outcome, Reset};
use mesh_core::reply::{Dialect, Flag, LocalReply};

use crate::body::Body;
pub use crate::http::BoxError;

/// Why a call through the mesh got no response from an endpoint.
///
/// `Display` prints one line: status, Envoy's flag and details; `source` gives the cause below it.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    reply: LocalReply,
    source: Option<BoxError>,
    context: Option<String>,
    /// A hint for the caller.
    advice: Option<String>,
    /// Headers that layers add to the response made of this error.
    headers: HeaderMap,
    /// The dialect of the response, if a layer has set it; else the maker of the response chooses it (RF-6).
    dialect: Option<Dialect>,
    /// The connection had served an earlier request (RT-20).
    reused: bool,
    /// The peer had announced the end of the connection, and refused the request for it.
    drained: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An attempt failed at the endpoint.
    Attempt(Outcome),
    /// The mesh decided it: no route, no endpoint, a limit, an injected fault.
    Local,
    /// The caller's own body or request failed.
    Caller,
}

impl Error {
    pub(crate) fn local(reply: LocalReply) -> Self {
        Self::new(Kind::Local, reply, None)
    }

    pub(crate) fn attempt(outcome: Outcome, source: Option<BoxError>) -> Self {
        let text = source.as_deref().map(|source| transport_failure(source));
        let reply = match outcome {
            // Envoy names the transport's own failure only where a connection could not be made.
            Outcome::Reset { reset: reset @ (Reset::ConnectFailure | Reset::ConnectTimeout), .. } => {
                LocalReply::reset(reset, false, text.as_deref())
            }
            Outcome::Reset { reset, .. } => LocalReply::reset(reset, false, None),
            Outcome::PerTryTimeout => LocalReply::per_try_timeout(),
            Outcome::Timeout => LocalReply::timeout(),
            Outcome::Cancelled | Outcome::Response { .. } => {
                LocalReply::reset(Reset::LocalReset, false, None)
            }
        };
        Self::new(Kind::Attempt(outcome), reply, source)
    }

    pub(crate) fn caller(reply: LocalReply, source: Option<BoxError>) -> Self {
        Self::new(Kind::Caller, reply, source)
    }

    fn new(kind: Kind, reply: LocalReply, source: Option<BoxError>) -> Self {
        Self(Box::new(Inner {
            kind,
            reply,
            source,
            context: None,
            advice: None,
            headers: HeaderMap::new(),
            dialect: None,
            reused: false,
            drained: false,
        }))
    }

    /// Replaces the cause.
    pub(crate) fn because(mut self, source: BoxError) -> Self {
        self.0.source = Some(source);
        self
    }

    /// A copy without the cause, which stays with the original.
    pub(crate) fn same(&self) -> Self {
        let Inner { kind, reply, headers, dialect, reused, drained, .. } = &*self.0;
        let mut error = Self::new(*kind, reply.clone(), None).reused(*reused).drained(*drained);
        error.0.headers.clone_from(headers);
        error.0.dialect = *dialect;
        error
    }

    pub(crate) fn reused(mut self, reused: bool) -> Self {
        self.0.reused = reused;
        self
    }

    pub(crate) fn drained(mut self, drained: bool) -> Self {
        self.0.drained = drained;
        self
    }

    /// The headers of the response made of this error, for layers that add to responses.
    pub(crate) fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.0.headers
    }

    /// Sets the dialect of the response: a page made the call (RF-6).
    pub(crate) fn set_dialect(&mut self, dialect: Dialect) {
        self.0.dialect = Some(dialect);
    }

    /// The dialect of the response: the one that a layer has set, else `default`.
    pub(crate) fn dialect(&self, default: impl Into<Dialect>) -> Dialect {
        self.0.dialect.unwrap_or_else(|| default.into())
    }

    /// Adds the place of the failure: cluster, endpoint, attempts.
    pub(crate) fn context(mut self, text: String) -> Self {
        self.0.context = Some(text);
        self
    }

    /// Adds a hint for the caller.
    pub(crate) fn advise(mut self, text: String) -> Self {
        self.0.advice = Some(text);
        self
    }

    /// The text of the reply with the hint, if there is one. The context stays out: a program may pass a status on to its
    /// own callers, and they must not see addresses.
    pub(crate) fn advised(&self) -> Option<String> {
        let Inner { reply, advice, .. } = &*self.0;
        Some(format!("{} ({})", reply.body, advice.as_ref()?))
    }

    /// Marks the reply of the last attempt as retried, with Envoy's flag if the retries are used up (RT-13).
    pub(crate) fn retried(mut self, exhausted: bool) -> Self {
        if let Kind::Attempt(Outcome::Reset { reset, .. }) = self.0.kind {
            let text = match reset {
                Reset::ConnectFailure | Reset::ConnectTimeout => {
                    self.0.source.as_deref().map(|source| transport_failure(source))
                }
                _ => None,
            };
            self.0.reply = LocalReply::reset(reset, true, text.as_deref());
        }
        if exhausted {
            self.0.reply.flags.set(Flag::UpstreamRetryLimitExceeded);
        }
        self
    }

    /// Finds the mesh's error in an error that a layer returned. Another error is wrapped as the failure that its chain of
    /// causes shows: errors of hyper, of h2 and of the system, and timeouts of tower. An unknown error counts as a
    /// connection that broke off.
    #[must_use]
    pub fn from_box(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => *own,
            Err(other) => Self::foreign(other),
        }
    }

    /// The outcome of the attempt, if there was one.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        match self.0.kind {
            Kind::Attempt(outcome) => Some(outcome),
            Kind::Local | Kind::Caller => None,
        }
    }

    /// Whether the connection had served earlier requests (RT-20).
    pub(crate) fn is_reused(&self) -> bool {
        self.0.reused
    }

    /// Whether the peer refused the request because it ends the connection (GOAWAY): the request was never processed, and
    /// the peer is healthy.
    pub(crate) fn is_drained(&self) -> bool {
        self.0.drained
    }

    /// Makes a timeout the 204 that the caller asked for (RT-5).
    pub(crate) fn alternative(mut self) -> Self {
        if self.is_timeout() {
            self.0.reply = std::mem::replace(&mut self.0.reply, LocalReply::timeout()).no_content();
        }
        self
    }

    /// The party at fault.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self.0.kind {
            Kind::Attempt(outcome) => match outcome.class() {
                mesh_core::outcome::Class::Failure(fault) => fault,
                mesh_core::outcome::Class::Success => Fault::Upstream,
            },
            Kind::Local => Fault::Local,
            Kind::Caller => Fault::Downstream,
        }
    }

    /// The answer that a client of the proxy would get: status, flags, details, body.
    #[must_use]
    pub fn reply(&self) -> &LocalReply {
        &self.0.reply
    }

    /// Whether a timeout of the mesh ended it, of the whole request or of its last try.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.0.reply.flags.has(Flag::UpstreamRequestTimeout)
    }

    /// Whether a circuit limit refused it.
    #[must_use]
    pub fn is_overflow(&self) -> bool {
        self.0.reply.flags.has(Flag::UpstreamOverflow)
    }

    /// Whether a fault rule injected it.
    #[must_use]
    pub fn is_injected(&self) -> bool {
        self.0.reply.flags.has(Flag::FaultInjected)
    }

    /// The response that the proxy would send; `grpc` says that the request was gRPC. The error itself knows if the call
    /// was grpc-web on a port that speaks it (RF-6).
    #[must_use]
    pub fn response(&self, grpc: bool) -> Response<Body> {
        let mut response = self.0.reply.response(self.dialect(grpc)).map(|body| match body {
            std::borrow::Cow::Borrowed(text) => Body::from(text),
            std::borrow::Cow::Owned(text) => Body::from(text),
        });
        response.headers_mut().insert(
            "x-mesh-reason",
            http::HeaderValue::try_from(self.0.reply.details.as_ref())
                .unwrap_or_else(|_| http::HeaderValue::from_static("local")),
        );
        // The rule's content type of the body holds, except for gRPC (VA-9); other headers of the reply win.
        if let Some(written) = self.0.headers.get(CONTENT_TYPE)
            && response.headers().get("grpc-status").is_none()
        {
            response.headers_mut().insert(CONTENT_TYPE, written.clone());
        }
        if self.0.headers.is_empty() {
            return response;
        }
        let own = response.headers().clone();
        for (name, value) in self.0.headers.iter().filter(|(name, _)| !own.contains_key(*name)) {
            response.headers_mut().append(name, value.clone());
        }
        response
    }
}

/// A reply that was decided outside the stack, for example by a listener.
impl From<LocalReply> for Error {
    fn from(reply: LocalReply) -> Self {
        Self::local(reply)
    }
}

/// The reason why no connection could be made; in Envoy's words if the system refused it.
pub(crate) fn transport_failure(error: &(dyn StdError + 'static)) -> String {
    let cause = deepest(error);
    let text = cause.to_string();
    let refused = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
    match refused.and_then(|code| text.strip_suffix(&format!(" (os error {code})"))) {
        Some(words) => format!("delayed connect error: {words}"),
        None => text,
    }
}

fn deepest<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reply = &self.0.reply;
        write!(f, "{} {} {}", reply.status.as_u16(), reply.flags, reply.details)?;
        match (&self.0.context, &self.0.advice) {
            (Some(context), Some(advice)) => write!(f, " ({context}; {advice})"),
            (Some(only), None) | (None, Some(only)) => write!(f, " ({only})"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("reply", &self.0.reply)
            .field("context", &self.0.context)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_one_pointer_and_survives_boxing() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        let error: BoxError = Error::local(LocalReply::overflow()).into();
        let error = Error::from_box(error);
        assert!(error.is_overflow());
        assert_eq!(error.fault(), Fault::Local);
    }

    #[test]
    fn rf_7_the_error_becomes_the_proxys_response() {
        let error = Error::local(LocalReply::no_healthy_upstream());
        let response = error.response(false);
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["x-mesh-reason"], "no_healthy_upstream");
        assert_eq!(error.to_string(), "503 UH no_healthy_upstream");
    }
}
