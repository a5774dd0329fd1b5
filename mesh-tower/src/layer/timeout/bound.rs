//! What bounds one call.

use http::{StatusCode, response};
use http_body::Frame;
use mesh_core::outcome::Outcome;

use super::timer::Timer;
use crate::error::Error;
use crate::grpc;
use crate::request::told::Told;

/// The time, if it is bounded, and what the endpoint was told of it where that is judged here.
///
/// One pointer: it goes with the response through every layer, and most calls have no bound.
#[derive(Debug, Default)]
pub(super) struct Bound(Option<Box<(Timer, Option<Told>)>>);

impl Bound {
    /// Nothing is bounded.
    pub(super) const FREE: Self = Self(None);

    pub(super) fn new(timer: Option<Timer>, told: Option<Told>) -> Self {
        Self(timer.map(|timer| Box::new((timer, told))))
    }

    pub(super) const fn is_free(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn timer(&mut self) -> Option<&mut Timer> {
        self.0.as_deref_mut().map(|(timer, _)| timer)
    }

    /// What bounds the body of this response; an error if the response only says that the time is up.
    pub(super) fn of_body(mut self, response: &response::Parts) -> Result<Self, Error> {
        if let Some((_, told)) = self.0.as_deref_mut()
            && let Some(before) = told
            && let Some(outcome) = grpc::outcome_of_head(true, response.status, &response.headers)
        {
            if let Some(error) = before.timed_out(outcome) {
                return Err(error);
            }
            *told = None;
        }
        Ok(self)
    }

    /// Ends the call; for where the time is known to be up.
    pub(super) fn expire(&mut self) -> Error {
        self.timer().expect("it is bounded, or its time would not be up").expire()
    }

    /// An error in place of trailers that only say that the time is up.
    pub(super) fn refuses<D>(&self, frame: &Frame<D>) -> Option<Error> {
        let told = self.0.as_deref()?.1.as_ref()?;
        let (status, grpc) = (StatusCode::OK, grpc::status(frame.trailers_ref()?));
        told.timed_out(Outcome::Response { status, grpc, in_trailers: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_pointer() {
        assert_eq!(size_of::<Bound>(), size_of::<usize>());
    }
}
