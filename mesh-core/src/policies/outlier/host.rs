//! The outlier state of one endpoint.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::counters::Counters;

/// Why a host was ejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Errors in a row.
    Consecutive5xx,
    /// Gateway errors in a row.
    ConsecutiveGateway,
    /// Local failures in a row.
    ConsecutiveLocal,
}

impl Reason {
    /// Envoy's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consecutive5xx => "consecutive_5xx",
            Self::ConsecutiveGateway => "consecutive_gateway_failure",
            Self::ConsecutiveLocal => "consecutive_local_origin_failure",
        }
    }
}

/// The outlier state of one endpoint, shared by all threads; it belongs to the endpoint and
/// survives updates of the set (LB-17).
#[derive(Debug, Default)]
pub struct HostState {
    pub(super) counters: Counters,
    /// A copy of `history.ejection.is_some()` that is read without the lock. Relaxed: readers
    /// act on the flag alone.
    pub(super) ejected: AtomicBool,
    history: Mutex<History>,
}

/// Changes only when a host is ejected, taken back, or at a tick.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct History {
    pub(super) ejection: Option<Ejection>,
    pub(super) returned_at: Option<Instant>,
    pub(super) multiplier: u32,
    pub(super) ejections: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Ejection {
    pub(super) until: Instant,
    pub(super) reason: Reason,
}

impl HostState {
    /// A host without history.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it is left out now.
    #[must_use]
    pub fn is_ejected(&self) -> bool {
        self.ejected.load(Relaxed)
    }

    /// When its ejection is over; it returns at the first tick after that. `None` in service.
    #[must_use]
    pub fn ejected_until(&self) -> Option<Instant> {
        self.history().ejection.map(|ejection| ejection.until)
    }

    /// Why it is left out; `None` in service.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.history().ejection.map(|ejection| ejection.reason)
    }

    /// How often it was ejected.
    #[must_use]
    pub fn ejections(&self) -> u32 {
        self.history().ejections
    }

    /// Errors in a row: 5xx, gateway, local.
    #[must_use]
    pub fn errors(&self) -> [u32; 3] {
        self.counters.values()
    }

    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        // The history is valid between any two of its assignments.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
