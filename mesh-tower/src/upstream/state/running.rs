//! The process-wide state of a destination.

mod admission;
mod gauges;
mod outcomes;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;
use mesh_core::circuit::Limits;
use mesh_core::endpoint::{Address, Endpoint};
use mesh_core::outlier::Detector;
use mesh_core::plan::ClusterPlan;
use mesh_core::retry::{Budget, BudgetPolicy, Recent};

pub(crate) use self::admission::{ConnectionPermit, Retrying};
use super::health_check_trigger::{HealthCheckTrigger, TriggerOnDrop};
use super::{Host, Hosts, Stats};
use crate::clock::now;
use crate::upstream::discover::{Endpoints, Following};

/// A running destination; see the [module](super).
#[derive(Debug)]
pub struct Cluster {
    plan: Arc<ClusterPlan>,
    limits: Arc<Limits>,
    /// `None` where Istio's running behaviour was asked for (CB-10).
    budget: Option<Budget>,
    /// Requests begun lately, where the retry budget counts them (CB-8).
    recent: Option<Recent>,
    detector: Option<Detector>,
    hosts: ArcSwap<Hosts>,
    /// Held while the set of hosts is replaced, so that two updates do not lose one another.
    update: Mutex<u64>,
    /// Made when a request first uses the cluster.
    stats: OnceLock<Box<Stats>>,
    /// Of the task that asks the endpoints; `None` without active health checks.
    trigger: Option<TriggerOnDrop>,
    /// The names that its endpoints come from, if they do.
    following: OnceLock<Arc<Following>>,
    /// Whether the source of the plan has pushed its endpoints, rather than the plan listing them.
    is_pushed: AtomicBool,
}

/// The hosts by their addresses.
fn by_address(hosts: &Hosts) -> HashMap<&Address, &Host> {
    hosts.list().iter().map(|host| (&host.endpoint().address, host)).collect()
}

/// The counter that the retry budget needs, if its interval is not zero.
fn recent(plan: &ClusterPlan) -> Option<Recent> {
    let interval = plan.circuit.retry_budget.as_ref()?.interval;
    (!interval.is_zero()).then(|| Recent::new(interval, now()))
}

impl Cluster {
    pub(crate) fn new(plan: Arc<ClusterPlan>, endpoints: &[Arc<Endpoint>], istio_runtime: bool) -> Self {
        let cluster = Self {
            limits: Arc::default(),
            budget: (!istio_runtime).then(|| Budget::new(BudgetPolicy::default(), now())),
            recent: recent(&plan),
            detector: plan.outlier.clone().map(Detector::new),
            hosts: ArcSwap::default(),
            update: Mutex::new(0),
            stats: OnceLock::new(),
            trigger: plan.health.as_ref().map(|_| TriggerOnDrop::default()),
            following: OnceLock::new(),
            is_pushed: AtomicBool::new(false),
            plan,
        };
        cluster.update_endpoints(endpoints);
        cluster
    }

    /// The policy.
    #[must_use]
    pub fn plan(&self) -> &Arc<ClusterPlan> {
        &self.plan
    }

    /// The endpoints now.
    #[must_use]
    pub fn hosts(&self) -> Arc<Hosts> {
        self.hosts.load_full()
    }

    pub(crate) fn health_check_trigger(&self) -> Option<&Arc<HealthCheckTrigger>> {
        self.trigger.as_ref().map(TriggerOnDrop::trigger)
    }

    pub(crate) fn load_hosts(&self) -> arc_swap::Guard<Arc<Hosts>> {
        self.hosts.load()
    }

    /// Circuit limits, with what is in use.
    #[must_use]
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// Counters. The first call registers all of them with the metrics recorder of the calling thread.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        self.stats.get_or_init(|| Box::new(Stats::new(&self.plan.name)))
    }

    /// Replaces the endpoints; those whose address stays keep their state (LB-17).
    pub(crate) fn update_endpoints(&self, endpoints: &[Arc<Endpoint>]) {
        let unchanged = |hosts: &Hosts| {
            hosts.list().len() == endpoints.len()
                && hosts.list().iter().zip(endpoints).all(|(host, endpoint)| host.endpoint() == endpoint)
        };
        if unchanged(&self.hosts.load()) {
            return;
        }
        self.replace(|before| {
            let known = by_address(before);
            let host = |endpoint: &Arc<Endpoint>| match known.get(&endpoint.address) {
                Some(host) => host.updated(endpoint.clone()),
                None => Host::new(endpoint.clone()),
            };
            Some(endpoints.iter().map(host).collect())
        });
    }

    /// Replaces the endpoints by those that the source of the plan pushes. What a plan lists counts no more.
    pub(crate) fn push_endpoints(&self, endpoints: &[Arc<Endpoint>]) {
        // Read under the lock of the configuration alone, as this is.
        self.is_pushed.store(true, Ordering::Relaxed);
        self.update_endpoints(endpoints);
    }

    /// The endpoints that were pushed, if any were.
    pub(crate) fn pushed(&self) -> Option<Vec<Arc<Endpoint>>> {
        let all = || self.hosts.load().list().iter().map(|host| host.endpoint().clone()).collect();
        self.is_pushed.load(Ordering::Relaxed).then(all)
    }

    /// Has one endpoint alone, which is the same host wherever it moves (SE-7, `DNS_ROUND_ROBIN`).
    pub(crate) fn move_endpoint(&self, endpoint: &Arc<Endpoint>) {
        if let [host] = self.hosts.load().list()
            && host.endpoint() == endpoint
        {
            return;
        }
        self.replace(|hosts| {
            let moved = hosts.list().first().map(|host| host.updated(endpoint.clone()));
            Some(vec![moved.unwrap_or_else(|| Host::new(endpoint.clone()))])
        });
    }

    /// Sets the names that the endpoints come from; once.
    pub(crate) fn set_following(&self, following: Arc<Following>) {
        let _: Result<(), _> = self.following.set(following);
    }

    pub(crate) fn following(&self) -> Option<&Arc<Following>> {
        self.following.get()
    }

    /// Takes over the state of hosts that an earlier cluster of the same name had, and its rows of metrics.
    pub(crate) fn inherit(&self, earlier: &Self) {
        if let Some(stats) = earlier.stats.get() {
            let _: Result<(), _> = self.stats.set(stats.clone());
        }
        let before = earlier.hosts.load_full();
        if self.plan.health.is_some() != earlier.plan.health.is_some() {
            // Checks have begun or ended with the new policy: earlier findings do not count.
            for host in before.list() {
                host.checks().forget();
            }
        }
        let known = by_address(&before);
        self.replace(|hosts| {
            let adopt = |host: &Host| {
                let same = known.get(&host.endpoint().address);
                same.map_or_else(|| host.clone(), |known| known.updated(host.endpoint().clone()))
            };
            Some(hosts.list().iter().map(adopt).collect())
        });
    }

    /// Builds the next snapshot from this one: endpoints, or their health, have changed.
    fn replace(&self, list: impl FnOnce(&Hosts) -> Option<Vec<Host>>) {
        let mut generation = self.update.lock().expect("no panic while hosts are replaced");
        let before = self.hosts.load_full();
        *generation += 1;
        let hosts = match list(&before) {
            Some(list) => {
                // Those that have left no longer count as ejected (OD-6).
                if let Some(detector) = &self.detector {
                    detector.adopt(list.iter().map(Host::outlier));
                }
                Hosts::build(*generation, list, &self.plan, &before)
            }
            None => before.rebuild(*generation, &self.plan),
        };
        self.hosts.store(Arc::new(hosts));
        if let Some(trigger) = self.health_check_trigger() {
            trigger.fire();
        }
    }
}

impl Endpoints for Cluster {
    fn replace_all(&self, all: &[Arc<Endpoint>]) {
        self.update_endpoints(all);
    }

    fn move_to(&self, one: &Arc<Endpoint>) {
        self.move_endpoint(one);
    }
}
