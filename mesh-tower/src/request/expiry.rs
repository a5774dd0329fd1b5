//! Whether the time of a request was up when it was dropped, or answered, for those who judge endpoints by it (OD-2).
//!
//! A timeout ends a call by dropping it, and so does a caller that leaves. Only the first says something of the
//! endpoint; whoever drops a call because its time is up says so first. In the stack the decision record says it.
//! A layer that is used alone looks here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Extensions;
use mesh_core::outcome::Outcome;

use super::record::Record;
use super::told::Told;

/// The time of one try, an extension of its request; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expiry(Arc<AtomicBool>);

impl Expiry {
    pub(crate) fn expire(&self) {
        // Relaxed: who reads it is told by the task that dropped the call, after this.
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What may say of a request that its time is up.
#[derive(Clone, Debug)]
pub(crate) struct Clocks {
    whole: Option<Record>,
    of_try: Option<Expiry>,
    told: Option<Told>,
}

impl Clocks {
    /// Those of the request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        let whole = Record::of(extensions).cloned();
        Self { whole, of_try: extensions.get().cloned(), told: extensions.get().cloned() }
    }

    /// How a call ended that was answered so just now.
    pub(crate) fn judge(&self, outcome: Outcome) -> Outcome {
        self.told.as_ref().map_or(outcome, |told| told.judge(outcome))
    }

    /// How a call ends that is dropped now.
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
