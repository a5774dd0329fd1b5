//! The clock and the random source of the layers.
//!
//! The clock is tokio's, so that a test with a paused clock drives the `std` instants of the pure policies.

use std::time::Instant;

use mesh_core::rng::Rng;

/// The current instant by tokio's clock.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A fast generator (wyrand), seedable; not for secrets.
#[derive(Clone, Debug)]
pub struct FastRng(fastrand::Rng);

impl FastRng {
    /// A generator with a random seed.
    #[must_use]
    pub fn new() -> Self {
        Self(fastrand::Rng::new())
    }

    /// A generator that always yields the same numbers.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }
}

impl Default for FastRng {
    fn default() -> Self {
        Self::new()
    }
}

impl Rng for FastRng {
    fn next_u64(&mut self) -> u64 {
        self.0.u64(..)
    }
}

/// A random source; its clones share it, and so do the clones of a layer. Tests seed it (OU-1).
#[derive(Clone, Debug, Default)]
pub struct SharedRng(std::sync::Arc<std::sync::Mutex<FastRng>>);

impl SharedRng {
    /// A source that always yields the same numbers.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(std::sync::Arc::new(std::sync::Mutex::new(FastRng::seeded(seed))))
    }

    /// Calls `draw` with the generator, under the lock.
    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut FastRng) -> T) -> T {
        draw(&mut self.0.lock().expect("no panic while drawing"))
    }
}
