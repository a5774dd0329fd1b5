//! Counts the requests under a fault.

use std::sync::Arc;

use mesh_core::fault::ActiveFaults;

/// A request's share of the count; the drop releases it.
#[derive(Debug)]
pub(super) struct ActiveFault(pub(super) Arc<ActiveFaults>);

impl Drop for ActiveFault {
    fn drop(&mut self) {
        self.0.release();
    }
}
