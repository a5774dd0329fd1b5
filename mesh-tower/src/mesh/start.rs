//! From settings to a running mesh.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use mesh_core::analysis::Diagnostics;
use mesh_core::plan::Plan;
use mesh_core::rng::Rng as _;
use tokio::runtime::Handle;
use tokio::sync::watch as signal;
use tokio_util::sync::CancellationToken;

use super::config::{Configuration, Outcome};
use super::follow::follow;
use super::{Inner, Mesh, MeshBuilder, StartError, Status, readiness};
use crate::body::replay::ReplayBudget;
use crate::clock::FastRng;
use crate::source::{Kind, Report, Source};
use crate::telemetry::AccessLog;
use crate::upstream::discover::Names;
use crate::upstream::live::{Live, Tools};
use crate::upstream::state::Authorities;

impl MeshBuilder {
    /// Loads, checks and starts. Background work runs on the current runtime.
    ///
    /// Returns when the first plan is in force: requests can be sent at once.
    ///
    /// # Errors
    /// If the folder or another source has no configuration, a security resource cannot be honoured, or, with
    /// [`strict`](Self::strict), anything is wrong. The error lists every finding.
    ///
    /// # Cancellation
    /// Dropping the future drops the source.
    pub async fn start(self) -> Result<Mesh, StartError> {
        // Of the recorder that is there now: what is made later would not know.
        crate::telemetry::names::describe();
        let (mut source, place) = self.source.with(self.spec, &self.options, self.watch)?;
        let mut configuration = Configuration::new(place, self.options);
        let (plan, status) = first(&mut *source, &mut configuration).await?;
        let generation = plan.generation;
        let own_log = self.access_log.is_none();
        let access_log = self.access_log.unwrap_or_else(AccessLog::off);
        if own_log {
            let fail = |error| StartError::new(format!("the access log cannot be opened: {error}"));
            access_log.configure(plan.settings.access_log.as_ref()).map_err(fail)?;
        }
        let seed = self.seed.unwrap_or_else(|| FastRng::new().next_u64());
        let names = Names::new(self.resolver, seed, self.dns);
        let tools = Tools { connector: self.connector.clone(), rng: self.rng.clone(), names: names.clone() };
        let ready = readiness::at_first(&plan);
        let (istio_runtime, max_fields) = (plan.settings.istio_runtime, plan.settings.max_fields);
        let closed = CancellationToken::new();
        let mesh = Mesh(Arc::new(Inner {
            in_force: Arc::new(ArcSwap::new(plan.clone())),
            live: ArcSwap::from_pointee(Live::link(plan, None, &tools)),
            status: ArcSwap::from_pointee(status),
            generation: signal::channel(generation).0,
            ready: signal::channel(ready).0,
            workers: Mutex::default(),
            configuration: Mutex::new(configuration),
            connector: self.connector,
            rng: self.rng,
            replay: ReplayBudget::default(),
            attempt_faults: Arc::new(self.attempt_faults),
            authorities: Arc::new(Authorities::new(names.clone(), istio_runtime, max_fields)),
            names,
            runtime: Handle::current(),
            metrics: self.metrics,
            access_log,
            own_log,
            followed: closed.child_token(),
            closed,
        }));
        tokio::spawn(readiness::follow(Arc::downgrade(&mesh.0), mesh.generations()));
        let stop = mesh.0.followed.clone();
        tokio::spawn(follow(Arc::downgrade(&mesh.0), source, stop));
        metrics::gauge!("mesh_config_generation").set(generation as f64);
        Ok(mesh)
    }
}

/// Waits for the first plan. Endpoints that come before have no cluster yet.
async fn first(
    source: &mut dyn Source,
    configuration: &mut Configuration,
) -> Result<(Arc<Plan>, Status), StartError> {
    loop {
        let update = match source.next().await {
            Some(Ok(update)) => update,
            Some(Err(error)) => return Err(StartError::new(error.to_string())),
            None => return Err(StartError::new("its source has no configuration")),
        };
        let outcome = match update.0 {
            Kind::Documents(said) => configuration.documents(*said),
            Kind::Plan(plan, findings) => configuration.plan(*plan, findings),
            Kind::Endpoints(cluster, _) => {
                let reason = format!("there is no cluster {cluster} before the first plan");
                source.report(&Report::Rejected { reason, findings: Diagnostics::new() });
                continue;
            }
        };
        source.report(&Report::of(&outcome, &Status::default()));
        match outcome {
            Outcome::Applied(plan, status) => return Ok((plan, status)),
            Outcome::Rejected(status) => {
                let reason = status.rejected.unwrap_or_default();
                return Err(StartError::with(reason, status.diagnostics));
            }
            Outcome::Unchanged => unreachable!("the first load has nothing to compare with"),
        }
    }
}

#[cfg(test)]
mod tests {
    use mesh_core::identity::Workload;
    use mesh_core::plan::builder::{Protocol, Rule, Service};

    use super::*;

    #[tokio::test]
    async fn what_may_not_be_in_a_file_does_not_start_in_code_either() {
        let reviews = Service::new("reviews").port(9080, Protocol::Http);
        let rule = Rule::to("reviews").abort(999, 10.0);
        let refused = Mesh::builder().service(reviews.clone()).rule(rule).start().await.unwrap_err();
        assert!(refused.diagnostics().has_errors(), "{refused}");
        let mesh = Mesh::builder().service(reviews).rule(Rule::to("reviews")).start().await.unwrap();
        assert!(mesh.plan().outbound[&9080].host("reviews").is_some());
    }

    #[cfg(feature = "file")]
    #[tokio::test]
    async fn a_refused_start_shows_where_and_what_would_be_right() {
        let folder = tempfile::tempdir().unwrap();
        let text =
            "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a}\nspec: {egres: []}\n";
        std::fs::write(folder.path().join("a.yaml"), text).unwrap();
        let mesh = Mesh::from_dir(folder.path()).identity(Workload::default()).strict(true);
        let refused = mesh.start().await.unwrap_err();
        let told = refused.to_string().replace(&folder.path().display().to_string(), "mesh");
        let expected = "the mesh does not start: there are errors, and strictness was asked for\n\
                        Error [IST0106] (Sidecar default/a mesh/a.yaml:4:8) spec.egres: unknown field `egres`\n    \
                        hint: did you mean `egress`?";
        assert_eq!(told, expected);
    }

    #[cfg(feature = "file")]
    #[tokio::test]
    async fn a_folder_is_not_added_to() {
        let refused = Mesh::from_dir("mesh").rule(Rule::to("reviews")).start().await.unwrap_err();
        assert!(refused.to_string().contains("cannot be added to mesh"), "{refused}");
    }
}
