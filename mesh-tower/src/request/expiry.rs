//! Whether the time of a request was up when the request was dropped or answered (OD-2).
//!
//! A timeout ends a call by dropping it, and so does a caller that leaves. Only the timeout counts against the endpoint.
//! So the layer that drops a call because its time is up marks it first. In the stack the decision record holds the mark;
//! the layers that are used alone read it here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Extensions;
use mesh_core::outcome::Outcome;

use super::announced::Announcement;
use super::record::Record;

/// The time of one try, an extension of its request; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expiry(Arc<AtomicBool>);

impl Expiry {
    pub(crate) fn expire(&self) {
        // Relaxed: the same task marks the call, drops it and so runs the reader.
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The marks that say whether the time of a request is up.
#[derive(Clone, Debug)]
pub(crate) struct Clocks {
    whole: Option<Record>,
    of_try: Option<Expiry>,
    announced: Option<Announcement>,
}

impl Clocks {
    /// The marks of the request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        let whole = Record::of(extensions).cloned();
        Self { whole, of_try: extensions.get().cloned(), announced: extensions.get().cloned() }
    }

    /// Judges a call whose answer has just arrived with this outcome.
    pub(crate) fn judge(&self, outcome: Outcome) -> Outcome {
        self.announced.as_ref().map_or(outcome, |announced| announced.judge(outcome))
    }

    /// The outcome of a call that is dropped now.
    pub(crate) fn ending(&self) -> Outcome {
        if self.whole.as_ref().is_some_and(Record::is_time_up) {
            Outcome::Timeout
        } else if self.of_try.as_ref().is_some_and(|expiry| expiry.0.load(Ordering::Relaxed)) {
            Outcome::PerTryTimeout
        } else {
            Outcome::Cancelled
        }
    }
}
