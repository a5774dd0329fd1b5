//! Classifies foreign errors: those of hyper, of its clients, of tower's own layers, of the system.
//!
//! A layer that is used alone wraps any service, and its policy names refused connections, refused streams and timeouts.
//! The chain of causes of the service's error shows which of these it was.

use std::any::Any;
use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use hyper_util::client::legacy;
use mesh_core::outcome::{Outcome, Reset};
use mesh_core::reply::LocalReply;

use crate::error::{BoxError, Error};
use crate::http::failure::{classify, classify_h2};

/// The class of an error.
pub(crate) enum ErrorClass<'a> {
    /// An attempt ended with this outcome.
    Attempt(Outcome),
    /// A limit of this process refused the request.
    Overflow,
    /// An error of the mesh is the cause.
    Own(&'a Error),
}

/// Classifies an error by its causes, from the outside in: the first known cause decides.
///
/// An unknown error counts as a connection that ended after the request was sent: of all classes, policies repeat this one
/// least.
pub(crate) fn class_of<'a>(error: &'a (dyn StdError + 'static)) -> ErrorClass<'a> {
    let mut connecting = false;
    ErrorClass::Attempt(match known(error, &mut connecting) {
        Some(ErrorClass::Attempt(outcome)) => outcome,
        Some(other) => return other,
        None if connecting => unsent(Reset::ConnectFailure),
        None => sent(Reset::ConnectionTermination),
    })
}

fn known<'a>(error: &'a (dyn StdError + 'static), connecting: &mut bool) -> Option<ErrorClass<'a>> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(own) = error.downcast_ref() {
            return Some(ErrorClass::Own(own));
        }
        if error.is::<tower::load_shed::error::Overloaded>() {
            return Some(ErrorClass::Overflow);
        }
        if let Some(client) = error.downcast_ref::<legacy::Error>() {
            *connecting |= client.is_connect();
        }
        if let Some(outcome) = outcome(error, *connecting) {
            return Some(ErrorClass::Attempt(outcome));
        }
        // The source of an `io::Error` is the source of its inner error, not the inner error itself.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(inner) = inner
            && let Some(class) = known(inner, connecting)
        {
            return Some(class);
        }
        cause = error.source();
    }
    None
}

/// The outcome that one error shows, without its causes.
fn outcome(error: &(dyn StdError + 'static), connecting: bool) -> Option<Outcome> {
    let elapsed = error.is::<tower::timeout::error::Elapsed>() || error.is::<tokio::time::error::Elapsed>();
    if let Some(io) = error.downcast_ref::<io::Error>() {
        return match io.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::AddrNotAvailable => Some(unsent(Reset::ConnectFailure)),
            // A read from an open connection may fail in the same way.
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable if connecting => {
                Some(unsent(Reset::ConnectFailure))
            }
            ErrorKind::TimedOut if connecting => Some(unsent(Reset::ConnectTimeout)),
            _ => None,
        };
    }
    if connecting {
        // Any other error during a connect means that no connection was made.
        return elapsed.then(|| unsent(Reset::ConnectTimeout));
    }
    if elapsed {
        return Some(Outcome::PerTryTimeout);
    }
    if let Some(hyper) = error.downcast_ref::<hyper::Error>() {
        // hyper cancels what it has not begun to send.
        let (reset, written) = (classify(hyper), !hyper.is_canceled());
        return Some(Outcome::Reset { reset, written });
    }
    error.downcast_ref::<h2::Error>().map(|h2| sent(classify_h2(h2)))
}

const fn unsent(reset: Reset) -> Outcome {
    Outcome::Reset { reset, written: false }
}

const fn sent(reset: Reset) -> Outcome {
    Outcome::Reset { reset, written: true }
}

impl Error {
    /// The mesh's error of the same class; `error` is its cause.
    pub(crate) fn foreign(error: BoxError) -> Self {
        match class_of(&*error) {
            ErrorClass::Attempt(outcome) => Self::attempt(outcome, Some(error)),
            ErrorClass::Overflow => Self::local(LocalReply::overflow()).because(error),
            ErrorClass::Own(own) => {
                let own = own.same();
                own.because(error)
            }
        }
    }

    /// The mesh's error of the same class, without a cause: the caller keeps `error`.
    pub(crate) fn of_foreign(error: &dyn Any) -> Self {
        let class = match error.downcast_ref::<BoxError>() {
            Some(boxed) => class_of(&**boxed),
            None => ErrorClass::Attempt(sent(Reset::ConnectionTermination)),
        };
        match class {
            ErrorClass::Attempt(outcome) => Self::attempt(outcome, None),
            ErrorClass::Overflow => Self::local(LocalReply::overflow()),
            ErrorClass::Own(own) => own.same(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Wrapped(BoxError);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl StdError for Wrapped {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&*self.0)
        }
    }

    fn flags(error: impl Into<BoxError>) -> String {
        let error = Error::from_box(Wrapped(error.into()).into());
        format!("{} {:?}", error.reply().flags, error.outcome())
    }

    #[test]
    fn rt_9_what_a_foreign_error_says_is_read_from_its_causes() {
        let refused = "UF Some(Reset { reset: ConnectFailure, written: false })";
        assert_eq!(flags(io::Error::from(ErrorKind::ConnectionRefused)), refused);
        assert_eq!(flags(io::Error::other(io::Error::from(ErrorKind::ConnectionRefused))), refused);
        let refused = "UR Some(Reset { reset: RemoteRefused, written: true })";
        assert_eq!(flags(h2::Error::from(h2::Reason::REFUSED_STREAM)), refused);
        assert_eq!(flags(io::Error::other(h2::Error::from(h2::Reason::REFUSED_STREAM))), refused);
        assert_eq!(flags(tower::timeout::error::Elapsed::new()), "UT Some(PerTryTimeout)");
        let broken = "UC Some(Reset { reset: ConnectionTermination, written: true })";
        for kind in [ErrorKind::ConnectionReset, ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable] {
            assert_eq!(flags(io::Error::from(kind)), broken);
        }
        assert_eq!(flags("who knows"), broken);
    }

    #[test]
    fn rt_9_what_stood_around_an_error_of_ours_stays_in_the_chain() {
        let inner = Error::local(LocalReply::no_healthy_upstream());
        let error = Error::from_box(Wrapped(inner.into()).into());
        let causes: Vec<_> = std::iter::successors(error.source(), |error| (*error).source()).collect();
        let texts: Vec<_> = causes.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["wrapped", "503 UH no_healthy_upstream"]);
        assert_eq!(error.to_string(), "503 UH no_healthy_upstream");
    }

    #[test]
    fn rt_10_what_was_decided_here_stays_so_however_it_is_wrapped() {
        assert_eq!(flags(tower::load_shed::error::Overloaded::new()), "UO None");
        assert_eq!(flags(Error::local(LocalReply::no_healthy_upstream())), "UH None");
    }
}
