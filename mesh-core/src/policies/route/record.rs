//! Why rules did not match: facts of a lookup that the data path does not use.
//!
//! The lookup is one function, generic over a [`Recorder`]. With `()` it compiles to the bare
//! lookup; with a `Vec<Earlier>` it also records why each earlier rule did not match, so the
//! explanation is that of the real lookup.

use std::sync::Arc;

use super::{Mismatch, Route};

/// Hears of every rule that was tried and did not match.
pub trait Recorder {
    /// `route` did not match because of `why`.
    fn mismatch(&mut self, route: &Arc<Route>, why: Mismatch);
}

impl Recorder for () {
    #[inline]
    fn mismatch(&mut self, _: &Arc<Route>, _: Mismatch) {}
}

/// A rule that came earlier and did not match.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// The rule.
    pub route: Arc<Route>,
    /// The first condition that failed.
    pub why: Mismatch,
}

impl Earlier {
    /// The failed condition in words.
    #[must_use]
    pub fn reason(&self) -> String {
        self.route.matcher.explain(self.why)
    }
}

impl Recorder for Vec<Earlier> {
    fn mismatch(&mut self, route: &Arc<Route>, why: Mismatch) {
        self.push(Earlier { route: Arc::clone(route), why });
    }
}
