//! One of a service's active requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts as an active request until dropped.
#[derive(Debug)]
pub struct Active(Arc<AtomicU32>);

impl Active {
    pub(super) fn begin(count: Arc<AtomicU32>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
