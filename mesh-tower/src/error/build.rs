//! Makes errors, and adds to them on their way out.

use std::error::Error as StdError;

use http::HeaderMap;
use mesh_core::outcome::{Outcome, Reset};
use mesh_core::reply::{Dialect, Flag, LocalReply};

use super::{Error, ErrorParts, Kind};
use crate::http::BoxError;

impl Error {
    /// What a layer of one's own returns for a request that it refuses: this answer, which is not retried and says nothing
    /// about the endpoint.
    #[must_use]
    pub fn local(reply: LocalReply) -> Self {
        Self::new(Kind::Local, reply, None)
    }

    pub(crate) fn attempt(outcome: Outcome, source: Option<BoxError>) -> Self {
        let reply = match outcome {
            Outcome::Reset { reset, .. } => reset_reply(reset, false, source.as_ref()),
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
        Self(Box::new(ErrorParts {
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
        let ErrorParts { kind, reply, headers, dialect, reused, drained, .. } = &*self.0;
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

    /// Marks the reply of the last attempt as retried, with Envoy's flag if the retries are used up (RT-13).
    pub(crate) fn retried(mut self, exhausted: bool) -> Self {
        if let Kind::Attempt(Outcome::Reset { reset, .. }) = self.0.kind {
            self.0.reply = reset_reply(reset, true, self.0.source.as_ref());
        }
        if exhausted {
            self.0.reply.flags.set(Flag::UpstreamRetryLimitExceeded);
        }
        self
    }

    /// Makes a timeout the 204 that the caller asked for (RT-5).
    pub(crate) fn alternative(mut self) -> Self {
        if self.is_timeout() {
            self.0.reply = std::mem::replace(&mut self.0.reply, LocalReply::timeout()).no_content();
        }
        self
    }
}

/// A reply that was decided outside the stack, for example by a listener.
impl From<LocalReply> for Error {
    fn from(reply: LocalReply) -> Self {
        Self::local(reply)
    }
}

/// The reply to a reset. Envoy names the transport's own failure only where a connection could not be made.
fn reset_reply(reset: Reset, retried: bool, source: Option<&BoxError>) -> LocalReply {
    let no_connection = matches!(reset, Reset::ConnectFailure | Reset::ConnectTimeout);
    let text = source.filter(|_| no_connection).map(|source| transport_failure(&**source));
    LocalReply::reset(reset, retried, text.as_deref())
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
