//! The balancer's view of one host, and of a whole set, before candidates are sorted out.

use std::time::Instant;

use super::WarmUp;

/// One host as the balancer sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostView {
    /// Share of traffic; at least 1.
    pub weight: u32,
    /// Whether it is in service: neither ejected nor failing its health check.
    pub healthy: bool,
    /// Whether its first health check is still to come while others are known to be well: it is not in
    /// service, but not ill either, and counts for nothing in LB-12 to LB-14 unless all hosts are used.
    pub awaited: bool,
    /// Where it stands, seen from here; `None` where the distribution leaves it out (LB-12).
    pub place: Option<Place>,
    /// Since when it has been in service; counts where hosts warm up (LB-15).
    pub since: Option<Instant>,
}

impl HostView {
    /// A host of the first priority. A weight of 0 counts as 1.
    #[must_use]
    pub fn new(weight: u32, healthy: bool) -> Self {
        Self { weight: weight.max(1), healthy, awaited: false, place: Some(Place::default()), since: None }
    }
}

/// Where a host stands, seen from the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its priority: 0 is nearest. No number below the highest is left out.
    pub priority: u32,
    /// Which of [`SetRules::shares`] it belongs to; 0 where there are none.
    pub share: u32,
}

/// Why a host could be picked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Choice {
    /// Its priority.
    pub priority: u32,
    /// The part of the requests that the priority gets, in percent (LB-13).
    pub load: u32,
    /// Whether the priority was in panic, so that its health did not count (LB-14).
    pub panic: bool,
}

/// Settings of a whole set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetRules {
    /// Below this percentage of healthy hosts a priority uses all of its hosts; 0 is never (LB-14).
    pub panic_threshold: u32,
    /// Weights of the groups that [`Place::share`] counts (LB-12); empty is one group.
    pub shares: Vec<u32>,
    /// How new hosts get their share; `None` is at once (LB-15).
    pub warm_up: Option<WarmUp>,
}
