//! How one call ends, for the detector.

use std::sync::Arc;

use http::{HeaderMap, Response};
use http_body::{Body, Frame};
use mesh_core::outcome::{Outcome, Reset};

use super::watched::Watched;
use crate::body::end::is_last;
use crate::error::{BoxError, Error};
use crate::grpc;
use crate::request::Awaited;
use crate::request::expiry::Clocks;

/// A call whose end is to be reported; one pointer, which goes with the response through every layer.
#[derive(Debug)]
pub(super) struct Report<T: Subject>(T);

/// Whose call it is.
pub(super) trait Subject {
    /// What the call's outcome waits for.
    fn awaited(&self) -> &Awaited;

    /// How it ended that was answered so just now: a timeout, if that is only the end of its time.
    fn judge(&self, outcome: Outcome) -> Outcome;

    /// The error in place of an answer that was judged to be a timeout; `None` where a layer outside makes it.
    fn timed_out(&self, judged: Outcome) -> Option<Error>;

    /// How it ends if it is dropped now; `None` says nothing of the endpoint (OD-2).
    fn ending(&self) -> Option<Outcome>;

    fn record(&self, outcome: Outcome);

    /// All of the response is here.
    fn finish(&self);
}

/// A call of an endpoint's service that is watched by itself.
#[derive(Debug)]
pub(super) struct Alone {
    watched: Arc<Watched>,
    clocks: Clocks,
    awaited: Awaited,
}

impl Alone {
    pub(super) fn report(watched: Arc<Watched>, clocks: Clocks, grpc: bool) -> Report<Box<Self>> {
        Report(Box::new(Self { watched, clocks, awaited: Awaited::new(grpc) }))
    }
}

impl Subject for Box<Alone> {
    fn awaited(&self) -> &Awaited {
        &self.awaited
    }

    fn judge(&self, outcome: Outcome) -> Outcome {
        self.clocks.judge(outcome)
    }

    fn timed_out(&self, _: Outcome) -> Option<Error> {
        None
    }

    fn ending(&self) -> Option<Outcome> {
        Some(self.clocks.ending())
    }

    fn record(&self, outcome: Outcome) {
        self.watched.record(&outcome);
    }

    fn finish(&self) {}
}

impl<T: Subject> Report<T> {
    pub(super) const fn new(subject: T) -> Self {
        Self(subject)
    }

    pub(super) const fn subject(&self) -> &T {
        &self.0
    }

    /// The head is here; the outcome too, unless it stands in trailers. An error takes the place of an answer that only
    /// says that the time is up.
    pub(super) fn head<B>(&self, response: &Response<B>) -> Result<(), Error> {
        let (status, awaited) = (response.status(), self.0.awaited());
        match grpc::outcome_of_head(awaited.is_grpc(), status, response.headers()) {
            Some(outcome) => self.answered(outcome),
            None => {
                awaited.set(Some(status));
                Ok(())
            }
        }
    }

    /// The body has ended, with these trailers; an error as for the [head](Self::head).
    pub(super) fn trailers(&self, trailers: Option<&HeaderMap>) -> Result<(), Error> {
        let Some(status) = self.0.awaited().status() else { return Ok(()) };
        let grpc = trailers.and_then(grpc::status);
        self.answered(Outcome::Response { status, grpc, in_trailers: true })
    }

    /// The body has ended without trailers.
    pub(super) fn whole(&self) {
        // There is no status that could be a timeout's.
        let _ = self.trailers(None);
        self.0.finish();
    }

    /// It ended so; `None` says nothing of the endpoint (OD-2).
    pub(super) fn ended(&self, outcome: Option<Outcome>) {
        self.0.awaited().set(None);
        if let Some(outcome) = outcome {
            self.0.record(outcome);
        }
    }

    fn answered(&self, outcome: Outcome) -> Result<(), Error> {
        let judged = self.0.judge(outcome);
        let timed_out = self.0.timed_out(judged);
        self.ended(Some(judged));
        timed_out.map_or(Ok(()), Err)
    }
}

impl<T: Subject> Drop for Report<T> {
    fn drop(&mut self) {
        if self.0.awaited().status().is_some() {
            self.ended(self.0.ending());
        }
    }
}

/// What was just read of the body, for the report if it is the last; an error takes the place of trailers that only
/// say that the time is up.
pub(super) fn read<T: Subject, B: Body>(
    report: &mut Option<Report<T>>,
    read: &Option<Result<Frame<B::Data>, B::Error>>,
    body: &B,
    broken: impl FnOnce(&B::Error) -> Outcome,
) -> Result<(), Error> {
    if report.is_none() || !is_last(read, body) {
        return Ok(());
    }
    // The end of its body is not the end of a tunnel.
    if read.is_none() && report.as_ref().is_some_and(|report| report.0.awaited().is_tunnel()) {
        return Ok(());
    }
    let Some(report) = report.take() else { return Ok(()) };
    match read {
        Some(Ok(frame)) => {
            let judged = report.trailers(frame.trailers_ref());
            report.subject().finish();
            judged
        }
        Some(Err(error)) => {
            report.ended(Some(broken(error)));
            Ok(())
        }
        None => {
            report.whole();
            Ok(())
        }
    }
}

/// A body that broke off, where nothing more is known of it.
pub(super) const BROKEN: Outcome = Outcome::Reset { reset: Reset::ConnectionTermination, written: true };

/// How a body broke off, by its error.
pub(super) fn broken(error: &BoxError) -> Outcome {
    error.downcast_ref::<Error>().and_then(Error::outcome).unwrap_or(BROKEN)
}
