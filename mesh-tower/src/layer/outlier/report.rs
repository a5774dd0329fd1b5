//! What is reported of one call, to the detector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, Response, StatusCode};
use mesh_core::outcome::Outcome;
use mesh_core::outlier::{Detector, Event, HostState};
use tokio::runtime::Handle;

use crate::clock::now;
use crate::grpc;
use crate::request::expiry::Clocks;

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

    fn record(&self, outcome: &Outcome) {
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

/// A call whose end is to be reported.
#[derive(Debug)]
pub(super) struct Report {
    watched: Arc<Watched>,
    clocks: Clocks,
    grpc: bool,
    /// Whether an outcome is still to come, and the status of the response that it is for.
    awaited: Option<StatusCode>,
}

impl Report {
    pub(super) const fn new(watched: Arc<Watched>, clocks: Clocks, grpc: bool) -> Self {
        Self { watched, clocks, grpc, awaited: Some(StatusCode::OK) }
    }

    /// The head is here; the outcome too, unless it stands in trailers.
    pub(super) fn head<B>(&mut self, response: &Response<B>) {
        let status = response.status();
        match grpc::outcome_of_head(self.grpc, status, response.headers()) {
            Some(outcome) => self.ended(Some(self.clocks.judge(outcome))),
            None => self.awaited = Some(status),
        }
    }

    /// The body has ended, with these trailers.
    pub(super) fn trailers(&mut self, trailers: Option<&HeaderMap>) {
        if let Some(status) = self.awaited {
            let grpc = trailers.and_then(grpc::status);
            let outcome = Outcome::Response { status, grpc, in_trailers: true };
            self.ended(Some(self.clocks.judge(outcome)));
        }
    }

    /// It ended so; `None` says nothing of the endpoint (OD-2).
    pub(super) fn ended(&mut self, outcome: Option<Outcome>) {
        self.awaited = None;
        if let Some(outcome) = outcome {
            self.watched.record(&outcome);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if self.awaited.is_some() {
            let outcome = self.clocks.ending();
            self.ended(Some(outcome));
        }
    }
}
