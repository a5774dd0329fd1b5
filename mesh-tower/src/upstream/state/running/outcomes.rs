//! What a cluster learns of its endpoints: how attempts and health checks ended, and when an ejection is over.

use std::sync::Arc;

use mesh_core::health::{Finding, State as Health};
use mesh_core::outcome::{Class, Outcome};
use mesh_core::outlier::Event;

use super::super::Host;
use super::Cluster;
use crate::clock::now;

impl Cluster {
    /// A connection to `host` was made (OD-2: it ends a row of local failures that are counted apart).
    pub(crate) fn connected(&self, host: &Host) {
        if let Some(detector) = &self.detector {
            detector.record_connected(host.outlier());
        }
    }

    /// Records how an attempt at `host` ended: for outlier detection and the retry budget.
    pub(crate) fn record(&self, host: &Host, outcome: &Outcome) {
        if outcome.class() == Class::Success
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

    /// Records the answer to a health check (HC-1, HC-2).
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

    /// A response of this endpoint refuses further requests (HC-2).
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
    pub(in crate::upstream::state) fn tick(&self) {
        let Some(detector) = &self.detector else { return };
        let hosts = self.hosts.load();
        let returned = detector.tick(hosts.list().iter().map(Host::outlier), now());
        drop(hosts);
        if returned > 0 {
            tracing::info!(cluster = %self.plan.name, returned, "endpoints are back from ejection");
            self.replace(|_| None);
        }
    }
}
