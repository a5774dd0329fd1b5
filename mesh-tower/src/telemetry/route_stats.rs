//! Counters of rules with a `statPrefix` (VM-9).
//!
//! They have Envoy's names for a route's counters after `route_<prefix>_`. Like Envoy's router they count requests that
//! go to a destination, not those that end earlier, in a fault or in the answer to a preflight.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use mesh_core::decision::Decision;
use mesh_core::reply::Flag;
use mesh_core::route::Action;
use metrics::{Counter, Key, Level, Metadata, with_recorder};

/// The most prefixes whose handles are kept. Prefixes come from the configuration, and reloads may change them.
const CAP: usize = 1_000;

static METADATA: Metadata<'static> = Metadata::new("mesh_tower::telemetry", Level::INFO, None);

/// The handles that one layer has used.
#[derive(Debug, Default)]
pub(super) struct RouteStats(RwLock<HashMap<Arc<str>, Arc<Counters>>>);

struct Counters {
    total: Counter,
    completed: Counter,
    /// By the first digit of the status, from 1.
    classes: [Counter; 5],
    timeout: Counter,
    retry: Counter,
}

impl RouteStats {
    /// Counts a request that has ended with this status; 0 stands for no status.
    pub(super) fn report(&self, decision: &Decision, code: u16) {
        let Some(route) = &decision.route else { return };
        let Some(prefix) = &route.stat_prefix else { return };
        let forwarded = matches!(route.action, Action::Forward(_) | Action::Passthrough)
            && !decision.flags.has(Flag::FaultInjected)
            && decision.details != "cors_response";
        if forwarded {
            self.counters(prefix).count(decision, code);
        }
    }

    fn counters(&self, prefix: &Arc<str>) -> Arc<Counters> {
        if let Some(counters) = self.0.read().expect("no panic while handles are looked up").get(prefix) {
            return counters.clone();
        }
        let counters = Arc::new(Counters::new(prefix));
        let mut known = self.0.write().expect("no panic while handles are kept");
        if known.len() >= CAP {
            known.clear();
        }
        known.insert(prefix.clone(), counters.clone());
        counters
    }
}

impl Counters {
    fn new(prefix: &str) -> Self {
        let legal = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
        let prefix: String = prefix.chars().map(legal).collect();
        with_recorder(|recorder| {
            let counter = |name: &str| {
                let key = Key::from_name(format!("route_{prefix}_upstream_rq_{name}"));
                recorder.register_counter(&key, &METADATA)
            };
            Self {
                total: counter("total"),
                completed: counter("completed"),
                classes: ["1xx", "2xx", "3xx", "4xx", "5xx"].map(counter),
                timeout: counter("timeout"),
                retry: counter("retry"),
            }
        })
    }

    fn count(&self, decision: &Decision, code: u16) {
        self.total.increment(1);
        if let Some(class) = usize::from(code / 100).checked_sub(1).and_then(|class| self.classes.get(class))
        {
            self.completed.increment(1);
            class.increment(1);
        }
        if decision.flags.has(Flag::UpstreamRequestTimeout) {
            self.timeout.increment(1);
        }
        self.retry.increment(decision.attempt_count.saturating_sub(1).into());
    }
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counters").finish_non_exhaustive()
    }
}
