//! How the requests under a fault are counted.

use std::sync::Arc;

use mesh_core::fault::ActiveFaults;

/// A request's place among those under a fault.
#[derive(Debug)]
pub(super) struct ActiveFault(pub(super) Arc<ActiveFaults>);

impl Drop for ActiveFault {
    fn drop(&mut self) {
        self.0.release();
    }
}
