//! The decision record of a request on its way.
//!
//! Telemetry, outermost, makes it and reads it at the end; the layers between note what they
//! decide. It is shared, not passed along, because a request may end by being dropped.

use std::sync::{Arc, Mutex};

use mesh_core::decision::Decision;

/// A shared [`Decision`]; an extension of the request.
///
/// Clones share the record. The lock is uncontended: one request is in one layer at a time.
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
}
