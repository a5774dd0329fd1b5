//! What bounds one call.

use http::{HeaderMap, StatusCode, response};
use mesh_core::outcome::Outcome;

use super::timer::Timer;
use crate::error::Error;
use crate::grpc;
use crate::told::Told;

/// Goes with the response through every layer, so that it is no larger than the timer that most bounds are.
#[derive(Debug)]
pub(super) enum Bound {
    /// Nothing.
    Free,
    /// The time.
    Timed(Timer),
    /// The time, of which the endpoint was told and which it may end itself.
    Told(Box<(Timer, Told)>),
}

impl Bound {
    pub(super) fn new(timer: Option<Timer>, told: Option<Told>) -> Self {
        match (timer, told) {
            (None, _) => Self::Free,
            (Some(timer), None) => Self::Timed(timer),
            (Some(timer), Some(told)) => Self::Told(Box::new((timer, told))),
        }
    }

    pub(super) fn timer(&mut self) -> Option<&mut Timer> {
        match self {
            Self::Free => None,
            Self::Timed(timer) => Some(timer),
            Self::Told(told) => Some(&mut told.0),
        }
    }

    /// What bounds the body of this response; an error if the response only says that the time is up.
    pub(super) fn of_body(self, response: &response::Parts) -> Result<Self, Error> {
        let Self::Told(told) = self else { return Ok(self) };
        match grpc::outcome_of_head(true, response.status, &response.headers) {
            None => Ok(Self::Told(told)),
            Some(outcome) => match told.1.timed_out(outcome) {
                Some(error) => Err(error),
                None => Ok(Self::Timed(told.0)),
            },
        }
    }

    /// An error in place of trailers that only say that the time is up.
    pub(super) fn trailers(&self, trailers: &HeaderMap) -> Option<Error> {
        let Self::Told(told) = self else { return None };
        let (status, grpc) = (StatusCode::OK, grpc::status(trailers));
        told.1.timed_out(Outcome::Response { status, grpc, in_trailers: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_most_calls_have_not_makes_it_no_larger() {
        assert_eq!(size_of::<Bound>(), size_of::<Option<Timer>>());
    }
}
