//! The decision record of a request on its way.
//!
//! Telemetry, outermost, makes it and reads it at the end; the layers between note what they
//! decide. It is shared, not passed along, because a request may end by being dropped.

use std::sync::{Arc, Mutex};

use mesh_core::decision::Decision;
use mesh_core::reply::Flag;

/// A shared [`Decision`].
///
/// Who wants to read it afterwards makes one and gives it to the request as an extension; else telemetry
/// makes one. Clones share the record. The lock is uncontended: one request is in one layer at a time.
#[derive(Clone, Debug, Default)]
pub struct Record(Arc<Mutex<Decision>>);

impl Record {
    /// Changes the decision.
    pub(crate) fn note<T>(&self, note: impl FnOnce(&mut Decision) -> T) -> T {
        note(&mut self.0.lock().expect("no panic while a record is noted"))
    }

    /// Notes that the time of the request is up: an attempt that is dropped from now on has timed out; the caller has
    /// not given it up (OD-2).
    pub(crate) fn note_time_up(&self) {
        self.note(|decision| decision.flags.set(Flag::UpstreamRequestTimeout));
    }

    pub(crate) fn is_time_up(&self) -> bool {
        self.note(|decision| decision.flags.has(Flag::UpstreamRequestTimeout))
    }

    /// The decision so far.
    #[must_use]
    pub fn decision(&self) -> Decision {
        self.note(|decision| decision.clone())
    }
}
