//! The decision record of a request on its way.
//!
//! Telemetry, outermost, makes it and reads it at the end; the layers between note what they
//! decide. It is shared, not passed along, because a request may end by being dropped.

use std::sync::{Arc, Mutex};

use http::Extensions;
use mesh_core::decision::Decision;
use mesh_core::headers::Survey;
use mesh_core::reply::Flag;

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

    /// Notes that the time of the request is up: an attempt that is dropped from now on has timed out, and was not
    /// given up by the caller (OD-2).
    pub(crate) fn time_is_up(&self) {
        self.note(|decision| decision.flags.set(Flag::UpstreamRequestTimeout));
    }

    pub(crate) fn is_time_up(&self) -> bool {
        self.note(|decision| decision.flags.has(Flag::UpstreamRequestTimeout))
    }

    /// What has been decided so far.
    #[must_use]
    pub fn decision(&self) -> Decision {
        self.note(|decision| decision.clone())
    }

    /// The record of the request with these extensions.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get().and_then(Slot::record).or_else(|| extensions.get())
    }
}

/// What the stack knows of a request on its way: beside it in a [`Passage`](crate::passage::Passage), or its one
/// extension, because each extension is an allocation and each question a lookup.
#[derive(Clone, Debug, Default)]
pub(crate) enum Slot {
    /// Taken out by who acted on it.
    #[default]
    Empty,
    /// There is a record, and perhaps a look at the headers; no route yet.
    Recorded(Record, Option<Survey>),
    /// The route, with the record; shared with the copy that is kept for a retry.
    Routed(Arc<Matched>),
}

impl Slot {
    pub(crate) fn record(&self) -> Option<&Record> {
        match self {
            Self::Recorded(record, _) => Some(record),
            Self::Routed(matched) => Some(matched.record()),
            Self::Empty => None,
        }
    }

    pub(crate) fn matched(&self) -> Option<&Matched> {
        match self {
            Self::Routed(matched) => Some(matched),
            Self::Recorded(..) | Self::Empty => None,
        }
    }

    pub(crate) fn matched_mut(&mut self) -> Option<&mut Matched> {
        match self {
            Self::Routed(matched) => Some(Arc::make_mut(matched)),
            Self::Recorded(..) | Self::Empty => None,
        }
    }
}
