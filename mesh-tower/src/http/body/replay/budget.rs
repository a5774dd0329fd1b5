//! The memory that the replay buffers of all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bounds the bytes that all requests of a client or proxy keep together.
///
/// Clones share the count.
#[derive(Clone, Debug)]
pub struct ReplayBudget {
    used: Arc<AtomicUsize>,
    max: usize,
}

impl Default for ReplayBudget {
    /// 64 MiB.
    fn default() -> Self {
        Self { used: Arc::default(), max: 64 << 20 }
    }
}

impl ReplayBudget {
    /// A budget of `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { used: Arc::default(), max }
    }

    /// The number of bytes kept now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn take(&self, bytes: usize) -> bool {
        // Relaxed: a count that orders no other access.
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.max {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        true
    }

    pub(super) fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}
