//! Where the edges get the time from.
//!
//! Decisions take `now` as an argument; only the adapters own a clock. The trait stands here so
//! that the test kit and the adapters agree on its shape.

use std::time::Instant;

/// A source of monotonic time.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Instant;
}

/// A clock that moves only when told to.
#[cfg(any(test, feature = "test-util"))]
#[derive(Debug)]
pub struct ManualClock {
    origin: Instant,
    offset: std::sync::Mutex<std::time::Duration>,
}

#[cfg(any(test, feature = "test-util"))]
#[expect(clippy::disallowed_methods, reason = "a test clock needs one real instant to count from")]
impl Default for ManualClock {
    fn default() -> Self {
        Self { origin: Instant::now(), offset: std::sync::Mutex::default() }
    }
}

#[cfg(any(test, feature = "test-util"))]
impl ManualClock {
    /// Moves the clock forward.
    ///
    /// # Panics
    /// If another thread panicked while moving it.
    pub fn advance(&self, by: std::time::Duration) {
        *self.offset.lock().expect("not poisoned") += by;
    }
}

#[cfg(any(test, feature = "test-util"))]
impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.origin + *self.offset.lock().expect("not poisoned")
    }
}
