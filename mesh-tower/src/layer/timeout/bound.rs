//! The bounds of one call.

use http::{StatusCode, response};
use http_body::Frame;
use mesh_core::outcome::Outcome;

use super::timer::Timer;
use crate::error::Error;
use crate::grpc;
use crate::request::announced::Announcement;

/// The timer of a bounded call, and its announcement to the endpoint where this layer judges by it.
///
/// One pointer: it travels with the response through every layer, and most calls have no bound.
#[derive(Debug, Default)]
pub(super) struct Bound(Option<Box<(Timer, Option<Announcement>)>>);

impl Bound {
    /// No bound.
    pub(super) const FREE: Self = Self(None);

    pub(super) fn new(timer: Option<Timer>, announced: Option<Announcement>) -> Self {
        Self(timer.map(|timer| Box::new((timer, announced))))
    }

    pub(super) const fn is_free(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn timer(&mut self) -> Option<&mut Timer> {
        self.0.as_deref_mut().map(|(timer, _)| timer)
    }

    /// The bound of this response's body; an error if the response only reports that the time is up.
    pub(super) fn of_body(mut self, response: &response::Parts) -> Result<Self, Error> {
        if let Some((_, announced)) = self.0.as_deref_mut()
            && let Some(before) = announced
            && let Some(outcome) = grpc::outcome_of_head(true, response.status, &response.headers)
        {
            if let Some(error) = before.timed_out(outcome) {
                return Err(error);
            }
            *announced = None;
        }
        Ok(self)
    }

    /// Ends a call whose time is up.
    pub(super) fn expire(&mut self) -> Error {
        self.timer().expect("only the time of a bounded call is ever up").expire()
    }

    /// The error in place of trailers that only report that the time is up.
    pub(super) fn refuses<D>(&self, frame: &Frame<D>) -> Option<Error> {
        let announced = self.0.as_deref()?.1.as_ref()?;
        let (status, grpc) = (StatusCode::OK, grpc::status(frame.trailers_ref()?));
        announced.timed_out(Outcome::Response { status, grpc, in_trailers: true })
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
