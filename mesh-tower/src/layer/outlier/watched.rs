//! An endpoint's service that is watched by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mesh_core::outcome::Outcome;
use mesh_core::outlier::{Detector, Event, HostState};
use tokio::runtime::Handle;

use crate::clock::now;

/// The endpoint, and how it is watched; shared by the clones of its service.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) host: Arc<HostState>,
    pub(super) detector: Arc<Detector>,
    pub(super) hosts: usize,
    /// Whether a task ends its ejections. One that never was ejected needs none.
    ticking: Arc<AtomicBool>,
}

impl Watched {
    pub(super) fn new(detector: Arc<Detector>, hosts: usize) -> Self {
        Self { host: Arc::default(), detector, hosts, ticking: Arc::default() }
    }

    pub(super) fn record(&self, outcome: &Outcome) {
        let event = self.detector.record(&self.host, outcome, self.hosts, now());
        if matches!(event, Some(Event::Ejected { .. })) {
            self.tick();
        }
    }

    /// Starts the task if none runs. Where there is no runtime, as for what is dropped outside of one, the next
    /// ejection tries again.
    fn tick(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        // Relaxed: who gets `false` starts the one task; nothing else is ordered by it.
        if self.ticking.swap(true, Ordering::Relaxed) {
            return;
        }
        let ticking = Ticking(self.ticking.clone());
        let (host, detector) = (Arc::downgrade(&self.host), self.detector.clone());
        runtime.spawn(async move {
            let _ticking = ticking;
            loop {
                tokio::time::sleep(detector.policy().interval).await;
                let Some(host) = host.upgrade() else { return };
                detector.tick_one(&host, now());
            }
        });
    }
}

/// While the task lives; its runtime may end before the endpoint does.
struct Ticking(Arc<AtomicBool>);

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
