//! How an update gets into force.

use std::sync::{Arc, Weak};

use mesh_core::analysis::Diagnostics;
use mesh_core::api::Documents;
use mesh_core::endpoint::Endpoint;
use mesh_core::plan::{ClusterKey, Discovery};

use super::Mesh;
use super::config::Outcome;
use super::status::{SourceState, Status};
use crate::source::{Kind, Report, SourceError, Update};
use crate::upstream::live::Live;

impl Mesh {
    /// Puts these documents in the place of the configuration so far. Whether they are in force.
    ///
    /// For a mesh that is configured in code. The mesh drops another source, such as a folder.
    #[must_use = "the documents may have been refused"]
    pub fn apply(&self, documents: Documents) -> bool {
        self.0.followed.cancel();
        let _runtime = self.0.runtime.enter();
        let mut configuration = self.configuration();
        let outcome = configuration.replace(documents);
        self.put_in_force(outcome)
    }

    /// Reads the configuration again, now. Whether a new plan is in force.
    ///
    /// It reads a folder, which need not be watched, or compiles documents made in code again. With another source it does
    /// nothing: that source alone decides when there is an update. It may be called from any thread.
    #[expect(clippy::must_use_candidate, reason = "the effect is what counts")]
    pub fn reload(&self) -> bool {
        let _runtime = self.0.runtime.enter();
        let mut configuration = self.configuration();
        let outcome = configuration.reload();
        self.put_in_force(outcome)
    }

    /// Takes an update of the source.
    pub(super) fn take(&self, update: Update) -> Report {
        let _runtime = self.0.runtime.enter();
        // Locked until it is in force: updates take turns.
        let mut configuration = self.configuration();
        if configuration.is_replaced() {
            let reason = "documents made in code have replaced this source".to_owned();
            return Report::Rejected { reason, findings: Diagnostics::new() };
        }
        let outcome = match update.0 {
            Kind::Documents(said) => configuration.documents(*said),
            Kind::Plan(plan, findings) => configuration.plan(*plan, findings),
            Kind::Endpoints(cluster, endpoints) => return self.push(&cluster, &endpoints),
        };
        let report = Report::of(&outcome, &self.status());
        self.put_in_force(outcome);
        report
    }

    /// Unlocks the configuration after a panic. A folder that was being loaded is read again at its next change or poll.
    pub(super) fn recover(&self) {
        drop(self.configuration());
    }

    /// The source has no update.
    pub(super) fn source_failed(&self, error: &SourceError) {
        let configuration = self.configuration();
        if configuration.is_replaced() {
            return;
        }
        let outcome = configuration.failed(error);
        self.put_in_force(outcome);
    }

    /// The source has no more updates.
    pub(super) fn source_ended(&self) {
        let configuration = self.configuration();
        if configuration.is_replaced() {
            return;
        }
        tracing::warn!(
            "the source of the configuration has ended; the last good configuration stays in force"
        );
        self.0.status.store(Arc::new(Status { source: SourceState::Ended, ..Status::clone(&self.status()) }));
    }

    /// The source has an update that changes nothing else in the status. The configuration is locked.
    fn source_is_back(&self) {
        let status = self.status();
        if status.source == SourceState::Failing {
            let source = SourceState::Following;
            self.0.status.store(Arc::new(Status { source, rejected: None, ..Status::clone(&status) }));
        }
    }

    /// Gives a running cluster these endpoints. The configuration is locked.
    fn push(&self, key: &ClusterKey, endpoints: &[Arc<Endpoint>]) -> Report {
        let live = self.live();
        let (plan, findings) = (live.plan(), Diagnostics::new());
        let cluster = plan.cluster_id(key).and_then(|id| Some((plan.cluster(id)?, live.cluster(id)?)));
        let reason = match cluster {
            None => format!("there is no cluster {key}"),
            Some((node, _)) if !matches!(node.discovery, Discovery::Static(_)) => {
                format!("cluster {key} resolves names")
            }
            Some((_, cluster)) => {
                cluster.push_endpoints(endpoints);
                self.source_is_back();
                return Report::InForce { generation: plan.generation, findings };
            }
        };
        tracing::error!(reason, "the new endpoints are rejected");
        Report::Rejected { reason, findings }
    }

    /// Whether a new plan is in force. The configuration is locked.
    fn put_in_force(&self, outcome: Outcome) -> bool {
        metrics::counter!("mesh_config_reload_total", "result" => outcome.result()).increment(1);
        let (plan, status) = match outcome {
            Outcome::Applied(plan, status) => (plan, status),
            Outcome::Unchanged => return false,
            Outcome::Rejected(status) => {
                let reason = status.rejected.as_deref().unwrap_or_default();
                tracing::error!(
                    reason,
                    "the new configuration is rejected; the last good one stays in force"
                );
                self.0.status.store(Arc::new(status));
                return false;
            }
        };
        let generation = plan.generation;
        if self.0.own_log
            && let Err(error) = self.0.access_log.configure(plan.settings.access_log.as_ref())
        {
            tracing::error!(%error, "the access log cannot be opened; lines go where they went before");
        }
        let live = Arc::new(Live::link(plan, Some(&self.live()), &self.0.tools()));
        let workers = self.workers();
        self.0.in_force.store(live.plan().clone());
        self.0.live.store(live.clone());
        for worker in workers.iter().filter_map(Weak::upgrade) {
            worker.follow(live.clone());
        }
        drop(workers);
        self.0.status.store(Arc::new(status));
        metrics::gauge!("mesh_config_generation").set(generation as f64);
        let status = self.status();
        if status.stale_resources.is_empty() && status.stale_hosts.is_empty() {
            tracing::info!(generation, "configuration applied");
        } else {
            let (resources, hosts) = (&status.stale_resources, &status.stale_hosts);
            tracing::warn!(
                generation,
                ?resources,
                ?hosts,
                "configuration applied; of these the last good version stays"
            );
        }
        self.0.generation.send_replace(generation);
        true
    }
}

impl Report {
    /// The report on an update with this outcome; `before` is the status before it.
    pub(super) fn of(outcome: &Outcome, before: &Status) -> Self {
        match outcome {
            Outcome::Applied(plan, status) => {
                Self::InForce { generation: plan.generation, findings: status.diagnostics.clone() }
            }
            Outcome::Unchanged => {
                Self::InForce { generation: before.generation, findings: before.diagnostics.clone() }
            }
            Outcome::Rejected(status) => Self::Rejected {
                reason: status.rejected.clone().unwrap_or_default(),
                findings: status.diagnostics.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
