//! How an endpoint is picked, as compiled (LB-1).

use std::time::Duration;

/// How an endpoint is picked (LB-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BalancePolicy {
    /// The one with fewer requests under way.
    #[default]
    LeastRequest,
    /// In turn.
    RoundRobin,
    /// By chance.
    Random,
    /// The one of two that answers faster, by its [`Latency`](super::Latency). Istio's API cannot say it.
    PeakEwma {
        /// How fast the past is forgotten.
        decay: Duration,
    },
    /// By a hash of the request, on a [`Ring`](super::Ring) of at least so many points (LB-7).
    RingHash {
        /// Fewest points.
        minimum: u64,
    },
    /// By a hash of the request, in a [`Maglev`](super::Maglev) table of so many slots (LB-8).
    Maglev {
        /// Slots; a prime.
        size: u64,
    },
    /// None: the address that the caller dialled, or named.
    Passthrough,
}

impl BalancePolicy {
    /// Peak EWMA that forgets as fast as Finagle's does by default.
    #[must_use]
    pub const fn peak_ewma() -> Self {
        Self::PeakEwma { decay: super::Latency::DECAY }
    }

    /// Whether the same key goes to the same host.
    #[must_use]
    pub const fn is_hash(self) -> bool {
        matches!(self, Self::RingHash { .. } | Self::Maglev { .. })
    }
}
