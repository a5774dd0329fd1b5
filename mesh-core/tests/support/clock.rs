//! Time in tests.

use std::time::{Duration, Instant};

/// A clock that moves only by a call: decisions take `now` as an argument.
#[derive(Debug)]
pub(crate) struct ManualClock {
    origin: Instant,
    offset: std::cell::Cell<Duration>,
}

#[expect(clippy::disallowed_methods, reason = "a test clock needs one real instant to count from")]
impl Default for ManualClock {
    fn default() -> Self {
        Self { origin: Instant::now(), offset: Default::default() }
    }
}

impl ManualClock {
    /// The present instant.
    pub(crate) fn now(&self) -> Instant {
        self.origin + self.offset.get()
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.offset.set(self.offset.get() + by);
    }
}
