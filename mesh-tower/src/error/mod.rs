//! The one error of the stack.
//!
//! An in-process caller gets the same outcome as a client of the proxy, as a typed error with status, flags, details and
//! the outcome of the attempt. The response made of it is exactly the proxy's (RF-7).

mod build;
mod foreign;
mod response;

use std::error::Error as StdError;
use std::fmt;

use http::HeaderMap;
use mesh_core::outcome::{Fault, Outcome};
use mesh_core::reply::{Dialect, Flag, LocalReply};

pub(crate) use build::transport_failure;

pub use crate::http::BoxError;

/// Why a call through the mesh got no response from an endpoint.
///
/// `Display` prints one line: status, Envoy's flag and details; `source` gives the cause below it.
pub struct Error(Box<ErrorParts>);

struct ErrorParts {
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
