//! The process-wide state of a destination.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use mesh_core::circuit::{Limits, Permit, Resource};
use mesh_core::endpoint::{Address, Endpoint};
use mesh_core::health::{Finding, State as Health};
use mesh_core::outcome::Outcome;
use mesh_core::outlier::{Detector, Event};
use mesh_core::plan::ClusterPlan;
use mesh_core::retry::{self, Budget, BudgetPolicy, GiveUp, Recent};
use metrics::gauge;

use super::health_check_trigger::{HealthCheckTrigger, TriggerOnDrop};
use super::{Host, Hosts, Stats};
use crate::clock::now;
use crate::upstream::discover::{Endpoints, Following};

/// A running destination; see the [module](super).
#[derive(Debug)]
pub struct Cluster {
    plan: Arc<ClusterPlan>,
    limits: Arc<Limits>,
    /// None where Istio's running behaviour was asked for (CB-10).
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
}

/// A place among the cluster's connections.
pub(crate) type ConnectionPermit = Permit;

/// A retry in flight; its place is freed when this is dropped.
#[derive(Debug)]
pub(crate) struct Retrying(Arc<Limits>);

impl Drop for Retrying {
    fn drop(&mut self) {
        self.0.release_retry();
    }
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

    /// Says which names the endpoints come from; once.
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
            // What nobody asks about any more is no matter, and what was once found is not either.
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

    pub(crate) fn try_request(&self) -> Option<Permit> {
        if let Some(recent) = &self.recent {
            recent.note(now());
        }
        let permit = Permit::try_take(&self.limits, Resource::Requests, &self.plan.circuit);
        if permit.is_none() {
            self.stats().upstream_rq_pending_overflow.increment(1);
        }
        permit
    }

    pub(crate) fn try_pending(&self) -> Option<Permit> {
        let permit = Permit::try_take(&self.limits, Resource::Pending, &self.plan.circuit);
        if permit.is_none() {
            self.stats().upstream_rq_pending_overflow.increment(1);
        }
        permit
    }

    pub(crate) fn try_connection(&self, pool_is_empty: bool) -> Option<ConnectionPermit> {
        let permit = Permit::try_connection(&self.limits, &self.plan.circuit, pool_is_empty);
        if permit.is_none() {
            self.stats().upstream_cx_overflow.increment(1);
        }
        permit
    }

    /// A dial has ended.
    pub(crate) fn dialled(&self, failed: bool) {
        self.stats().upstream_cx_total.increment(1);
        if failed {
            self.stats().upstream_cx_connect_fail.increment(1);
            if let Some(following) = self.following() {
                following.ask_again();
            }
        }
    }

    /// Whether one more retry is allowed: a token, unless it is `free` of that, *and* room (CB-8, CB-10,
    /// RT-13).
    pub(crate) fn try_retry(&self, now: Instant, free: bool) -> Result<Retrying, GiveUp> {
        let budget = self.budget.as_ref().filter(|_| !free);
        let recent = self.recent.as_ref().map_or(0, |recent| recent.count(now));
        match retry::admit(&self.limits, &self.plan.circuit, budget, recent, now) {
            Ok(()) => {
                self.stats().upstream_rq_retry.increment(1);
                Ok(Retrying(self.limits.clone()))
            }
            Err(reason) => {
                match reason {
                    GiveUp::Overflow => self.stats().upstream_rq_retry_overflow_concurrency.increment(1),
                    _ => self.stats().upstream_rq_retry_overflow_budget.increment(1),
                }
                Err(reason)
            }
        }
    }

    /// A connection to `host` was made (OD-2: it ends a row of local failures that are counted apart).
    pub(crate) fn connected(&self, host: &Host) {
        if let Some(detector) = &self.detector {
            detector.record_connected(host.outlier());
        }
    }

    /// Records how an attempt at `host` ended: for outlier detection and the retry budget.
    pub(crate) fn record(&self, host: &Host, outcome: &Outcome) {
        if outcome.class() == mesh_core::outcome::Class::Success
            && let Some(budget) = &self.budget
        {
            budget.deposit();
        }
        let Some(detector) = &self.detector else { return };
        let hosts = self.hosts.load();
        match detector.record(host.outlier(), outcome, hosts.set().members(), now()) {
            Some(Event::Ejected { .. }) => {
                drop(hosts);
                self.stats().outlier_detection_ejections_enforced_total.increment(1);
                tracing::warn!(
                    cluster = %self.plan.name,
                    endpoint = %host.endpoint().address,
                    ?outcome,
                    "endpoint ejected by outlier detection"
                );
                self.replace(|_| None);
            }
            Some(Event::Overflow { .. }) => self.stats().outlier_detection_ejections_overflow.increment(1),
            None => {}
        }
    }

    /// Takes note of the answer to a health check (HC-1, HC-2).
    pub(crate) fn checked(&self, host: &Host, finding: Finding, why: &str) {
        let Some(policy) = &self.plan.health else { return };
        let before = host.health();
        let changed = host.checks().record(policy, finding);
        if (before, changed) == (Health::Unhealthy, Some(Health::Healthy)) {
            host.restart_warm_up();
        }
        let (cluster, endpoint) = (&self.plan.name, &host.endpoint().address);
        match changed {
            Some(Health::Unhealthy) => {
                tracing::warn!(%cluster, %endpoint, why, "endpoint failed its health check");
            }
            Some(_) => tracing::info!(%cluster, %endpoint, "endpoint passed its health check"),
            None => {}
        }
        let well = finding == Finding::Pass && host.health() == Health::Healthy && host.is_ejected();
        let back =
            well && self.detector.as_ref().is_some_and(|detector| detector.take_back(host.outlier(), now()));
        if back {
            tracing::info!(%cluster, %endpoint, "endpoint is back from ejection: it passed its health check");
        }
        if changed.is_some() || back {
            self.replace(|_| None);
        }
    }

    /// A response of this endpoint says that it wants no more (HC-2).
    pub(crate) fn fail_now(&self, host: &Host) {
        if self.plan.health.is_some() && host.checks().fail_now() {
            let (cluster, endpoint) = (&self.plan.name, &host.endpoint().address);
            tracing::warn!(%cluster, %endpoint, "endpoint asked to be taken out of service");
            self.replace(|_| None);
        }
    }

    /// Starts the task that ticks outlier detection, if there is any; it ends with the cluster.
    pub(crate) fn keep_ticking(cluster: &Arc<Self>) {
        let Some(interval) = cluster.detector.as_ref().map(|detector| detector.policy().interval) else {
            return;
        };
        let owner = Arc::downgrade(cluster);
        tokio::spawn(async move {
            // Every process ticks by its own start; nothing is sent, so no jitter is needed.
            loop {
                tokio::time::sleep(interval).await;
                match owner.upgrade() {
                    Some(cluster) => cluster.tick(),
                    None => return,
                }
            }
        });
    }

    /// Returns endpoints whose ejection is over (OD-8).
    pub(super) fn tick(&self) {
        let Some(detector) = &self.detector else { return };
        let hosts = self.hosts.load();
        let returned = detector.tick(hosts.list().iter().map(Host::outlier), now());
        drop(hosts);
        if returned > 0 {
            tracing::info!(cluster = %self.plan.name, returned, "endpoints are back from ejection");
            self.replace(|_| None);
        }
    }

    /// Sets the gauges of ME-7 to what holds now; called before metrics are rendered.
    ///
    /// A cluster that no request has used shows its membership and health alone: the rest would be zeros.
    pub fn publish(&self) {
        if let Some(following) = self.following() {
            following.publish();
        }
        let hosts = self.hosts.load();
        let set = |name: &'static str, value: f64| {
            gauge!(name, "cluster_name" => self.plan.name.clone()).set(value);
        };
        set("envoy_cluster_membership_total", hosts.set().members() as f64);
        set("envoy_cluster_membership_healthy", hosts.set().healthy() as f64);
        if self.plan.health.is_some() {
            let well = hosts.list().iter().filter(|host| host.health() == Health::Healthy).count();
            set("envoy_cluster_health_check_healthy", well as f64);
        }
        if self.stats.get().is_none() {
            return;
        }
        let ejected = hosts.list().iter().filter(|host| host.is_ejected()).count();
        set("envoy_cluster_outlier_detection_ejections_active", ejected as f64);
        set("envoy_cluster_upstream_rq_active", f64::from(self.limits.active(Resource::Requests)));
        set("envoy_cluster_upstream_rq_pending_active", f64::from(self.limits.active(Resource::Pending)));
        set("envoy_cluster_upstream_cx_active", f64::from(self.limits.active(Resource::Connections)));
        for resource in Resource::ALL {
            let open = self.limits.is_open(resource, &self.plan.circuit);
            set(resource.open_name(), f64::from(u8::from(open)));
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
