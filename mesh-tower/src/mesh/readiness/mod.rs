//! Probes whether our own workload is ready (HC-3).
//!
//! Each mesh has one task for it, which follows the plan in force. A reload that does not change the probe keeps the
//! known state of the workload; a changed probe begins again, unready. Without a probe, the workload is ready.

mod exec;

use std::future::pending;
use std::pin::pin;
use std::sync::Weak;

use mesh_core::endpoint::Address;
use mesh_core::health::{Finding, Readiness, ReadinessCheck, ReadinessPolicy};
use mesh_core::plan::Plan;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Inner;
use crate::upstream::health::{Answer, Prober};

/// Whether a workload of this plan is ready before its first probe.
pub(crate) const fn at_first(plan: &Plan) -> bool {
    plan.readiness.is_none()
}

/// Follows the probe of each plan until the mesh is dropped.
pub(crate) async fn follow(mesh: Weak<Inner>, mut generations: watch::Receiver<u64>) {
    loop {
        let Some(inner) = mesh.upgrade() else { return };
        let policy = inner.plan().readiness.clone();
        inner.set_ready(policy.is_none());
        let prober = policy.as_deref().map(|policy| Prober::own(policy, inner.connector().clone()));
        drop(inner);
        let asked = policy.as_deref().zip(prober.as_ref());
        let mut state = Readiness::default();
        let mut due = Instant::now() + policy.as_ref().map(|policy| policy.initial_delay).unwrap_or_default();
        let mut asking = pin!(ask(asked, due));
        loop {
            tokio::select! {
                (policy, Answer { finding, why }) = &mut asking => {
                    let Some(inner) = mesh.upgrade() else { return };
                    if state.record(policy, finding == Finding::Pass) {
                        inner.set_ready(state.is_ready());
                        if state.is_ready() {
                            tracing::info!("the workload is ready");
                        } else {
                            tracing::warn!(why, probe = %policy.origin, "the workload is not ready");
                        }
                    }
                    // A slow answer delays the next probe; no probe is made up for.
                    due = (due + policy.period).max(Instant::now());
                    asking.set(ask(asked, due));
                }
                changed = generations.changed() => {
                    let (Ok(()), Some(inner)) = (changed, mesh.upgrade()) else { return };
                    let same = match (&policy, &inner.plan().readiness) {
                        (Some(before), Some(now)) => before.same_policy(now),
                        (before, now) => before.is_none() && now.is_none(),
                    };
                    if !same {
                        break;
                    }
                }
            }
        }
    }
}

/// Probes when it is due; waits for ever if there is no probe.
async fn ask<'a>(
    asked: Option<(&'a ReadinessPolicy, &'a Prober)>,
    due: Instant,
) -> (&'a ReadinessPolicy, Answer) {
    let Some((policy, prober)) = asked else { return pending().await };
    sleep_until(due).await;
    let answer = match &policy.check {
        ReadinessCheck::Exec { program, arguments } => exec::run(program, arguments, policy.timeout).await,
        ReadinessCheck::Http { address, .. }
        | ReadinessCheck::Tcp(address)
        | ReadinessCheck::Grpc { address, .. } => prober.ask(&Address::Socket(*address)).await,
    };
    (policy, answer)
}
