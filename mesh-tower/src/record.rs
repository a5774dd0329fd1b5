//! The decision record of a request on its way.
//!
//! Telemetry, outermost, makes it and reads it at the end; the layers between note what they
//! decide. It is shared, not passed along, because a request may end by being dropped.

use std::sync::{Arc, Mutex};

use http::{Extensions, Request};
use mesh_core::decision::Decision;
use mesh_core::headers::Survey;

use crate::route::Matched;

/// A shared [`Decision`].
///
/// Who wants to read it afterwards makes one and gives it to the request as an extension; else telemetry
/// makes one. Clones share the record. The lock is uncontended: one request is in one layer at a time.
#[derive(Clone, Debug, Default)]
pub struct Record(Arc<Mutex<Decision>>);

impl Record {
    /// Notes something.
    pub(crate) fn note<T>(&self, note: impl FnOnce(&mut Decision) -> T) -> T {
        note(&mut self.0.lock().expect("no panic while a record is noted"))
    }

    /// What has been decided so far.
    #[must_use]
    pub fn decision(&self) -> Decision {
        self.note(|decision| decision.clone())
    }

    /// The record of the request with these extensions.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        match extensions.get() {
            Some(Slot::Recorded(record, _)) => Some(record),
            Some(Slot::Routed(matched)) => Some(matched.record()),
            Some(Slot::Empty) | None => extensions.get(),
        }
    }

    /// The record of a new request: its caller's if there is one, and found from here on.
    pub(crate) fn begin(extensions: &mut Extensions) -> Self {
        let record = extensions.get::<Self>().cloned().unwrap_or_default();
        extensions.insert(Slot::Recorded(record.clone(), None));
        record
    }
}

/// What the stack knows of a request on its way: the one extension that it makes.
///
/// One for both, because each extension is an allocation and each question a lookup.
#[derive(Clone, Debug, Default)]
pub(crate) enum Slot {
    /// Taken out by who acted on it.
    #[default]
    Empty,
    /// There is a record, and perhaps a look at the headers; no route yet.
    Recorded(Record, Option<Survey>),
    /// The route, with the record.
    Routed(Matched),
}

impl Slot {
    /// What was found in the headers, for the route layer to know.
    pub(crate) fn surveyed(extensions: &mut Extensions, survey: Survey) {
        if let Some(Self::Recorded(_, seen)) = extensions.get_mut() {
            *seen = Some(survey);
        }
    }

    /// What was found in the headers, by now or earlier.
    pub(crate) fn survey<B>(request: &Request<B>) -> Survey {
        match request.extensions().get() {
            Some(Self::Recorded(_, Some(survey))) => *survey,
            _ => Survey::of(request.headers()),
        }
    }
}
